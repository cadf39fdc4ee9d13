import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { within } from '../../kernel/clock.ts';
import { TealError, isTealError } from '../../kernel/errors.ts';

const answerMs = 10_000;

/**
 * Says one line to the runtime API and returns what it answers until it hangs up (management guide, "Unix Socket commands": several commands stand on one line with semicolons between, and are done one
 * after the other). `address`: a path, or host:port. TEAL-TRAFFIC-018 when nothing answers in its time.
 */
export async function say(address: string, commands: readonly string[]): Promise<string> {
  const late = (): TealError => new TealError('TEAL-TRAFFIC-018', `${address} did not answer in ${answerMs} ms`);
  try {
    return await within(answerMs, late, async (signal) => {
      const socket = connect(optionsOf(address));
      const abandon = (): void => void socket.destroy();
      signal.addEventListener('abort', abandon, { once: true });
      try {
        socket.write(`${commands.join('; ')}\n`);
        return await text(socket);
      } finally {
        socket.destroy();
      }
    });
  } catch (error) {
    if (isTealError(error)) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new TealError('TEAL-TRAFFIC-018', why, {}, error);
  }
}

function optionsOf(address: string): { readonly path: string } | { readonly host: string; readonly port: number } {
  const parts = /^(?<host>\[[^\]]+\]|[^/:]+):(?<port>\d{1,5})$/.exec(address)?.groups;
  if (parts === undefined) return { path: address };
  return { host: (parts['host'] ?? '').replace(/^\[|\]$/g, ''), port: Number(parts['port']) };
}
