import { createConnection, type Socket } from 'node:net';
import { TealError } from '../../kernel/errors.ts';
import { LineSplitter } from '../../kernel/lines.ts';
import { errorOfFailure, type Failure } from '../../sync/receiver.ts';
import { readSocketPath } from './control-server.ts';
import { carrierResponseSchema, maxLineBytes, type CarrierRequest } from './protocol.ts';

type WithoutId<Request> = Request extends { readonly id: number } ? Omit<Request, 'id'> : never;
export type Question = WithoutId<CarrierRequest>;

export interface AskOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * One question on a connection of its own. Errors: TEAL-CARRIERS-001 nobody listens, or nobody any more; -003 no answer in time or a broken one; whatever the worker answers with.
 */
export async function askWorker(socketFile: string, question: Question, options: AskOptions): Promise<unknown> {
  const path = await readSocketPath(socketFile);
  if (path === undefined) throw new TealError('TEAL-CARRIERS-001', 'there is no worker', { socketFile });
  const timeout = AbortSignal.timeout(options.timeoutMs);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]);
  const socket = createConnection(path);
  const destroy = (): void => {
    socket.destroy();
  };
  signal.addEventListener('abort', destroy, { once: true });
  try {
    socket.write(`${JSON.stringify({ id: 1, ...question })}\n`);
    const line = await firstLine(socket);
    options.signal?.throwIfAborted();
    if (line !== undefined) return readAnswer(line);
    // Closed without an answer: the system had taken the connection for a process that was just ending.
    if (!timeout.aborted)
      throw new TealError('TEAL-CARRIERS-001', 'the worker ended before it answered', { socketFile });
    const { method } = question;
    throw new TealError('TEAL-CARRIERS-003', 'no answer in time', { method, timeoutMs: options.timeoutMs });
  } finally {
    signal.removeEventListener('abort', destroy);
    socket.destroy();
  }
}

/** Undefined when the connection ends without one. */
async function firstLine(socket: Socket): Promise<string | undefined> {
  const lines = new LineSplitter(maxLineBytes);
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    const [first] = lines.push(chunk);
    if (first !== undefined) resolve(first);
    else if (lines.overflowed) socket.destroy();
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') {
      reject(new TealError('TEAL-CARRIERS-001', 'nobody listens at the control socket', {}));
    } else resolve(undefined);
  });
  socket.on('close', () => resolve(undefined));
  return promise;
}

/** The result that a worker's line carries. Throws what the worker answers with, and TEAL-CARRIERS-003 for a line that is no answer. */
export function readAnswer(line: string): unknown {
  const parsed = carrierResponseSchema.safeParse(jsonOf(line));
  if (!parsed.success) throw new TealError('TEAL-CARRIERS-003', 'the worker answered something else than an answer');
  if ('failure' in parsed.data) throw errorOfFailure(parsed.data.failure as Failure);
  return parsed.data.result;
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // No answer either: the schema says so.
    return undefined;
  }
}
