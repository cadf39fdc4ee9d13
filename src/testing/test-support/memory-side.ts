import { createHash } from 'node:crypto';
import { emptyCatalog } from '../../../test/support/catalogs.ts';
import { must } from '../../kernel/assert.ts';
import { TealError } from '../../kernel/errors.ts';
import type {
  BucketSum,
  DigestEntry,
  DigestRange,
  DigestReader,
  DigestTable,
  HeldSnapshot,
  Repairer,
  RowProbe,
  RowRepair,
  SideAccess,
  TableRepair,
  TextValues,
} from '../../ports/digester.ts';
import type { SideWorld } from '../side-contract.ts';
import { memoryTable } from './memory-copy.ts';
import { isSame, memoryDatabase, memoryPosition, tableOf, type MemoryDatabase } from './memory-database.ts';
import { memoryReader } from './memory-source.ts';

/** Each breaks the promise that it stands beside in memory.test.ts. */
export type SideFault =
  | 'hashes the place of a row'
  | 'takes NULL for an empty text'
  | 'adds by XOR'
  | 'gives all entries'
  | 'gives entries as they lie'
  | 'finds rows in its own order'
  | 'reads what is there now'
  | 'has a position of before'
  | 'reads tables that were emptied'
  | 'is another one each time'
  | 'tells versions by values'
  | 'looks from the beginning'
  | 'repairs all equal rows'
  | 'repairs what has changed'
  | 'renders less';

