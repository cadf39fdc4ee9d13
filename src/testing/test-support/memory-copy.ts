import { plainTable } from '../../../test/support/catalogs.ts';
import { assert, must } from '../../kernel/assert.ts';
import { TealError } from '../../kernel/errors.ts';
import type { Table } from '../../model/catalog.ts';
import { stayingTables, type RangeRecord } from '../../ports/copy-records.ts';
import type { TextValues } from '../../ports/digester.ts';
import type { CopyRange, CopyTarget, RowStream, SnapshotSource } from '../../ports/snapshot-source.ts';
import type { CopyWorld, TakenSnapshot } from '../copy-contract.ts';
import type { TableShape } from '../relational.ts';
import { memoryDatabase, tableOf, type MemoryDatabase } from './memory-database.ts';

/** Each breaks the promise that it stands beside in memory.test.ts. */
export type CopyFault =
  | 'reads what is there now'
  | 'reads a row of the next part'
  | 'trims texts'
  | 'writes a range again'
  | 'does not count'
  | 'keeps what came before a break'
  | 'has lost its records'
  | 'keeps what is not complete'
  | 'goes on under another snapshot'
  | 'begins any epoch'
  | 'throws away any rows'
  | 'lets old writers write'
  | 'tells of one epoch'
  | 'has no record of nothing'
  | 'lets nothing go'
  | 'gives all snapshots one name';

const rowsPerUnit = 100;

/** What a target keeps beside its tables. */
interface Kept {
  records: readonly RangeRecord[];
  readonly runs: Map<number, string>;
  attempt: number;
}

