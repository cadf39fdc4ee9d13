import assert from 'node:assert/strict';
import { waitFor, within } from '../kernel/clock.ts';
import { isTealError } from '../kernel/errors.ts';
import type { Relation, RowValues, StreamEvent } from '../model/change.ts';
import type { Position } from '../model/position.ts';
import type {
  ChangeDecoder,
  ChangeRecord,
  ChangeSource,
  ChangeStream,
  SourceProbe,
  StreamStart,
} from '../ports/change-source.ts';
import { casesOf, type ContractCase } from './contract.ts';
import { awkwardRows, insert, keyed, keyless, plainRows, remove, update } from './relational.ts';
import type { ClientDatabase, ClientWrite, TableShape } from './relational.ts';
import { codeOf } from './refusal.ts';

/** What reads the log of one database. */
export interface LogReader {
  readonly source: ChangeSource;
  readonly decoder: () => ChangeDecoder;
  readonly probe: SourceProbe;
  /** How long something that must come may take to come; default two minutes. */
  readonly patienceMs?: number;
}

/** A source with everything that a flow from it needs, and no table of the contract's; its log is read by nobody. */
export interface SourceWorld extends AsyncDisposable, LogReader {
  readonly database: ClientDatabase;
  /** Ends the session of the stream that is open, as a network that breaks. */
  readonly cutOff: () => Promise<void>;
}

/** A transaction as the stream has it. */
interface Carried {
  readonly begin: Extract<StreamEvent, { kind: 'begin' }>;
  readonly end: Position;
  /** Of the database's own tables, in words. */
  readonly changes: readonly string[];
  /** Names of all tables with a change. */
  readonly tables: readonly string[];
}

/** What a source tells of: `changes` as they were made, or, where it looks at tables instead of a log, what `rows` are now (`put`), without those that are gone. */
export type SourceTells = 'changes' | 'rows';

/** What only a source of changes can promise. */
const ofChanges: ReadonlySet<string> = new Set([
  'carries every committed change once, and every value as it is',
  'an old key comes with a row whose key moves, and a whole old row where there is no key',
  'a table that is emptied in one act is told so',
]);

/** And what a source of rows promises instead. */
function rowsContract(open: () => Promise<SourceWorld>): readonly ContractCase[] {
  return casesOf(open, {
    'tells of every row that was written how it is now, and every value as it is': async (world) => {
      const { database } = world;
      await database.make(keyed);
      const [first, second] = [awkwardRows[2] ?? [], awkwardRows[6] ?? []];
      const [between, after] = [
        [first[0] ?? null, 'between', null],
        [first[0] ?? null, second[1] ?? null, second[2] ?? null],
      ];
      await database.write(insert(keyed, ...awkwardRows));
      await database.write(update(keyed, first, between), update(keyed, between, after));
      const [inserted, updated, ...others] = (await readAll(world)).map(({ changes }) => changes);
      const puts = awkwardRows.map((row) => told('put', keyed, row));
      assert.deepEqual(inserted?.toSorted(), puts.toSorted());
      assert.deepEqual(updated, [told('put', keyed, after)]);
      assert.deepEqual(others, []);
    },
  });
}

/** What every change source promises, with its decoder and its probe (`ChangeSource`, `ChangeDecoder` and `SourceProbe` of teal/adapter). */
export function sourceContract(
  open: () => Promise<SourceWorld>,
  tells: SourceTells = 'changes',
): readonly ContractCase[] {
  const cases = everySource(open);
  return tells === 'changes' ? cases : [...rowsContract(open), ...cases.filter(({ name }) => !ofChanges.has(name))];
}

