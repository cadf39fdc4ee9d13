import { once } from 'node:events';
import { TealError } from '../../kernel/errors.ts';
import { PackedValues } from '../../kernel/packed-values.ts';
import type { Relation, StreamEvent } from '../../model/change.ts';
import type { Position } from '../../model/position.ts';
import type { TextValues } from '../../ports/digester.ts';
import type { ChangeDecoder, ChangeRecord, ChangeStream, SourceProbe, StreamStart } from '../../ports/change-source.ts';
import type { TableShape } from '../relational.ts';
import type { LogReader, SourceWorld } from '../source-contract.ts';
import { memoryDatabase, memoryPosition, type Logged, type MemoryDatabase, type RowWrite } from './memory-database.ts';

/** Each breaks the promise that it stands beside in memory.test.ts. */
export type SourceFault =
  | 'leaves out a change'
  | 'carries what was rolled back'
  | 'is in the order of beginnings'
  | 'has no old rows'
  | 'tells rows that were emptied one by one'
  | 'ends where it began'
  | 'has no times'
  | 'goes on one later'
  | 'goes on after the head'
  | 'is silent when its session is lost'
  | 'cannot be aborted'
  | 'reads any history'
  | 'forgets what was acknowledged, and more'
  | 'decodes anything'
  | 'marks the beginning'
  | 'has no heartbeat'
  | 'has lost what was not received'
  | 'counts backwards'
  | 'begins now'
  | 'is released once';

export const memoryBeat: TableShape = {
  name: 'heartbeat',
  columns: [
    { name: 'side', holds: 'text' },
    { name: 'at', holds: 'text' },
  ],
  key: ['side'],
};

