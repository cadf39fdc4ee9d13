import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitFor } from '../../src/kernel/clock.ts';
import { isTealError } from '../../src/kernel/errors.ts';
import { serverNumberOf } from '../../src/systems/mysql/errors.ts';
import { fenceErrorNumber } from '../../src/systems/mysql/fence.ts';
import { decode, endOfBinlog, openStream, readUpTo, tell } from '../../src/systems/mysql/test-support/stream.ts';
import { startMysql, type MysqlServer } from '../../tools/servers/mysql.ts';
import { allSeries } from '../support/mysql.ts';
import { fencedServer, type FencedServer } from './fenced-mysql.ts';

const raise = { cut: 'c1', token: 'c1/blue', epoch: 1 };

describe.for(allSeries)('a fence of $series', ({ series, tested }) => {
  let server: MysqlServer;
  beforeAll(async () => {
    if (tested) server = await startMysql({ series });
  });
  afterAll(async () => server?.[Symbol.asyncDispose]());

  /** Ids of rows in the log, before the fence's token and after it. */
  async function aroundToken(at: FencedServer, after: Awaited<ReturnType<typeof endOfBinlog>>) {
    await using stream = await openStream(at.url, after);
    const told = decode(await readUpTo(stream, await endOfBinlog(at.root))).map(tell);
    const token = told.findIndex((text) => text.startsWith('insert cut '));
    expect(token).toBeGreaterThan(0);
    const ids = (texts: readonly string[]): readonly number[] =>
      texts.filter((text) => text.startsWith('insert t ')).map((text) => Number(text.slice('insert t '.length)));
    return { before: ids(told.slice(0, token)), after: ids(told.slice(token)) };
  }

  // Vitess took the position, and then the lock: what came between was on the old side alone (#16563).
  test.skipIf(!tested)(
    '17: under writers every row that was accepted is in the log before the token, and none after it',
    async () => {
      for (let round = 0; round < 3; round += 1) {
        await using it = await fencedServer(server);
        const from = await endOfBinlog(it.root);
        const accepted: number[] = [];
        const writing = [0, 1, 2, 3].map(async (writer) => {
          await using client = await it.client();
          for (let n = 0; ; n += 1) {
            const id = 4 * n + writer;
            try {
              await client.query(`insert into moving.t values (${id})`);
            } catch (error) {
              if (serverNumberOf(error) === fenceErrorNumber) return;
              throw error;
            }
            accepted.push(id);
          }
        });
        await waitFor({ what: 'writers', timeoutMs: 60_000 }, () => accepted.length > 50 || undefined);
        await it.fence.raise({ ...raise, lockTimeoutMs: 60_000 });
        await Promise.all(writing);
        const seen = await aroundToken(it, from);
        expect(seen.after).toEqual([]);
        expect(seen.before.toSorted((a, b) => a - b)).toEqual(accepted.toSorted((a, b) => a - b));
      }
    },
  );

  // On MariaDB `read_only` comes at once, and the COMMIT of an open transaction fails.
  test.skipIf(!tested)(
    '26: a transaction that is open when the fence is asked for commits, and the fence comes after it',
    async () => {
      await using it = await fencedServer(server);
      const from = await endOfBinlog(it.root);
      await using client = await it.client();
      await client.query('start transaction');
      await client.query('insert into moving.t values (1)');
      await expect(it.fence.raise({ ...raise, lockTimeoutMs: 300 })).rejects.toSatisfy((error) =>
        isTealError(error, 'TEAL-SYSTEMS-008'),
      );
      await client.query('insert into moving.t values (2)');
      const raising = it.fence.raise({ ...raise, lockTimeoutMs: 60_000 });
      await client.query('commit');
      await raising;
      const refused: unknown = await client.query('insert into moving.t values (3)').catch((error: unknown) => error);
      expect(serverNumberOf(refused)).toBe(fenceErrorNumber);
      expect(await aroundToken(it, from)).toEqual({ before: [1, 2], after: [] });
    },
  );
});
