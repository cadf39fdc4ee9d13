import { once } from 'node:events';
import { chmod, mkdir, rm, stat } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { unreachable } from '../../kernel/assert.ts';
import { TealError } from '../../kernel/errors.ts';
import { LineSplitter } from '../../kernel/lines.ts';
import type { ShadowReads, ShadowTally } from '../../ports/shadow.ts';
import { lineLimitBytes, requestSchema, wordsOf, type ControlAnswer, type ControlRequest } from './control-words.ts';
import type { DirectedSession, Director } from './director.ts';
import type { ProxyAbout } from './identity.ts';

export interface Controlled {
  readonly hub: Pick<
    Director<DirectedSession>,
    'read' | 'stats' | 'look' | 'warm' | 'hold' | 'renew' | 'point' | 'release' | 'shadow'
  >;
  readonly about: () => ProxyAbout;
  readonly stop: () => void;
}

const unreadLimitBytes = 8 << 20;

/** The proxy's control socket: only its owner may open it. The proxy serves on when nobody is there. */
export class ControlServer {
  readonly #path: string;
  readonly #controlled: Controlled;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(path: string, controlled: Controlled) {
    this.#path = path;
    this.#controlled = controlled;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  async listen(): Promise<void> {
    // A file left by a proxy that was killed; a live one would have kept its port, on which this one would have failed before.
    await privateFolder(dirname(this.#path));
    await rm(this.#path, { force: true });
    this.#server.listen(this.#path);
    await once(this.#server, 'listening');
    await chmod(this.#path, 0o600);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroySoon();
    if (!this.#server.listening) return;
    this.#server.close();
    await rm(this.#path, { force: true });
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    const lines = new LineSplitter(lineLimitBytes);
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      for (const line of lines.push(chunk)) void this.#answer(socket, line);
      // Who asks and does not read the answers would have them all kept here.
      if (lines.overflowed || socket.writableLength > unreadLimitBytes) socket.destroy();
    });
  }

  async #answer(socket: Socket, line: string): Promise<void> {
    const answer = await this.#answerTo(line);
    if (!socket.destroyed) socket.write(`${JSON.stringify(answer)}\n`);
  }

  async #answerTo(line: string): Promise<ControlAnswer> {
    let id = 0;
    try {
      const request = requestSchema.parse(JSON.parse(line));
      id = request.id;
      return { id, ok: true, result: (await this.#act(request)) ?? null };
    } catch (error) {
      return { id, ok: false, error: wordsOf(error) };
    }
  }

  async #act(request: ControlRequest): Promise<unknown> {
    const { hub, about, stop } = this.#controlled;
    switch (request.op) {
      case 'read':
        return hub.read();
      case 'about':
        return about();
      case 'stats':
        return hub.stats();
      case 'look':
        return hub.look();
      case 'warm':
        return hub.warm();
      case 'hold':
        return hub.hold({ cut: request.cut, leaseMs: request.leaseMs, drainMs: request.drainMs });
      case 'renew':
        return hub.renew(request.leaseMs);
      case 'point':
        return hub.point(request.side, request.epoch);
      case 'release':
        return hub.release();
      case 'shadow':
        return shadowOf(hub.shadow, request.share);
      case 'stop':
        setImmediate(stop);
        return undefined;
      default:
        return unreachable(request, 'control request');
    }
  }
}

/** Begins shadow reads anew with a share, or ends them (0), and tells what was counted. */
async function shadowOf(shadow: ShadowReads | undefined, share: number | undefined): Promise<ShadowTally> {
  if (shadow === undefined)
    throw new TealError('TEAL-TRAFFIC-030', 'reads of this family of databases are not compared');
  if (share === 0) await shadow.end();
  else if (share !== undefined) await shadow.begin(share);
  return shadow.tally();
}

/** Whoever can write into the folder can put another socket in the place of this one, and controllers would obey it. */
async function privateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { uid, mode } = await stat(folder);
  if (uid === process.getuid?.() && (mode & 0o022) === 0) return;
  throw new TealError(
    'TEAL-TRAFFIC-006',
    `others may write into the folder of the control socket: chmod 700 ${folder}`,
    {
      folder,
    },
  );
}
