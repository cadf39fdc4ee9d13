import { Client } from 'pg';
import type { Side } from '../../../src/model/catalog.ts';
import { withClient } from '../../../tools/servers/with-client.ts';
import { doorsOf } from '../run/doors.ts';
import { leftoversOf } from '../run/leftovers.ts';
import { outsideOf } from '../run/replay.ts';
import { readOwnerState, tablesSql, toastText } from '../run/tables.ts';
import type { OwnerRow, Store } from './store.ts';

export function postgresStore(url: string, side: Side): Store {
  return {
    load: async (schedule, rows) =>
      withClient(url, async (client) => {
        await client.query(tablesSql(schedule));
        for (const op of rows) {
          await client.query('insert into rows (row, key, version, toast) values ($1, $2, $3, $4)', [
            op.row,
            op.key,
            op.version,
            toastText(op.toast, schedule.sizes.toastBytes),
          ]);
        }
      }),
    ownerRow: async () => withClient(url, ownerRow),
    readState: async (epoch) => withClient(url, async (client) => readOwnerState(client, side, epoch)),
    doorMoves: async () => withClient(url, async (client) => doorsOf(client, side)),
    accepts: async () => withClient(url, accepts),
    leftovers: async (isClosed) => withClient(url, async (client) => leftoversOf(client, side, isClosed)),
    outside: async () => withClient(url, outsideOf),
    openWriter: async (through = url) => openWriter(through),
    writeRogue: async () =>
      withClient(url, async (client) => {
        await client.query('set session_replication_role = replica');
        const { rowCount } = await client.query(`update ballast set filler = 'rogue' where id = 2`);
        if (rowCount !== 1) throw new Error(`${side} has no row to write over`);
      }),
    spoil: async (sql) =>
      withClient(url, async (client) => {
        await client.query(`set session_replication_role = replica; ${sql}`);
      }),
  };
}

async function ownerRow(client: Client): Promise<OwnerRow | undefined> {
  const there = await client.query<{ there: boolean }>(`select to_regclass('teal.owner') is not null as there`);
  if (there.rows[0]?.there !== true) return undefined;
  const sql = 'select owner as side, epoch from teal.owner order by epoch desc limit 1';
  return (await client.query<OwnerRow>(sql)).rows[0];
}

async function accepts(client: Client): Promise<boolean> {
  try {
    await client.query('begin');
    await client.query('insert into side (v) values (0)');
    return true;
  } catch (error) {
    const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
    // The fence's own, and a table that an abort has taken away.
    if (code === '25006' || code === '42P01') return false;
    throw error;
  } finally {
    await client.query('rollback');
  }
}

async function openWriter(url: string): Promise<{ commit(): Promise<void> }> {
  const client = new Client({ connectionString: url, application_name: 'long' });
  // What breaks it is told by its commit.
  client.on('error', () => undefined);
  await client.connect();
  await client.query('begin');
  await client.query('update ballast set filler = filler where id = 1');
  return {
    async commit() {
      try {
        await client.query('commit');
      } finally {
        await client.end();
      }
    },
  };
}
