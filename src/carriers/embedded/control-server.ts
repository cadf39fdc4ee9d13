import { chmod, mkdtemp, readFile, rm, rmdir } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { LineSplitter } from '../../kernel/lines.ts';
import { failureOf } from '../../sync/receiver.ts';
import { writeAtomically } from './config.ts';
import { carrierRequestSchema, maxLineBytes, type CarrierRequest, type CarrierResponse } from './protocol.ts';

/** The longest path that a unix socket may have is about 104 bytes (macOS) to 108 (Linux). */
const maxSocketPathBytes = 100;
const maxUnreadBytes = 1 << 20;

export type Answer = (request: CarrierRequest) => Promise<unknown>;

/**
 * Listens on a unix socket for its owner only, and writes the socket's path to `socketFile`. In the folder of that file where its path is short enough, else in
 * a folder of its own under the system's temporary folder.
 */
export async function startControlServer(socketFile: string, answer: Answer): Promise<AsyncDisposable> {
  const folder = await socketFolder(dirname(socketFile));
  const path = join(folder, 'control.sock');
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // A client that goes away in the middle of an answer is no event.
    socket.on('error', () => socket.destroy());
    serve(socket, answer);
  });
  // Left by a worker that was killed; the lock on the target, not this file, keeps two workers apart.
  await forgetSocket(socketFile);
  await rm(path, { force: true });
  server.listen(path);
  await once(server, 'listening');
  await chmod(path, 0o600);
  await writeAtomically(socketFile, path);
  return {
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroySoon();
      // Only if it is still this server's: another worker may have taken the place.
      if ((await readSocketPath(socketFile)) === path) await forgetSocket(socketFile);
    },
  };
}

/** Removes what a server has left: the file, the socket, and the socket's own folder if it had one. */
export async function forgetSocket(socketFile: string): Promise<void> {
  const path = await readSocketPath(socketFile);
  if (path === undefined) return;
  await rm(socketFile, { force: true });
  await rm(path, { force: true });
  // An empty folder of that name only; whatever else it holds is not this program's.
  if (dirname(path).startsWith(temporaryPrefix)) await rmdir(dirname(path)).catch(() => undefined);
}

const temporaryPrefix = join(tmpdir(), 'teal-control-');

/** Undefined when there is none. */
export async function readSocketPath(socketFile: string): Promise<string | undefined> {
  try {
    return await readFile(socketFile, 'utf8');
  } catch (error) {
    if (error instanceof Error && Reflect.get(error, 'code') === 'ENOENT') return undefined;
    throw error;
  }
}

async function socketFolder(beside: string): Promise<string> {
  if (Buffer.byteLength(join(beside, 'control.sock')) <= maxSocketPathBytes) return beside;
  return mkdtemp(temporaryPrefix);
}

function serve(socket: Socket, answer: Answer): void {
  const lines = new LineSplitter(maxLineBytes);
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    for (const line of lines.push(chunk)) void respond(socket, line, answer);
    // Who asks and does not read the answers would have them all kept here.
    if (lines.overflowed || socket.writableLength > maxUnreadBytes) socket.destroy();
  });
}

async function respond(socket: Socket, line: string, answer: Answer): Promise<void> {
  const request = parseRequest(line);
  if (request === undefined) {
    socket.destroy();
    return;
  }
  const response = await answer(request).then(
    (result): CarrierResponse => ({ id: request.id, result: result ?? null }),
    (error: unknown): CarrierResponse => ({ id: request.id, failure: failureOf(error) }),
  );
  if (socket.writable) socket.write(`${JSON.stringify(response)}\n`);
}

function parseRequest(line: string): CarrierRequest | undefined {
  try {
    return carrierRequestSchema.parse(JSON.parse(line));
  } catch {
    // A line that is no request has no id to answer to: the connection is closed.
    return undefined;
  }
}
