import assert from 'node:assert/strict';
import { isTealError } from '../kernel/errors.ts';

/** The code of the error by which `work` is refused. Fails where it is not refused, or by an error without a code. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  const thrown = await work.then(
    () => assert.fail('it was not refused'),
    (error: unknown) => error,
  );
  assert.ok(isTealError(thrown), `refused by an error without a code: ${String(thrown)}`);
  return thrown.code;
}