export function memorySideWorld(fault?: SideFault): SideWorld {
  const database = memoryDatabase();
  return {
    database,
    log: memoryReader(database),
    access: accessOf(database, fault),
    repairer: repairerOf(database, fault),
    runScript: async (lines) => {
      for (const line of lines) repairOne(database, JSON.parse(line) as Rendered, fault);
    },
    rowProbe: probeOf(database, fault),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function accessOf(database: MemoryDatabase, fault: SideFault | undefined): SideAccess {
  let asked = 0;
  const open = async (): Promise<HeldSnapshot> => snapshotOf(database, fault);
  return {
    side: 'blue',
    facts: async () => {
      asked += 1;
      const version = fault === 'is another one each time' ? `version ${asked}` : 'version 1';
      return { version, major: 1, address: 'memory', hashProbe: 'sha256' };
    },
    describe: async () => ({
      ...emptyCatalog,
      tables: [...database.tables.values()].map(({ shape }) => memoryTable(shape)),
    }),
    objects: async () => [],
    openAtPosition: open,
    openNow: open,
  };
}

function snapshotOf(database: MemoryDatabase, fault: SideFault | undefined): HeldSnapshot {
  const since = database.log.length;
  const kept = new Map([...database.tables].map(([name, { rows }]) => [name, rows]));
  const rowsOf = ({ name }: DigestTable): readonly TextValues[] => {
    const isEmptied = database.log
      .slice(since)
      .some(({ changes }) => changes.some(({ kind, table }) => kind === 'truncate' && table === name));
    if (isEmptied && fault !== 'reads tables that were emptied')
      throw new TealError('TEAL-VERIFY-003', 'the table was emptied');
    return fault === 'reads what is there now' ? tableOf(database.tables, name).rows : (kept.get(name) ?? []);
  };
  return {
    position: fault === 'has a position of before' ? memoryPosition(0) : database.head(),
    takenAt: new Date().toISOString(),
    bounds: (_, parts) => Array.from({ length: parts }, (__, part) => JSON.stringify([part, parts]) as DigestRange),
    reader: async () => readerOf(rowsOf, fault),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function readerOf(rowsOf: (table: DigestTable) => readonly TextValues[], fault: SideFault | undefined): DigestReader {
  const hashes = (table: DigestTable, row: TextValues, place: number): readonly [key: Buffer, row: Buffer] => {
    const key = table.key.map((name) => row[table.columns.findIndex((column) => column.name === name)] ?? null);
    const whole = hashOf(fault === 'hashes the place of a row' ? [...row, String(place)] : row, fault);
    return [table.key.length === 0 ? whole : hashOf(key, fault), whole];
  };
  return {
    async digest(table, range) {
      const [part = 0, parts = 1] = JSON.parse(range) as number[];
      const sums = new Map<number, BucketSum>();
      for (const [place, row] of rowsOf(table).entries()) {
        if (place % parts !== part) continue;
        const [key, whole] = hashes(table, row, place);
        const bucket = key.readUInt32BE(0) % table.buckets;
        sums.set(bucket, summed(sums.get(bucket) ?? { bucket, rows: 0n, sums: [0n, 0n] }, whole, fault));
      }
      return [...sums.values()];
    },
    async *entries(table, { buckets }) {
      const entries = rowsOf(table).flatMap((row, place): readonly DigestEntry[] => {
        const [key, whole] = hashes(table, row, place);
        const isWanted = buckets.includes(key.readUInt32BE(0) % table.buckets) || fault === 'gives all entries';
        return isWanted ? [{ key: key.toString('hex'), row: whole.toString('hex'), locator: String(place) }] : [];
      });
      const text = ({ key, row }: DigestEntry): string => `${key} ${row}`;
      yield fault === 'gives entries as they lie'
        ? entries
        : entries.toSorted((a, b) => (text(a) < text(b) ? -1 : Number(text(a) > text(b))));
    },
    async rows(table, locators) {
      const places = fault === 'finds rows in its own order' ? locators.toSorted() : locators;
      return places.map((locator) => must(rowsOf(table)[Number(locator)], 'a row'));
    },
    release: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function hashOf(row: TextValues, fault: SideFault | undefined): Buffer {
  const text = fault === 'takes NULL for an empty text' ? row.map((value) => value ?? '') : row;
  return createHash('sha256').update(JSON.stringify(text)).digest();
}

function summed({ bucket, rows, sums }: BucketSum, hash: Buffer, fault: SideFault | undefined): BucketSum {
  const join = (sum: bigint, half: bigint): bigint => (fault === 'adds by XOR' ? sum ^ half : sum + half);
  const [first, second] = sums;
  return {
    bucket,
    rows: rows + 1n,
    sums: [join(first, hash.readBigInt64BE(0)), join(second, hash.readBigInt64BE(8))],
  };
}

function probeOf(database: MemoryDatabase, fault: SideFault | undefined): RowProbe {
  return {
    async row({ name }, [key = null]) {
      const found = tableOf(database.tables, name).rows.find(([id]) => id === key);
      if (found === undefined) return null;
      // The last transaction that wrote such a row.
      const version = database.log.findLastIndex(({ changes }) =>
        changes.some((change) => change.table === name && 'row' in change && isSame(change.row, found)),
      );
      return { values: found, version: fault === 'tells versions by values' ? found.join() : String(version) };
    },
    position: async () => (fault === 'looks from the beginning' ? memoryPosition(0) : database.head()),
  };
}

interface Rendered {
  readonly table: string;
  readonly change: RowRepair;
}

function repairerOf(database: MemoryDatabase, fault: SideFault | undefined): Repairer {
  const each = (repairs: readonly TableRepair[]): readonly Rendered[] =>
    repairs.flatMap(({ table, changes }) => changes.map((change) => ({ table: table.name, change })));
  return {
    show: ({ name }, look) => JSON.stringify({ table: name, look }),
    render: (repairs) => {
      const lines = each(repairs).map((one) => JSON.stringify(one));
      return fault === 'renders less' ? lines.slice(1) : lines;
    },
    async apply(repairs) {
      const before = new Map([...database.tables].map(([name, { rows }]) => [name, rows]));
      try {
        for (const one of each(repairs)) repairOne(database, one, fault);
      } catch (error) {
        for (const [name, rows] of before) tableOf(database.tables, name).rows = rows;
        throw error;
      }
      return each(repairs).length;
    },
  };
}

function repairOne(database: MemoryDatabase, { table: name, change }: Rendered, fault: SideFault | undefined): void {
  const table = tableOf(database.tables, name);
  if (change.kind === 'insert') {
    table.rows = [...table.rows, change.after];
    return;
  }
  const isMeant = (row: TextValues): boolean => isSame(row, change.before);
  const at = table.rows.findIndex(isMeant);
  if (at < 0 && fault === 'repairs what has changed') return;
  if (at < 0) throw new TealError('TEAL-VERIFY-005', 'the row has changed');
  const all = fault === 'repairs all equal rows';
  const rest = table.rows.filter((row, place) => (all ? !isMeant(row) : place !== at));
  table.rows = change.kind === 'update' ? [...rest, change.after] : rest;
}