function everySource(open: () => Promise<SourceWorld>): readonly ContractCase[] {
  return casesOf(open, {
    'carries every committed change once, and every value as it is': async (world) => {
      const { database } = world;
      for (const table of [keyed, keyless]) await database.make(table);
      const [first, second] = [awkwardRows[2] ?? [], awkwardRows[6] ?? []];
      const twin = ['77', 'twice', null];
      const writes: readonly ClientWrite[][] = [
        [insert(keyed, ...awkwardRows)],
        [insert(keyless, ...awkwardRows, twin, twin)],
        [update(keyed, first, ['3', 'new', null]), remove(keyed, second)],
        [update(keyless, first, ['3', 'new', null]), remove(keyless, second), remove(keyless, twin)],
        [insert(keyed, ['100', 'last', '1'])],
      ];
      for (const changes of writes) await database.write(...changes);
      const read = await readAll(world);
      assert.deepEqual(
        read.map(({ changes }) => changes),
        [
          awkwardRows.map((row) => told('insert', keyed, row)),
          [...awkwardRows, twin, twin].map((row) => told('insert', keyless, row)),
          [told('update', keyed, ['3', 'new', null], ['3']), told('delete', keyed, ['7'])],
          [
            told('update', keyless, ['3', 'new', null], first),
            told('delete', keyless, second),
            told('delete', keyless, twin),
            told('delete', keyless, twin),
          ],
          [told('insert', keyed, ['100', 'last', '1'])],
        ],
      );
    },
    'has nothing of what was rolled back': async (world) => {
      const { database } = world;
      await database.make(keyed);
      const transaction = await database.begin(insert(keyed, ['1', 'gone', null]));
      await database.write(insert(keyed, ['2', 'kept', null]));
      await transaction.rollBack();
      await database.write(insert(keyed, ['3', 'kept', null]));
      assert.deepEqual(idsOf(await readAll(world)), [['2'], ['3']]);
    },
    'has transactions in the order of their commits, whole': async (world) => {
      const { database } = world;
      await database.make(keyed);
      const early = await database.begin(insert(keyed, ['1', 'begins first', null], ['2', 'begins first', null]));
      const late = await database.begin(insert(keyed, ['3', 'begins second', null], ['4', 'begins second', null]));
      await database.write(insert(keyed, ['5', 'commits first', null]));
      await late.commit();
      await early.commit();
      assert.deepEqual(idsOf(await readAll(world)), [['5'], ['3', '4'], ['1', '2']]);
    },
    'an old key comes with a row whose key moves, and a whole old row where there is no key': async (world) => {
      const { database } = world;
      for (const table of [keyed, keyless]) await database.make(table);
      const [before, after] = [
        ['1', 'a', '1'],
        ['2', 'a', '1'],
      ];
      assert.ok(before && after);
      for (const table of [keyed, keyless]) {
        await database.write(insert(table, before));
        await database.write(update(table, before, after));
        await database.write(remove(table, after));
      }
      assert.deepEqual(
        (await readAll(world)).flatMap(({ changes }) => changes),
        [
          told('insert', keyed, before),
          told('update', keyed, after, ['1']),
          told('delete', keyed, ['2']),
          told('insert', keyless, before),
          told('update', keyless, after, before),
          told('delete', keyless, after),
        ],
      );
    },
    'a table that is emptied in one act is told so': async (world) => {
      const { database } = world;
      await database.make(keyed);
      await database.write(insert(keyed, ...plainRows(3)));
      await database.write({ kind: 'truncate', table: keyed });
      await database.write(insert(keyed, ...plainRows(1)));
      const all = (await readAll(world)).flatMap(({ changes }) => changes);
      assert.deepEqual(all.slice(3), ['truncate keyed', ...plainRows(1).map((row) => told('insert', keyed, row))]);
    },
    'records are whole transactions: a table is described before its first change, and ends only grow': async (
      world,
    ) => {
      const { database, probe } = world;
      for (const table of [keyed, keyless]) await database.make(table);
      await database.write(insert(keyed, ...plainRows(2)), insert(keyless, ...plainRows(2)));
      await database.write(insert(keyed, ...plainRows(2, 3)));
      const first = await probe.firstPosition();
      const records = await read(world, first, await probe.mark());
      let open = false;
      let last = first;
      const decoder = world.decoder();
      const described = new Set<string>();
      for (const record of records) {
        if (record.kind === 'begin' || record.kind === 'mark') assert.equal(open, false, record.kind);
        else assert.equal(open, true, record.kind);
        if (record.kind === 'begin') open = true;
        const event = record.kind === 'mark' ? undefined : decoder.decode(record.payload);
        if (event?.kind === 'relation') described.add(event.relation.name);
        if (event !== undefined && isOfRow(event))
          assert.ok(described.has(event.relation.name), 'a table is described first');
        if (record.kind === 'commit') {
          open = false;
          assert.ok(record.end > last, 'a commit ends after all that ended before');
        }
        if (record.kind === 'commit' || record.kind === 'mark') {
          assert.ok(record.end >= last, 'a mark is not before what was given');
          last = record.end;
        }
      }
      let before = first;
      for (const { begin, end } of transactionsOf(records, world)) {
        assert.ok(begin.commitsAt >= before, 'a commit begins where the one before has ended, or later');
        assert.ok(begin.commitsAt < end, 'a commit begins before it ends');
        before = end;
      }
    },
    'says when each transaction committed': async (world) => {
      const { database } = world;
      await database.make(keyed);
      await database.write(insert(keyed, ['1', 'a', null]));
      const now = BigInt(Date.now()) * 1_000n;
      const [begin] = (await readAll(world)).map((each) => each.begin.committedAtUs);
      // Clocks of two machines and logs of whole seconds: ten minutes is what nobody's lag is.
      assert.ok(begin !== undefined && begin > now - 600_000_000n && begin < now + 600_000_000n);
    },
    'goes on after any end, with a decoder that knows nothing: nothing is missing and nothing comes twice': async (
      world,
    ) => {
      const { database, probe } = world;
      await database.make(keyed);
      for (let id = 1; id <= 4; id += 1) await database.write(insert(keyed, [String(id), 'x', null]));
      const mark = await probe.mark();
      const first = await probe.firstPosition();
      const whole = ownOf(await read(world, first, mark), world);
      assert.deepEqual(idsOf(whole), [['1'], ['2'], ['3'], ['4']]);
      for (const [place, { end }] of whole.entries()) {
        const rest = ownOf(await read(world, end, mark), world);
        assert.deepEqual(
          rest.map(({ changes, end: at }) => [changes, at]),
          whole.slice(place + 1).map(({ changes, end: at }) => [changes, at]),
        );
      }
    },
    'goes on after the last mark or end that it gave, where others have written since': async (world) => {
      const { database, probe } = world;
      await database.make(keyed);
      let from = await probe.firstPosition();
      for (let id = 1; id <= 3; id += 1) {
        await database.write(insert(keyed, [String(id), 'x', null]));
        const records = await read(world, from, await probe.mark());
        assert.deepEqual(idsOf(ownOf(records, world)), [[String(id)]]);
        from = records.flatMap(endOf).at(-1) ?? from;
      }
    },
    'a stream whose session is lost ends with a reason that says that it may be tried again, and the next one goes on':
      async (world) => {
        const { database, probe } = world;
        await database.make(keyed);
        await database.write(insert(keyed, ['1', 'x', null]));
        const first = await probe.firstPosition();
        const mark = await probe.mark();
        let end = first;
        {
          await using stream = await start(world, { after: first });
          const records = await readFrom(world, stream, mark);
          end = records.flatMap(endOf).at(-1) ?? first;
          const ended = thrownBy(exhausted(stream), world);
          await world.cutOff();
          const error = await ended;
          assert.ok(isTealError(error) && error.entry.retry === 'auto', `it may be tried again: ${String(error)}`);
          assert.notEqual(await thrownBy(stream.next(), world), undefined);
        }
        await database.write(insert(keyed, ['2', 'x', null]));
        assert.deepEqual(idsOf(ownOf(await read(world, end, await probe.mark()), world)), [['2']]);
      },
    'an abort ends the stream with its reason': async (world) => {
      const abort = new AbortController();
      const stream = await world.source.start({ after: await world.probe.firstPosition() }, abort.signal);
      const reason = new Error('enough');
      const ended = thrownBy(exhausted(stream), world);
      abort.abort(reason);
      assert.equal(await ended, reason);
      await stream[Symbol.asyncDispose]();
    },
    'names the history that it reads, and refuses one that has another name': async (world) => {
      const after = await world.probe.firstPosition();
      let identity = '';
      {
        await using stream = await start(world, { after });
        identity = stream.identity;
        assert.match(identity, /\S/);
      }
      {
        await using stream = await start(world, { after, identity });
        assert.equal(stream.identity, identity);
      }
      const { signal } = new AbortController();
      const refused = codeOf(started(world, { after, identity: `${identity}0` }, signal));
      assert.match(await refused, /\S/);
    },
    'of what was not acknowledged nothing is forgotten': async (world) => {
      const { database, probe } = world;
      await database.make(keyed);
      for (let id = 1; id <= 3; id += 1) await database.write(insert(keyed, [String(id), 'x', null]));
      const first = await probe.firstPosition();
      const mark = await probe.mark();
      let acknowledged = first;
      {
        await using stream = await start(world, { after: first });
        const own = ownOf(await readFrom(world, stream, mark), world);
        acknowledged = own[0]?.end ?? first;
        stream.acknowledge(acknowledged);
        stream.acknowledge(acknowledged);
      }
      assert.deepEqual(idsOf(ownOf(await read(world, acknowledged, mark), world)), [['2'], ['3']]);
    },
    'a payload that is none is refused': async ({ decoder }) => {
      for (const payload of [Buffer.alloc(0), Buffer.from('\u0000\u0001 no payload of any source')]) {
        assert.throws(
          () => decoder().decode(payload),
          (error) => isTealError(error, 'TEAL-WIRE-001'),
        );
      }
    },
    'a mark is behind all that was committed, and in front of its own transaction': async (world) => {
      const { database, probe } = world;
      await database.make(keyed);
      const first = await probe.firstPosition();
      const marks: Position[] = [];
      for (let id = 1; id <= 3; id += 1) {
        await database.write(insert(keyed, [String(id), 'x', null]));
        marks.push(await probe.mark());
      }
      const records = await read(world, first, marks.at(-1) ?? first);
      const own = ownOf(records, world);
      assert.deepEqual(
        marks.map((mark) => own.filter(({ end }) => end <= mark).length),
        [1, 2, 3],
      );
      const all = records.filter(({ kind }) => kind === 'commit').length;
      assert.ok(all >= own.length + marks.length, 'each mark is a transaction of its own');
      assert.deepEqual(await database.rows(keyed).then((rows) => rows.length), 3);
    },
    'a heartbeat comes back through the stream, each one': async (world) => {
      const { probe } = world;
      const first = await probe.firstPosition();
      await probe.heartbeat();
      await probe.heartbeat();
      const all = transactionsOf(await read(world, first, await probe.mark()), world);
      assert.ok(all.filter(({ tables }) => tables.includes('teal.heartbeat')).length >= 2);
    },
    'a look says that what was not received can be had, and where the log has come to': async (world) => {
      const { database, probe } = world;
      await database.make(keyed);
      const first = await probe.firstPosition();
      await database.write(insert(keyed, ['1', 'x', null]));
      const mark = await probe.mark();
      const look = await probe.look();
      assert.equal(look.slot, 'usable');
      assert.ok(look.head > first);
      assert.ok(look.head >= mark);
    },
    'the log between two positions is never less than nothing': async (world) => {
      const { database, probe } = world;
      await database.make(keyed);
      const first = await probe.firstPosition();
      await database.write(insert(keyed, ...plainRows(20)));
      const { head } = await probe.look();
      assert.ok(probe.bytesBetween(first, head) > 1_000);
      assert.equal(probe.bytesBetween(head, first), 0);
      assert.equal(probe.bytesBetween(head, head), 0);
    },
    'the first position is where nobody has written yet, and it stays where it is': async (world) => {
      const { database, probe } = world;
      await database.make(keyed);
      const first = await probe.firstPosition();
      await database.write(insert(keyed, ['1', 'x', null]));
      assert.equal(await probe.firstPosition(), first);
      assert.deepEqual(idsOf(await readAll(world)), [['1']]);
    },
    'to let the source forget may be repeated': async ({ probe }) => {
      await probe.release();
      await probe.release();
      assert.match((await probe.look()).head, /\S/);
    },
  });
}

