import { expect, test } from 'vitest';
import { greenMajor, testDatabase } from '../../../test/support/postgres.ts';
import { frame } from '../../wire/postgres/body.ts';
import { CopySession } from './copy-session.ts';

async function* thenFails(...spans: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* spans;
  throw new Error('the source is gone');
}

test.each([
  ['between two rows', 0, true],
  ['in the length of a row', 3, false],
  ['in the middle of a row', 7, false],
])('a source that ends %s ends the copy at once, and leaves nothing', async (_name, cut, usable) => {
  await using green = await testDatabase(greenMajor());
  await green.query('create table t (a text)');
  await using session = await CopySession.open({
    url: green.url,
    applicationName: 'teal test',
    signal: AbortSignal.timeout(60_000),
  });
  const [whole, half] = [frame('d', Buffer.from('one\n')), frame('d', Buffer.alloc(300, 'x')).subarray(0, cut)];
  const copied = session.copyIn('copy public.t from stdin', thenFails(whole, half));
  await expect(copied).rejects.toThrow('the source is gone');
  const next = session.execute('select 1');
  await (usable ? expect(next).resolves.toEqual(['SELECT 1']) : expect(next).rejects.toThrow('TEAL-SYSTEMS-006'));
  expect(await green.query('select count(*) as n from t')).toEqual([{ n: '0' }]);
});