export function memoryCopyWorld(fault?: CopyFault): CopyWorld {
  const [blue, green] = [memoryDatabase(), memoryDatabase()];
  const kept: Kept = { records: [], runs: new Map(), attempt: 0 };
  let taken = 0;
  return {
    blue,
    green,
    formats: ['text'],
    describe: async (shapes) => shapes.map(memoryTable),
    take: async () => {
      taken += 1;
      const name = fault === 'gives all snapshots one name' ? 'snapshot' : `snapshot ${taken}`;
      return takeMemorySnapshot(blue, name, fault);
    },
    openTarget: () => memoryTarget(green, kept, fault),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** Of all tables, as they are. */
export function takeMemorySnapshot(database: MemoryDatabase, snapshot: string, fault?: CopyFault): TakenSnapshot {
  const rows = new Map([...database.tables].map(([name, table]) => [name, table.rows]));
  let isHeld = true;
  const rowsOf = (name: string): readonly TextValues[] =>
    fault === 'reads what is there now' ? tableOf(database.tables, name).rows : (rows.get(name) ?? []);
  const part = ({ table, from, to }: CopyRange): readonly TextValues[] => {
    const end = to === undefined ? undefined : to * rowsPerUnit + (fault === 'reads a row of the next part' ? 1 : 0);
    return rowsOf(table.name).slice(from * rowsPerUnit, end);
  };
  const source: SnapshotSource = {
    snapshot,
    extents: async (tables) =>
      tables.map((table) => {
        const { length } = rowsOf(table.name);
        return { table, units: Math.ceil(length / rowsPerUnit), bytes: length, estimatedRows: length };
      }),
    async open() {
      if (!isHeld && fault !== 'lets nothing go') throw new TealError('TEAL-SYNC-203', 'nobody holds it');
      return {
        read: (range) => streamOf(part(range)),
        [Symbol.asyncDispose]: async () => undefined,
      };
    },
  };
  return {
    source,
    letGo: async () => {
      isHeld = false;
    },
  };
}

function streamOf(rows: readonly TextValues[]): RowStream {
  async function* spans(): AsyncGenerator<Buffer, void, void> {
    for (const row of rows) yield Buffer.from(JSON.stringify(row));
  }
  return { format: 'text', spans: spans(), rowCount: () => BigInt(rows.length) };
}

function memoryTarget(green: MemoryDatabase, kept: Kept, fault: CopyFault | undefined): CopyTarget {
  let own = 0;
  const recordsOf = (table: Table): readonly RangeRecord[] =>
    kept.records.filter((record) => record.table.name === table.name);
  return {
    async begin(run) {
      const newer = Math.max(0, ...kept.runs.keys()) > run.epoch;
      if (newer && fault !== 'begins any epoch') throw new TealError('TEAL-SYNC-206', 'a later epoch has begun');
      const was = kept.runs.get(run.epoch) ?? run.snapshot;
      if (was !== run.snapshot && fault !== 'goes on under another snapshot')
        throw new TealError('TEAL-SYNC-202', 'another snapshot');
      kept.runs.set(run.epoch, run.snapshot);
      own = kept.attempt += 1;
      if (fault === 'has lost its records') kept.records = [];
      const staying = stayingTables(recordsOf, run);
      for (const table of run.tables) {
        const records = recordsOf(table);
        if (staying.has(table) || (fault === 'keeps what is not complete' && records.length > 0)) continue;
        const there = tableOf(green.tables, table.name);
        const isForeign = there.rows.length > 0 && records.length === 0;
        if (isForeign && fault !== 'throws away any rows' && fault !== 'has lost its records')
          throw new TealError('TEAL-SYNC-201', 'rows of somebody else');
        there.rows = [];
        kept.records = kept.records.filter((record) => record.table.name !== table.name);
      }
      return run.tables.flatMap(recordsOf);
    },
    done: async (tables) => tables.flatMap(recordsOf),
    epoch: async () => (fault === 'tells of one epoch' ? 1 : Math.max(0, ...kept.runs.keys())),
    async open(run) {
      const attempt = own;
      assert(attempt > 0, 'a run that has begun');
      return {
        async write(range, stream) {
          if (attempt !== kept.attempt && fault !== 'lets old writers write')
            throw new TealError('TEAL-SYNC-206', 'a later attempt has begun');
          const isThere = recordsOf(range.table).some(({ from }) => from === range.from);
          if (isThere && fault !== 'writes a range again') return { state: 'already there' };
          const there = tableOf(green.tables, range.table.name);
          const rows: TextValues[] = [];
          for await (const span of stream.spans) {
            const row = JSON.parse(span.toString()) as TextValues;
            rows.push(fault === 'trims texts' ? row.map((value) => value?.trim() ?? null) : row);
            if (fault === 'keeps what came before a break') there.rows = [...there.rows, ...rows.splice(0)];
          }
          const count = BigInt(rows.length);
          if (count !== stream.rowCount() && fault !== 'does not count' && fault !== 'keeps what came before a break')
            throw new TealError('TEAL-SYNC-205', 'other rows than were sent');
          there.rows = [...there.rows, ...rows];
          const record: RangeRecord = { ...range, epoch: run.epoch, snapshot: run.snapshot, rows: count };
          if (count > 0n || fault !== 'has no record of nothing') kept.records = [...kept.records, record];
          return { state: 'written', rows: count };
        },
        [Symbol.asyncDispose]: async () => undefined,
      };
    },
  };
}

const numbers = new Map<string, number>();

/** As an introspector describes it. */
export function memoryTable({ name, columns, key }: TableShape): Table {
  numbers.set(name, numbers.get(name) ?? numbers.size + 1);
  const notNull = new Set(key);
  return plainTable(
    { schema: 'memory', name },
    {
      oid: must(numbers.get(name), 'the number of a table'),
      columns: columns.map((column) => ({
        name: column.name,
        typeOid: 0,
        type: column.holds,
        builtIn: true,
        notNull: notNull.has(column.name),
        generated: 'no',
        identity: 'no',
        hasDefault: false,
      })),
      ...(key.length === 0 ? {} : { primaryKey: key }),
      replicaIdentity: key.length === 0 ? { kind: 'full' } : { kind: 'key', index: `${name}_key`, columns: key },
      uniqueKeys: columns
        .filter(({ unique }) => unique === true)
        .map((column) => ({
          index: `${name}_${column.name}`,
          columns: [column.name],
          partialOrExpression: false,
          deferrable: false,
        })),
    },
  );
}