function told(
  kind: 'insert' | 'update' | 'delete' | 'put',
  { name }: TableShape,
  row: RowTexts,
  old?: RowTexts,
): string {
  return `${kind} ${name} ${old === undefined ? '' : `${JSON.stringify(old)} to `}${JSON.stringify(row)}`;
}

type RowTexts = readonly (string | null)[];

function endOf(record: ChangeRecord): readonly Position[] {
  return record.kind === 'commit' || record.kind === 'mark' ? [record.end] : [];
}

const notSent = '(not sent)';

function textsOf(values: RowValues): RowTexts {
  return values.toArray().map((value) => (value === undefined ? notSent : (value?.toString() ?? null)));
}

/** The key alone where there is one: what else is known of an old row is the source's own affair. */
function namedBy({ columns, replicaIdentity }: Relation, row: RowTexts): RowTexts {
  return replicaIdentity === 'full' ? row : row.filter((_, place) => columns[place]?.key === true);
}

function tell(event: Extract<StreamEvent, { kind: 'insert' | 'update' | 'delete' | 'put' | 'truncate' }>): string {
  if (event.kind === 'truncate') return `truncate ${event.relations.map(({ name }) => name).join(', ')}`;
  const { relation } = event;
  const shape = { name: relation.name, columns: [], key: [] };
  if (event.kind === 'delete') return told('delete', shape, namedBy(relation, textsOf(event.old.values)));
  const row = textsOf(event.row);
  if (event.kind === 'insert' || event.kind === 'put') return told(event.kind, shape, row);
  return told('update', shape, row, namedBy(relation, event.old === undefined ? row : textsOf(event.old.values)));
}