export function memorySourceWorld(fault?: SourceFault): SourceWorld {
  const database = memoryDatabase();
  let session = new AbortController();
  return {
    database,
    ...memoryReader(database, () => (session = new AbortController()).signal, fault),
    cutOff: async () => session.abort(new TealError('TEAL-SYSTEMS-006', 'the session is lost')),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

export function memoryReader(
  database: MemoryDatabase,
  openSession: () => AbortSignal = () => new AbortController().signal,
  fault?: SourceFault,
): LogReader {
  return {
    patienceMs: 300,
    source: { start: async (from, signal) => openStream(database, from, signal, openSession(), fault) },
    decoder: () => decoderOf(fault),
    probe: probeOf(database, fault),
  };
}

function openStream(
  database: MemoryDatabase,
  { after, identity }: StreamStart,
  signal: AbortSignal,
  session: AbortSignal,
  fault: SourceFault | undefined,
): ChangeStream {
  const name = 'a history in memory';
  if (identity !== undefined && identity !== name && fault !== 'reads any history')
    throw new TealError('TEAL-SYSTEMS-023', 'another history');
  let at = database.log.findIndex(({ end }) => end > after);
  if (at < 0) at = database.log.length;
  if (fault === 'goes on one later' && after !== first) at += 1;
  if (fault === 'goes on after the head' && after !== first && at === database.log.length - 2) at += 1;
  if (fault === 'forgets what was acknowledged, and more' && after === acknowledged.get(database)) at += 1;
  const described = new Set<string>();
  const ends = AbortSignal.any([
    ...(fault === 'cannot be aborted' ? [] : [signal]),
    ...(fault === 'is silent when its session is lost' ? [] : [session]),
  ]);
  return {
    identity: name,
    async next() {
      while (at >= database.log.length) {
        ends.throwIfAborted();
        try {
          await once(database.events, 'logged', { signal: ends });
        } catch {
          ends.throwIfAborted();
        }
      }
      ends.throwIfAborted();
      const some = ordered(database.log.slice(at), fault);
      at = database.log.length;
      return some.flatMap((entry) => recordsOf(database, entry, described, fault));
    },
    acknowledge: (position) => void acknowledged.set(database, position),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

const first = memoryPosition(0);
const acknowledged = new WeakMap<MemoryDatabase, Position>();

function ordered(entries: readonly Logged[], fault: SourceFault | undefined): readonly Logged[] {
  return fault === 'is in the order of beginnings' ? entries.toSorted((a, b) => a.begun - b.begun) : entries;
}

function recordsOf(
  database: MemoryDatabase,
  entry: Logged,
  described: Set<string>,
  fault: SourceFault | undefined,
): readonly ChangeRecord[] {
  const { changes, rolledBack, commitsAt } = entry;
  const end = fault === 'ends where it began' ? commitsAt : entry.end;
  if (rolledBack && fault !== 'carries what was rolled back') return [{ kind: 'mark', end }];
  const sent = fault === 'leaves out a change' && changes.length > 2 ? changes.slice(1) : changes;
  const records: ChangeRecord[] = [{ kind: 'begin', payload: pack({ kind: 'begin', commitsAt }) }];
  for (const change of fault === 'tells rows that were emptied one by one' ? sent.filter(isRow) : sent) {
    if (!described.has(change.table)) {
      described.add(change.table);
      const { columns, key } = shapeOf(database, change.table);
      const payload = pack({ kind: 'schema', table: change.table, columns, key });
      records.push({ kind: 'schema', key: change.table, payload });
    }
    records.push({ kind: 'change', payload: pack(change) });
  }
  return [...records, { kind: 'commit', end, payload: pack({ kind: 'commit', end }) }];
}

function isRow(change: RowWrite): boolean {
  return change.kind !== 'truncate';
}

function shapeOf({ tables }: MemoryDatabase, name: string): TableShape {
  return tables.get(name)?.shape ?? memoryBeat;
}

type Packed =
  | { readonly kind: 'begin'; readonly commitsAt: Position }
  | ({ readonly kind: 'schema'; readonly table: string } & Pick<TableShape, 'columns' | 'key'>)
  | RowWrite
  | { readonly kind: 'commit'; readonly end: Position };

function pack(packed: Packed): Buffer {
  return Buffer.from(JSON.stringify(packed));
}

function unpack(payload: Buffer): Packed {
  try {
    return JSON.parse(payload.toString()) as Packed;
  } catch (error) {
    throw new TealError('TEAL-WIRE-001', 'no payload of this source', {}, error);
  }
}

function decoderOf(fault: SourceFault | undefined): ChangeDecoder {
  const relations = new Map<string, Relation>();
  return {
    decode(payload): StreamEvent | undefined {
      if (fault === 'decodes anything' && !payload.includes('{')) return undefined;
      const packed = unpack(payload);
      const committedAtUs = fault === 'has no times' ? 0n : BigInt(Date.now()) * 1_000n;
      switch (packed.kind) {
        case 'begin':
          return { kind: 'begin', xid: 0, committedAtUs, commitsAt: packed.commitsAt };
        case 'commit':
          return packed;
        case 'schema': {
          const relation = relationOf(packed, packed.table);
          relations.set(packed.table, relation);
          return { kind: 'relation', relation };
        }
        default:
          return changeOf(packed, relations.get(packed.table) ?? relationOf(memoryBeat, packed.table), fault);
      }
    },
  };
}

function relationOf({ columns, key }: Pick<TableShape, 'columns' | 'key'>, name: string): Relation {
  return {
    id: 1,
    schema: name === memoryBeat.name ? 'teal' : 'memory',
    name,
    replicaIdentity: key.length === 0 ? 'full' : 'default',
    columns: columns.map((column) => ({
      name: column.name,
      typeOid: 0,
      typeModifier: -1,
      key: key.length === 0 || key.includes(column.name),
    })),
  };
}

function changeOf(change: RowWrite, relation: Relation, fault: SourceFault | undefined): StreamEvent {
  const old = (row: TextValues) =>
    ({ kind: 'full', values: valuesOf(fault === 'has no old rows' ? row.map(() => null) : row) }) as const;
  switch (change.kind) {
    case 'insert':
      return { kind: 'insert', relation, row: valuesOf(change.row) };
    case 'update':
      return { kind: 'update', relation, old: old(change.old), row: valuesOf(change.row) };
    case 'delete':
      return { kind: 'delete', relation, old: old(change.old) };
    case 'truncate':
      return { kind: 'truncate', relations: [relation], cascade: false, restartIdentity: false };
  }
}

function valuesOf(row: TextValues): PackedValues {
  return PackedValues.of(row.map((value) => (value === null ? null : Buffer.from(value))));
}

function probeOf(database: MemoryDatabase, fault: SourceFault | undefined): SourceProbe {
  const beat = (): void => {
    const row = ['blue', String(performance.now())];
    database.commit(fault === 'has no heartbeat' ? [] : [{ kind: 'insert', table: memoryBeat.name, row }]);
  };
  let releases = 0;
  return {
    heartbeat: async () => beat(),
    async mark() {
      const head = database.head();
      database.commit([]);
      return fault === 'marks the beginning' ? first : head;
    },
    look: async () => ({
      head: database.head(),
      slot: fault === 'has lost what was not received' ? 'absent' : 'usable',
    }),
    async release() {
      releases += 1;
      if (fault === 'is released once' && releases > 1) throw new TealError('TEAL-SYSTEMS-020', 'it is gone');
    },
    firstPosition: async () => (fault === 'begins now' ? database.head() : first),
    bytesBetween: (from, to) =>
      fault === 'counts backwards' ? Number(to) - Number(from) : Math.max(0, Number(to) - Number(from)),
    [Symbol.asyncDispose]: async () => undefined,
  };
}
