import { waitFor } from '../../../../src/kernel/clock.ts';
import { execute, withClient } from '../../../../tools/servers/with-client.ts';
import type { Injector, World } from '../world.ts';

/** The slot of the forward flow, which is on blue whichever side is live. */
async function forwardSlot(world: World): Promise<string> {
  return withClient(world.url('blue'), async (client) => {
    const { rows } = await client.query<{ name: string }>(
      String.raw`select slot_name as name from pg_replication_slots where slot_name like 'teal\_%\_fwd' and not temporary`,
    );
    const [slot] = rows;
    if (slot === undefined) throw new Error('there is no slot of a forward flow');
    return slot.name;
  });
}

/** Its reader would be back between two statements: one statement of the server ends the reader and drops the slot. */
const dropSlotSql = (slot: string): string => `do $drop$ begin
    for attempt in 1..10000 loop
      perform pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = '${slot}' and active;
      begin
        perform pg_drop_replication_slot('${slot}');
        return;
      exception when object_in_use then
        perform pg_sleep(0.001);
      end;
    end loop;
    raise 'the slot is in use all the time';
  end $drop$`;

const slotDropped: Injector = async (world) => {
  const slot = await forwardSlot(world);
  await execute(world.url('blue'), [dropSlotSql(slot)]);
  return { what: `slot ${slot} was dropped`, heal: async () => undefined };
};

/** More than a segment, so that the one before is of no more use. */
const fillSql = `select pg_logical_emit_message(false, 'fault', repeat('x', 1000000)) from generate_series(1, 8)`;

/** While its worker stands still, blue writes more log than a slot may keep, and drops it. */
const slotInvalidated: Injector = async (world) => {
  const slot = await forwardSlot(world);
  const [pid] = world.pids('worker forward');
  if (pid === undefined) throw new Error('the worker of the forward flow does not run');
  const url = world.url('blue');
  process.kill(pid, 'SIGSTOP');
  try {
    await execute(url, [`alter system set max_slot_wal_keep_size = '1MB'`, 'select pg_reload_conf()']);
    await waitFor({ what: 'the slot to lose its log', timeoutMs: 60_000, everyMs: 10 }, async () => {
      await execute(url, [fillSql, 'select pg_switch_wal()', 'checkpoint']);
      return withClient(url, async (client) => {
        const { rows } = await client.query(
          `select from pg_replication_slots where slot_name = '${slot}' and wal_status = 'lost'`,
        );
        return rows.length > 0 || undefined;
      });
    });
  } finally {
    await execute(url, ['alter system reset max_slot_wal_keep_size', 'select pg_reload_conf()']);
    process.kill(pid, 'SIGCONT');
  }
  return { what: `slot ${slot} has lost its log`, heal: async () => undefined };
};

export const slotFaults: Readonly<Record<string, Injector>> = {
  'slot dropped': slotDropped,
  'slot invalidated': slotInvalidated,
};
