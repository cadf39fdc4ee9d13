import { once } from 'node:events';
import { chmod, mkdir, rm, stat } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { unreachable } from '../../kernel/assert.ts';
import { TealError } from '../../kernel/errors.ts';
import { LineSplitter } from '../../kernel/lines.ts';
import type { CanaryReads, CanaryTally } from '../../ports/canary.ts';
import type { CaptureTally, Capturing } from '../../ports/capture.ts';
import type { HoldResult } from '../../ports/router.ts';
import { asksNothing, type ShadowReads, type ShadowTally } from '../../ports/shadow.ts';
import {
  lineLimitBytes,
  requestSchema,
  wordsOf,
  type CanaryWords,
  type CaptureWords,
  type ControlAnswer,
  type ControlRequest,
  type DirectingWords,
  type ShadowWords,
  type TenantWords,
} from './control-words.ts';
import type { Directing } from './director.ts';
import type { ProxyAbout } from './identity.ts';
import type { Tenancy, TenancyTally, TenantSession } from './tenants/tenancy.ts';

export interface Controlled {
  readonly hub: Directing;
  /** Absent where reads of clients cannot be compared. */
  readonly shadow?: ShadowReads;
  /** Absent where what clients ask cannot be recorded. */
  readonly capture?: Capturing;
  readonly canary: CanaryReads;
  /** Absent where sessions of some tenants cannot go elsewhere than the others. */
  readonly tenancy?: Pick<Tenancy<TenantSession>, 'hold' | 'settle' | 'tally'> | undefined;
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
      case 'about':
        return about();
      case 'shadow':
        return compareReads(this.#controlled.shadow, request);
      case 'capture':
        return recordAsks(this.#controlled.capture, request);
      case 'canary':
        return moveReads(this.#controlled.canary, request);
      case 'tenants':
        return moveTenants(this.#controlled.tenancy, request);
      case 'stop':
        setImmediate(stop);
        return undefined;
      default:
        return direct(hub, request);
    }
  }
}

/** Begins, ends or only tells. Errors: TEAL-TRAFFIC-022 where reads cannot be compared. */
export async function compareReads(shadow: ShadowReads | undefined, { order }: ShadowWords): Promise<ShadowTally> {
  if (shadow === undefined)
    throw new TealError('TEAL-TRAFFIC-022', 'reads of this family of databases are not compared');
  if (order !== undefined && asksNothing(order)) await shadow.end();
  else if (order !== undefined) await shadow.begin(order);
  return shadow.tally();
}

/** Begins, ends or only tells. Errors: TEAL-TRAFFIC-037 where what clients ask is not recorded, those of the beginning. */
export async function recordAsks(
  capture: Capturing | undefined,
  { begin, end }: Omit<CaptureWords, 'op'>,
): Promise<CaptureTally> {
  if (capture === undefined) throw new TealError('TEAL-TRAFFIC-037', 'what these clients ask is not recorded');
  if (begin !== undefined) await capture.begin(begin);
  else if (end === true) await capture.end();
  return capture.tally();
}

/** Sets the share, ends it, or only tells. */
export async function moveReads(canary: CanaryReads, words: CanaryWords): Promise<CanaryTally> {
  if (words.set !== undefined) return canary.set(words.set.share, words.set.leaseMs, words.set.by);
  if (words.end === true) await canary.end();
  return canary.tally();
}

/** Errors: TEAL-TRAFFIC-081 where tenants cannot be moved, those of moving them. */
export async function moveTenants(
  tenancy: Controlled['tenancy'],
  { hold, settle }: Omit<TenantWords, 'op'>,
): Promise<HoldResult | TenancyTally> {
  if (tenancy === undefined) throw new TealError('TEAL-TRAFFIC-081', 'this proxy moves all of its clients or none');
  if (hold !== undefined) return tenancy.hold(hold);
  return settle === true ? tenancy.settle() : tenancy.tally();
}

/** Has those who direct do what is said, and answers as they do. */
export async function direct(hub: Directing, words: DirectingWords): Promise<unknown> {
  switch (words.op) {
    case 'read':
      return hub.read();
    case 'stats':
      return hub.stats();
    case 'figures':
      return hub.figures();
    case 'look':
      return hub.look();
    case 'warm':
      return hub.warm();
    case 'hold':
      return hub.hold({ cut: words.cut, leaseMs: words.leaseMs, drainMs: words.drainMs });
    case 'renew':
      return hub.renew(words.leaseMs);
    case 'point':
      return hub.point(words.side, words.epoch);
    case 'release':
      return hub.release();
    default:
      return unreachable(words, 'control request');
  }
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