function transactionsOf(records: readonly ChangeRecord[], { decoder }: LogReader, schema?: string): readonly Carried[] {
  const decode = decoder();
  const found: Carried[] = [];
  let begin: Carried['begin'] | undefined;
  let changes: string[] = [];
  let tables: string[] = [];
  for (const record of records) {
    if (record.kind === 'mark') continue;
    const event = decode.decode(record.payload);
    if (event?.kind === 'begin') {
      begin = event;
      [changes, tables] = [[], []];
    } else if (event?.kind === 'commit') {
      assert.ok(begin !== undefined, 'a transaction begins before it ends');
      assert.equal(record.kind === 'commit' && record.end, event.end);
      found.push({ begin, end: event.end, changes, tables });
      begin = undefined;
    } else if (event?.kind === 'truncate') {
      if (event.relations.some((relation) => relation.schema === schema)) changes.push(tell(event));
    } else if (event !== undefined && isOfRow(event)) {
      tables.push(`${event.relation.schema}.${event.relation.name}`);
      if (event.relation.schema === schema) changes.push(tell(event));
    }
  }
  return found;
}

type OfRow = Extract<StreamEvent, { kind: 'insert' | 'update' | 'delete' | 'put' }>;

function isOfRow(event: StreamEvent): event is OfRow {
  return ['insert', 'update', 'delete', 'put'].includes(event.kind);
}

