import { TealError } from '../../kernel/errors.ts';
import type { StreamLease } from '../../ports/change-source.ts';
import { connect } from './connection.ts';
import { lockHolder, lockName, tryLock } from './named-lock.ts';

/**
 * A named lock on the target, on a session of its own: gone with the worker, however that ends. The sink takes another one; this one says it before the source is touched.
 * Errors: TEAL-SYSTEMS-030 somebody else has it, and those of `connect`.
 */
export async function takeStreamLease(url: string, stream: string, signal: AbortSignal): Promise<StreamLease> {
  const connection = await connect({ url, applicationName: `teal lease ${stream}`, signal });
  try {
    const name = lockName('carrier', stream);
    // A moment: the session of a worker that has just ended may not have ended on the server.
    if (!(await tryLock(connection, name, 1))) {
      const holder = await lockHolder(connection, name);
      throw new TealError('TEAL-SYSTEMS-030', 'another worker carries this stream', {
        stream,
        pids: holder === undefined ? [] : [holder],
      });
    }
  } catch (error) {
    await connection.close();
    throw error;
  }
  return { lost: connection.ended, [Symbol.asyncDispose]: async () => connection.close() };
}
