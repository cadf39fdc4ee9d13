import { expect, test } from 'vitest';
import { monotonicMs, waitFor } from '../../../../src/kernel/clock.ts';
import { must } from '../../../../src/kernel/assert.ts';
import { withClient } from '../../../../tools/servers/with-client.ts';
import { pairs } from '../../faults.ts';
import type { Pair } from '../world.ts';
import { asked, inject, patienceMs } from './test-support/inject.ts';
import { faultPlace, type FaultPlace } from './test-support/place.ts';

const longestMs = 60_000;

/** A row that comes through the forward flow to green, past all links but the flow's own: milliseconds, or undefined after `patienceMs`. */
async function carried(at: FaultPlace, n: number, patienceMs: number): Promise<number | undefined> {
  await at.query('blue', `insert into item values (${n})`);
  const began = monotonicMs();
  const came = waitFor({ what: 'the row', timeoutMs: patienceMs, everyMs: 10 }, async () =>
    (await at.query('green', `select from item where id = ${n}`)).length > 0 ? monotonicMs() - began : undefined,
  );
  return came.catch(() => undefined);
}

test(
  'every pair is what it says: what a fault of it hurts, and what it leaves alone',
  { timeout: 300_000 },
  async () => {
    await using at = await faultPlace({ schema: 'create table item (id int primary key)' });
    const { migration } = at.life;
    expect(await migration.up()).toMatchObject({ outcome: 'waiting' });
    const direct = at.life.proxyUrl;
    let n = 0;
    const row = async (patienceMs = longestMs): Promise<number | undefined> => carried(at, (n += 1), patienceMs);
    const select = 'select count(*) from item';

    // As many sessions as the servers have by these names.
    await withClient(at.clientUrl, async () => {
      for (const side of ['blue', 'green'] as const) {
        const rows = await at.query(
          side,
          `select count(*) filter (where application_name like '%\\_fwd') as forward, count(*) filter (where application_name like '%\\_rev') as reverse,
           count(*) filter (where application_name = 'teal proxy' or application_name = '') as proxy
         from pg_stat_activity where backend_type in ('client backend', 'walsender') and pid <> pg_backend_pid()`,
        );
        const counts = ['forward-flow', 'reverse-flow', 'proxy'].map((who) =>
          String(at.proxies[side].count(`${who}-${side}`)),
        );
        expect(counts).toEqual(Object.values(must(rows[0], 'a row')));
        expect(Number(counts[0])).toBeGreaterThan(0);
      }
      expect(at.proxies.client.count('client-proxy')).toBe(1);
    });

    const faults: Readonly<
      Record<Pair, { cut: () => Promise<void>; delay: () => Promise<void>; halfOpen: () => Promise<void> }>
    > = {
      'client-proxy': {
        cut: async () => {
          expect(await asked(at.clientUrl, select)).toContain('ECONNRESET');
          expect(await asked(direct, select)).toBeLessThan(patienceMs);
        },
        delay: async () => expect(await asked(at.clientUrl, select)).toBeGreaterThan(399),
        halfOpen: async () => expect(await asked(at.clientUrl, select)).toBe('silent'),
      },
      'proxy-blue': {
        cut: async () => {
          expect(await asked(direct, select)).toMatch(/error/i);
          expect(await row(10_000)).toBeLessThan(10_000);
        },
        delay: async () => expect(await asked(direct, select)).toBeGreaterThan(399),
        halfOpen: async () => expect(await asked(direct, select)).toBe('silent'),
      },
      'proxy-green': {
        cut: async () => expect(await asked(direct, select)).toBeLessThan(patienceMs),
        delay: async () => {
          // The delay would be in each of them.
          const each = [await asked(direct, select), await asked(direct, select), await asked(direct, select)];
          expect(Math.min(...each.map(Number))).toBeLessThan(399);
        },
        halfOpen: async () => expect(await asked(direct, select)).toBeLessThan(patienceMs),
      },
      'forward-flow-blue': {
        cut: async () => expect(await row(1_500)).toBeUndefined(),
        delay: async () => expect(await row()).toBeGreaterThan(199),
        halfOpen: async () => expect(await row(1_500)).toBeUndefined(),
      },
      'forward-flow-green': {
        cut: async () => expect(await row(1_500)).toBeUndefined(),
        // A short transaction takes one round trip.
        delay: async () => expect(await row()).toBeGreaterThan(199),
        halfOpen: async () => expect(await row(1_500)).toBeUndefined(),
      },
      'controller-green': {
        cut: async () => {
          await expect(migration.verify()).rejects.toMatchObject({ code: expect.stringContaining('TEAL-SYSTEMS-00') });
          expect(await row(10_000)).toBeLessThan(10_000);
        },
        delay: async () => expect((await migration.verify()).verified).toMatchObject({ equal: true }),
        halfOpen: async () => expect(await row(10_000)).toBeLessThan(10_000),
      },
    };
    for (const pair of pairs) {
      for (const [name, see] of [
        ['cut', faults[pair].cut],
        ['delay', faults[pair].delay],
        ['half-open', faults[pair].halfOpen],
      ] as const) {
        const injection = await inject(at, `${name} ${pair}`);
        try {
          await see();
        } catch (error) {
          throw new Error(`${name} ${pair}`, { cause: error });
        }
        await injection.heal();
        // Nothing of it is left.
        expect(await row(), `${name} ${pair}`).toBeLessThan(longestMs);
        expect(await asked(at.clientUrl, select), `${name} ${pair}`).toBeLessThan(patienceMs);
      }
    }
    expect((await migration.verify()).verified).toMatchObject({ equal: true });
  },
);