/** Those that changed a table of the database. */
function ownOf(records: readonly ChangeRecord[], world: SourceWorld): readonly Carried[] {
  return transactionsOf(records, world, world.database.schema).filter(({ changes }) => changes.length > 0);
}

function idsOf(transactions: readonly Carried[]): readonly (readonly string[])[] {
  return transactions.map(({ changes }) => changes.map((text) => /\["(-?\d+)"/.exec(text)?.[1] ?? text));
}

/** What clients have committed so far. */
async function readAll(world: SourceWorld): Promise<readonly Carried[]> {
  return ownOf(await read(world, await world.probe.firstPosition(), await world.probe.mark()), world);
}

/** Words for the changes that committed after a position and before now. */
export async function changesAfter(reader: LogReader, schema: string, after: Position): Promise<readonly string[]> {
  const records = await read(reader, after, await reader.probe.mark());
  return transactionsOf(records, reader, schema).flatMap(({ changes }) => changes);
}

/** Records from `after` on until everything that ends at or before `upTo` has come, by a stream of their own. */
async function read(reader: LogReader, after: Position, upTo: Position): Promise<readonly ChangeRecord[]> {
  await using stream = await start(reader, { after });
  return await readFrom(reader, stream, upTo);
}

async function readFrom(reader: LogReader, stream: ChangeStream, upTo: Position): Promise<readonly ChangeRecord[]> {
  const records: ChangeRecord[] = [];
  const isThere = (record: ChangeRecord): boolean =>
    (record.kind === 'commit' || record.kind === 'mark') && record.end > upTo;
  while (!records.some(isThere)) records.push(...(await patiently(reader, 'the rest of the log', stream.next())));
  return records;
}

/** A reader of before may not have gone yet. */
async function start(reader: LogReader, from: StreamStart): Promise<ChangeStream> {
  return started(reader, from, new AbortController().signal);
}

async function started(reader: LogReader, from: StreamStart, signal: AbortSignal): Promise<ChangeStream> {
  return waitFor({ what: 'the stream to open', timeoutMs: reader.patienceMs ?? defaultPatienceMs }, async () => {
    try {
      return await reader.source.start(from, signal);
    } catch (error) {
      if (isTealError(error) && error.entry.retry === 'auto') return undefined;
      throw error;
    }
  });
}

async function exhausted(stream: ChangeStream): Promise<never> {
  for (;;) await stream.next();
}

async function thrownBy(work: Promise<unknown>, reader: LogReader): Promise<unknown> {
  return patiently(
    reader,
    'the end of the stream',
    work.then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
}

const defaultPatienceMs = 120_000;

async function patiently<T>({ patienceMs = defaultPatienceMs }: LogReader, what: string, work: Promise<T>): Promise<T> {
  const late = (): Error => new assert.AssertionError({ message: `${what} does not come` });
  return within(patienceMs, late, async () => work);
}
