import { monotonicMs } from '../../../kernel/clock.ts';
import { isTealError } from '../../../kernel/errors.ts';
import type { ServedCounter } from '../../../model/served.ts';
import type { ErrorReply } from '../../../wire/mysql/replies.ts';
import { accessDeniedIn, type MysqlConnectResult } from './connector.ts';

/** What a client meets with the answer that ends here; `sentMs`: when its command was passed on. Errors are counted by the class of their SQLSTATE, as those of PostgreSQL. */
export function countAnswer(served: ServedCounter, sentMs: number, error: ErrorReply | undefined): void {
  served.answered(monotonicMs() - sentMs);
  if (error !== undefined) served.failed(error.sqlState.slice(0, 2));
}

/** A client's first backend: one that cannot be had is counted, a wrong password is not. `served`: of the side where it was looked for at last. */
export async function countConnect(
  served: () => ServedCounter,
  connecting: Promise<MysqlConnectResult>,
): Promise<MysqlConnectResult> {
  try {
    const result = await connecting;
    if ('refused' in result && !accessDeniedIn(result.refused)) served().failed('unreachable');
    return result;
  } catch (error) {
    if (isTealError(error, 'TEAL-TRAFFIC-002')) served().failed('unreachable');
    throw error;
  }
}
