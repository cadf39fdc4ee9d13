import type { Duplex } from 'node:stream';
import { TealError } from '../../kernel/errors.ts';
import { frameHeaderBytes } from '../../wire/postgres/frames.ts';
import { malformed } from '../../wire/postgres/body.ts';

/**
 * Exactly `count` bytes of a paused socket, for the conversation before messages flow. What is not asked for stays in the stream, so whoever
 * listens to `data` afterwards misses nothing. Fails with TEAL-TRAFFIC-008 when the peer leaves, and with the signal's reason.
 */
export async function readExactly(socket: Duplex, count: number, signal: AbortSignal): Promise<Buffer> {
  for (;;) {
    signal.throwIfAborted();
    const bytes: unknown = socket.read(count);
    if (Buffer.isBuffer(bytes)) {
      if (bytes.length === count) return bytes;
      throw left();
    }
    if (socket.readableEnded || socket.destroyed) throw left(socket.errored);
    await readableOrEnded(socket, signal);
  }
}

/** One whole message. `limitBytes` bounds what a peer that has not proven who it is can make us keep. */
export async function readFrame(socket: Duplex, limitBytes: number, signal: AbortSignal): Promise<Buffer> {
  const header = await readExactly(socket, frameHeaderBytes, signal);
  const length = header.readInt32BE(1);
  if (length < 4) throw malformed('a message', 'its length');
  if (length + 1 > limitBytes) {
    throw new TealError('TEAL-WIRE-002', 'a message is longer than the limit', { announced: length, limitBytes });
  }
  if (length === 4) return header;
  return Buffer.concat([header, await readExactly(socket, length - 4, signal)]);
}

function left(cause?: Error | null): TealError {
  return new TealError('TEAL-TRAFFIC-008', 'the peer closed the connection', {}, cause ?? undefined);
}

async function readableOrEnded(socket: Duplex, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const woken = (): void => resolve();
  const failed = (error: Error): void => reject(left(error));
  const aborted = (): void => reject(signal.reason as Error);
  socket.on('readable', woken).on('end', woken).on('close', woken).on('error', failed);
  signal.addEventListener('abort', aborted, { once: true });
  try {
    await promise;
  } finally {
    socket.off('readable', woken).off('end', woken).off('close', woken).off('error', failed);
    signal.removeEventListener('abort', aborted);
  }
}
