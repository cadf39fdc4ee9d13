import { connect } from 'node:net';
import { within } from '../kernel/clock.ts';
import { TealError, isTealError, type ErrorCode } from '../kernel/errors.ts';

const answerMs = 10_000;
const limitBytes = 1 << 20;

/** Connects, says `words`, and returns what is answered until the other end hangs up. `address`: a path, or host:port. The error of `code` when nobody answers in 10 s, or more than 1 MiB. */
export async function oneAnswer(address: string, words: string, code: ErrorCode): Promise<string> {
  const late = (): TealError => new TealError(code, `${address} did not answer in ${answerMs} ms`);
  try {
    return await within(answerMs, late, async (signal) => {
      const socket = connect(optionsOf(address));
      const abandon = (): void => void socket.destroy();
      signal.addEventListener('abort', abandon, { once: true });
      try {
        if (words !== '') socket.write(words);
        const chunks: Buffer[] = [];
        let bytes = 0;
        for await (const chunk of socket as AsyncIterable<Buffer>) {
          chunks.push(chunk);
          bytes += chunk.length;
          if (bytes > limitBytes) throw new TealError(code, `${address} answers more than ${limitBytes} bytes`);
        }
        return Buffer.concat(chunks).toString('utf8');
      } finally {
        socket.destroy();
      }
    });
  } catch (error) {
    if (isTealError(error)) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new TealError(code, why, {}, error);
  }
}

function optionsOf(address: string): { readonly path: string } | { readonly host: string; readonly port: number } {
  const parts = /^(?<host>\[[^\]]+\]|[^/:]+):(?<port>\d{1,5})$/.exec(address)?.groups;
  if (parts === undefined) return { path: address };
  return { host: (parts['host'] ?? '').replace(/^\[|\]$/g, ''), port: Number(parts['port']) };
}
