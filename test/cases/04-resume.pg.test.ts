import { rm } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { carrierPair, caughtUp, contents, head, type CarrierPair } from '../../src/app/test-support/carrier-pair.ts';
import { carrierPaths } from '../../src/carriers/embedded/config.ts';
import { must } from '../../src/kernel/assert.ts';
import { waitFor } from '../../src/kernel/clock.ts';
import { positionOfLsnText } from '../../src/systems/postgres/position.ts';

async function slotOf(both: CarrierPair): Promise<{ readonly name: string; readonly confirmed: string }> {
  const [row] = await both.blue.query(
    `select slot_name as name, confirmed_flush_lsn::text as confirmed from pg_replication_slots where database = current_database() and slot_name like '%_fwd'`,
  );
  return { name: must(row?.['name'], 'a slot'), confirmed: positionOfLsnText(must(row?.['confirmed'], 'a position')) };
}

/** Debezium went on skipping for ever when it had applied more than its slot knew (DBZ-5031). */
test('4: a slot that is behind what was applied: what comes again is passed over, what comes later is applied', async () => {
  await using both = await carrierPair();
  const { name } = await slotOf(both);
  await both.blue.query(`select pg_copy_logical_replication_slot('${name}', '${name}_before')`);
  await both.carrier.deploy('forward');
  for (let at = 0; at < 20; at += 1) await both.blue.query(`insert into log values (now(), 'before ${at}')`);
  await caughtUp(both, 'forward');
  await both.carrier.halt('forward');
  // Its spool is lost, and the slot is where it was before anything was acknowledged.
  await rm(carrierPaths(both.stateDir, 'forward').spool, { recursive: true });
  await both.blue.query(`select pg_drop_replication_slot('${name}')`);
  await both.blue.query(`select pg_copy_logical_replication_slot('${name}_before', '${name}')`);
  await both.blue.query(`insert into log values (now(), 'while it was down')`);
  await both.carrier.deploy('forward');
  await both.blue.query(`insert into log values (now(), 'later')`);
  await caughtUp(both, 'forward');
  expect(await contents(both.green)).toEqual(await contents(both.blue));
});

/** What is between is nowhere: the server would begin at the slot's place and say nothing. */
test('4: a slot that is beyond what was applied, without the spool in between, is refused and not passed over', async () => {
  await using both = await carrierPair();
  await both.carrier.deploy('forward');
  await both.blue.query('insert into account values (1, 10)');
  await caughtUp(both, 'forward');
  await both.carrier.stopAt('forward', await head(both.blue), 300_000, AbortSignal.timeout(60_000));
  await both.blue.query('insert into account values (2, 20)');
  const wanted = await head(both.blue);
  await waitFor({ what: 'the slot to pass', timeoutMs: 60_000 }, async () =>
    (await slotOf(both)).confirmed >= wanted ? true : undefined,
  );
  await both.carrier.halt('forward');
  await rm(carrierPaths(both.stateDir, 'forward').spool, { recursive: true });
  await both.carrier.deploy('forward');
  const now = await waitFor({ what: 'the flow to refuse', timeoutMs: 60_000 }, async () => {
    const status = await both.status('forward');
    return status.now.state === 'failed' ? status.now : undefined;
  });
  expect(now.code).toBe('TEAL-SYSTEMS-026');
  expect(await both.green.query('select id from account')).toEqual([{ id: '1' }]);
});
