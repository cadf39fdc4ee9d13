import { expect, test } from 'vitest';
import { orAborted } from './abort.ts';

const reason = new Error('told to stop');

test('what the work brings, when nothing is aborted', async () => {
  const { signal } = new AbortController();
  expect(await orAborted(Promise.resolve(7), signal)).toBe(7);
  await expect(orAborted(Promise.reject(new Error('the work failed')), signal)).rejects.toThrow('the work failed');
});

test("the signal's reason, as soon as it is aborted", async () => {
  const stop = new AbortController();
  const waits = orAborted(new Promise<never>(() => undefined), stop.signal);
  stop.abort(reason);
  await expect(waits).rejects.toBe(reason);
});

test('a signal that was aborted before is heard first, and work that fails later fails unheard', async () => {
  const signal = AbortSignal.abort(reason);
  await expect(orAborted(Promise.resolve(7), signal)).rejects.toBe(reason);
  const unheard: unknown[] = [];
  const hear = (error: unknown): void => void unheard.push(error);
  process.on('unhandledRejection', hear);
  try {
    const work = Promise.withResolvers<never>();
    await expect(orAborted(work.promise, signal)).rejects.toBe(reason);
    work.reject(new Error('the work failed'));
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off('unhandledRejection', hear);
  }
  expect(unheard).toEqual([]);
});
