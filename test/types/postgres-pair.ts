import { must } from '../../src/kernel/assert.ts';
import { openSnapshot, snapshotKeeper } from '../../src/systems/postgres/snapshot.ts';
import { connect } from '../../src/systems/postgres/connection.ts';
import { postgresCopyTarget } from '../../src/systems/postgres/copy-target.ts';
import { postgresSide } from '../../src/systems/postgres/digest/side.ts';
import { positionOfLsnText } from '../../src/systems/postgres/position.ts';
import { openPostgresSink } from '../../src/systems/postgres/sink/sink.ts';
import { installTealSchema } from '../../src/systems/postgres/teal-schema.ts';
import { storedTables } from '../../src/model/catalog.ts';
import type { StreamEvent } from '../../src/model/change.ts';
import type { PostgresMajor } from '../../tools/servers/install-postgres.ts';
import { SlotReader } from '../apply/flow.ts';
import { catalogOf, makeSides } from '../copy/sides.ts';
import { meant, shown } from './forms.ts';
import type { MovingPair, Transaction } from './moving-pair.ts';

function transactionsOf(events: readonly StreamEvent[]): readonly Transaction[] {
  const found: StreamEvent[][] = [[]];
  for (const event of events) {
    found.at(-1)?.push(event);
    if (event.kind === 'commit') found.push([]);
  }
  return found;
}

/** Two majors of PostgreSQL. `prelude`: what both have before the tables. */
export async function postgresPair(
  from: PostgresMajor,
  to: PostgresMajor,
  prelude: string,
): Promise<MovingPair & AsyncDisposable> {
  const sides = await makeSides(from, to);
  const { blue, green, signal } = sides;
  {
    await using session = await connect({ url: blue.url, applicationName: 'teal test' });
    await installTealSchema(session, 'blue');
  }
  for (const side of [blue, green]) {
    await side.query(`set timezone = 'UTC'; set extra_float_digits = 3; set datestyle = 'ISO';
      set intervalstyle = 'postgres'; set bytea_output = 'hex'; create schema moving; set search_path = moving; ${prelude}`);
  }
  const made: string[] = [];
  let reader: SlotReader | undefined;
  return {
    hasPolicy: false,
    copyTarget: postgresCopyTarget(green.url),
    async write(sql) {
      try {
        await blue.query(sql);
      } catch (error) {
        return String(error);
      }
      if (sql.startsWith('create table')) made.push(sql);
      return undefined;
    },
    async makeTarget() {
      await green.query(made.join(';\n'));
      // Without a key a table's old rows must come whole.
      const bare = await blue.query(
        `select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace where nspname = 'moving' and relname like 'w\\_%' and relkind = 'r'`,
      );
      await blue.query(bare.map(({ name }) => `alter table ${name} replica identity full`).join(';\n'));
      await blue.query('create publication teal_test for all tables');
      const tables = storedTables(await catalogOf(blue)).filter(({ schema }) => schema === 'moving');
      return tables;
    },
    async snapshots(tables) {
      const options = sides.snapshotOptions(tables);
      await openSnapshot(options, signal);
      reader = new SlotReader(blue, options.slot);
      const keeper = snapshotKeeper(options);
      return { ...keeper, [Symbol.asyncDispose]: async () => keeper.letGo(signal) };
    },
    async mark() {
      const [row] = await blue.query('select pg_current_wal_insert_lsn() as lsn');
      return positionOfLsnText(row?.['lsn'] ?? '');
    },
    read: async () => transactionsOf(await must(reader, 'a slot').read()),
    openSink: async (stream) => openPostgresSink({ url: green.url, stream }),
    async progress() {
      const [row] = await green.query('select position from teal.progress');
      return row?.['position'] ?? '';
    },
    sides: () => ({
      blue: postgresSide({ side: 'blue', url: blue.url }),
      green: postgresSide({ side: 'green', url: green.url }),
    }),
    async look(side, table, column, form) {
      const rows = await (side === 'source' ? blue : green).query(
        `select id, ${shown(form, 'postgres', column)} as v from ${table}`,
      );
      return new Map(rows.map((row) => [Number(row['id']), meant(form, row['v'] ?? null)]));
    },
    async forgetCopy(table) {
      await green.query(`delete from moving.${table}; delete from teal.chunk`);
    },
    async targetType(table, column) {
      const [row] = await green.query(
        `select format_type(atttypid, atttypmod) as type from pg_attribute where attrelid = $1::regclass and attname = $2`,
        [`moving.${table}`, column],
      );
      return row?.['type'] ?? '';
    },
    async [Symbol.asyncDispose]() {
      await green.query(
        `select pg_replication_origin_drop(roname) from pg_replication_origin where roname = 'teal_moving_fwd'`,
      );
      await sides[Symbol.asyncDispose]();
    },
  };
}
