import { expect, test } from 'vitest';
import { monotonicMs, sleep } from '../../../../src/kernel/clock.ts';
import { isTealError } from '../../../../src/kernel/errors.ts';
import { withClient } from '../../../../tools/servers/with-client.ts';
import type { Link } from '../world.ts';
import { faultPlace } from './test-support/place.ts';

const maxPauseMs = 3_000;
/** What taking back may cost on top, on a machine that does other things too. */
const takeBackMs = 2_000;

/** The longest that one insert of a client took, in milliseconds, while `work` was done; the client goes on for a moment afterwards. */
async function longestInsert(url: string, from: number, work: () => Promise<void>): Promise<number> {
  return withClient(url, async (client) => {
    let [longest, n] = [0, from];
    const over = new AbortController();
    const inserts = (async () => {
      do {
        const began = monotonicMs();
        await client.query(`insert into item values (${(n += 1)})`);
        longest = Math.max(longest, monotonicMs() - began);
        await sleep(10);
      } while (!over.signal.aborted);
    })();
    await work().finally(() => over.abort());
    await inserts;
    return longest;
  });
}

test(
  'a gaining side that goes silent before the decision keeps no client longer than maxPause',
  { timeout: 300_000 },
  async () => {
    let silentAfter: string | undefined;
    let link: Link | undefined;
    await using at = await faultPlace({
      schema: 'create table item (id int primary key, n serial)',
      onEvent: (event) => {
        if (event.kind === 'step done' && silentAfter !== undefined && event.step.endsWith(`:${silentAfter}`))
          void link?.halfOpen();
      },
    });
    const { migration } = at.life;
    link = at.world.links['controller-green'];
    expect(await migration.up()).toMatchObject({ outcome: 'waiting' });

    for (const [turn, step] of ['hold', 'fence', 'token', 'sequences', 'last-look'].entries()) {
      silentAfter = step;
      let code = 'none';
      const longest = await longestInsert(at.clientUrl, (turn + 1) * 100_000, async () => {
        const cut = migration.cutover().then(
          () => 'decided',
          (error: unknown) => (isTealError(error) ? error.code : String(error)),
        );
        // Much longer than clients may wait, unless the cut is over before.
        code = await Promise.race([cut, sleep(15_000).then(() => 'still waiting')]);
        silentAfter = undefined;
        await link.heal();
        await cut;
      });
      expect({ step, code, isShort: longest < maxPauseMs + takeBackMs, longest }).toMatchObject({
        code: 'TEAL-STAGES-102',
        isShort: true,
      });
      expect(migration.live).toBe('blue');
    }
    expect(await migration.cutover()).toMatchObject({ live: 'green' });
    expect((await migration.verify()).verified).toMatchObject({ equal: true });
  },
);
