import assert from 'node:assert/strict';
import { PackedValues } from '../kernel/packed-values.ts';
import type { Relation, RowValues } from '../model/change.ts';
import { asPosition, type Position } from '../model/position.ts';
import type { TextValues } from '../ports/digester.ts';
import type { ControlRow, Sink, SinkCommit, SinkProgress, SinkStep, TargetTable } from '../ports/sink.ts';
import { casesOf, type ContractCase } from './contract.ts';
import { awkwardRows, inOrder, insert, keyed, keyless, plainRows } from './relational.ts';
import type { ClientDatabase, TableShape } from './relational.ts';
import { codeOf } from './refusal.ts';

/** A target without a table of the contract's, and with everything that a sink needs there. */
export interface SinkWorld extends AsyncDisposable {
  readonly target: ClientDatabase;
  /** Opens a sink of the world's one stream. */
  readonly open: () => Promise<Sink>;
  /** Ends the session of the sink that was opened last, as a network that breaks, if it is still there; resolves when it is gone from the target, with what was open in it. */
  readonly cutOff: () => Promise<void>;
  /** Rows of a control table: the named columns as texts. */
  readonly controlRows: (table: ControlRow['table'], columns: readonly string[]) => Promise<readonly TextValues[]>;
}

const initial: SinkProgress = Object.freeze({ applied: at(1), mode: 'live', epoch: 0, rogueTransactions: 0 });
const numbered: TableShape = Object.freeze({
  name: 'numbered',
  columns: [
    { name: 'id', holds: 'number' },
    { name: 'place', holds: 'number', unique: true },
  ],
  key: ['id'],
} as const);
const unlocked = Object.freeze({ missing: 'TEAL-SYNC-110', alreadyThere: 'TEAL-SYNC-111' });
/** More than any way of writing rows one by one is for. */
const many = 300;

/** What every sink promises (`Sink` of teal/adapter). The position is of a source that the sink has never heard of. */
export function sinkContract(open: () => Promise<SinkWorld>): readonly ContractCase[] {
  return casesOf(open, {
    'has no progress before it is given the first, and keeps that one': async (world) => {
      await using sink = await world.open();
      await assert.rejects(sink.progress());
      assert.deepEqual(await sink.progress(initial), initial);
      assert.deepEqual(await sink.progress({ ...initial, applied: at(9), epoch: 3 }), initial);
      assert.deepEqual(await sink.progress(), initial);
    },
    'a transaction is there whole, with all of its progress, and every value is what it was': async (world) => {
      const { sink, tables } = await begun(world, keyed, keyless);
      await using _ = sink;
      const commit: SinkCommit = { ...commitAt(2), mode: 'fenced', epoch: 4, rogueTransactions: 2, rogueFirst: 'x.y' };
      await sink.apply({ steps: tables.map((table) => inserts(table, awkwardRows)), commit });
      for (const table of [keyed, keyless]) await assertRows(world, table, awkwardRows);
      const { committedAtUs: __, ...progress } = commit;
      assert.deepEqual(await sink.progress(), progress);
      const { rogueFirst: ___, ...withoutFirst } = commit;
      await sink.apply({ steps: [], commit: { ...withoutFirst, applied: at(3) } });
      assert.equal((await sink.progress()).applied, at(3));
    },
    'the next slice goes on with the open transaction, which nobody sees before it is committed': async (world) => {
      const { sink, tables } = await begun(world, keyed);
      await using _ = sink;
      await sink.apply({ steps: [inserts(tables[0], [['1', 'a', '1']])] });
      await assertRows(world, keyed, []);
      const moved = changes(tables[0], [['1', 'a', '1']], [['1', 'b', '2']]);
      await sink.apply({ steps: [moved, inserts(tables[0], [['2', 'c', '3']])], commit: commitAt(2) });
      await assertRows(world, keyed, [
        ['1', 'b', '2'],
        ['2', 'c', '3'],
      ]);
    },
    'what was open when the session was lost is not there, and progress says so': async (world) => {
      const { sink, tables } = await begun(world, keyed);
      await sink.apply({ steps: [inserts(tables[0], [['1', 'kept', '1']])], commit: commitAt(2) });
      await sink.apply({ steps: [inserts(tables[0], [['2', 'lost', '2']])] });
      await world.cutOff();
      await assert.rejects(sink.apply({ steps: [inserts(tables[0], [['3', 'late', '3']])], commit: commitAt(3) }));
      await sink[Symbol.asyncDispose]();
      await using next = await world.open();
      assert.equal((await next.progress()).applied, at(2));
      await assertRows(world, keyed, [['1', 'kept', '1']]);
    },
    'abandoned, nothing of the open transaction is left, and the sink goes on': async (world) => {
      const { sink, tables } = await begun(world, keyed);
      await using _ = sink;
      await sink.abandon();
      await sink.apply({ steps: [inserts(tables[0], plainRows(many))] });
      await sink.abandon();
      await sink.abandon();
      await sink.apply({ steps: [inserts(tables[0], [['1', 'a', '1']])], commit: commitAt(2) });
      await assertRows(world, keyed, [['1', 'a', '1']]);
    },
    'progress that is asked for in an open transaction undoes it': async (world) => {
      const { sink, tables } = await begun(world, keyed);
      await using _ = sink;
      await sink.apply({ steps: [inserts(tables[0], [['1', 'a', '1']])] });
      assert.equal((await sink.progress()).applied, initial.applied);
      await sink.apply({ steps: [], commit: commitAt(2) });
      await assertRows(world, keyed, []);
    },
    'a change of a row that is not there undoes all of the transaction, and the sink goes on': async (world) => {
      const { sink, tables } = await begun(world, keyed, keyless);
      await using _ = sink;
      const [table, without] = tables;
      const row: TextValues = ['7', 'a', '1'];
      const refused: readonly SinkStep[] = [
        changes(table, [row], [['7', 'b', '1']]),
        deletes(table, [row]),
        changes(without, [row], [['7', 'b', '1']]),
        deletes(without, [row]),
      ];
      for (const step of refused) {
        await sink.apply({ steps: [inserts(table, [['8', 'x', '1']])] });
        const steps = [inserts(table, [['9', 'x', '1']]), step];
        assert.equal(await codeOf(sink.apply({ steps, commit: commitAt(2) })), unlocked.missing);
        assert.deepEqual(await sink.progress(), initial);
        await assertRows(world, keyed, []);
      }
      await sink.apply({ steps: [inserts(table, [row])], commit: commitAt(2) });
      await assertRows(world, keyed, [row]);
    },
    'nor is anything left of a short transaction, whole in one slice, that misses a row': async (world) => {
      const { sink, tables } = await begun(world, keyed, keyless);
      await using _ = sink;
      for (const table of tables) {
        const row: TextValues = ['7', 'a', '1'];
        for (const missing of [changes(table, [row], [['7', 'b', '1']]), deletes(table, [row])]) {
          const steps = [inserts(table, [['9', 'x', '1']]), missing, inserts(table, [['10', 'x', '1']])];
          assert.equal(await codeOf(sink.apply({ steps, commit: commitAt(2) })), unlocked.missing);
          assert.deepEqual(await sink.progress(), initial);
          for (const each of [keyed, keyless]) await assertRows(world, each, []);
        }
      }
      const steps = tables.map((table) => inserts(table, [['7', 'a', '1']]));
      await sink.apply({ steps, commit: commitAt(2) });
      for (const each of [keyed, keyless]) await assertRows(world, each, [['7', 'a', '1']]);
    },
    'a row that is there already is not written over': async (world) => {
      const { sink, tables } = await begun(world, keyed, numbered);
      await using _ = sink;
      await world.target.write(insert(keyed, ['1', 'mine', '1']), insert(numbered, ['1', '7']));
      const refused: readonly SinkStep[] = [
        inserts(tables[0], [['1', 'other', '1']]),
        inserts(tables[0], [...plainRows(many, 2), ['1', 'other', '1']]),
        inserts(tables[1], [['2', '7']]),
      ];
      for (const step of refused) {
        assert.equal(await codeOf(sink.apply({ steps: [step], commit: commitAt(2) })), unlocked.alreadyThere);
        assert.deepEqual(await sink.progress(), initial);
        await assertRows(world, keyed, [['1', 'mine', '1']]);
        await assertRows(world, numbered, [['1', '7']]);
      }
    },
    'of many rows in one step each is changed once, and all of them or none': async (world) => {
      const { sink, tables } = await begun(world, keyed);
      await using _ = sink;
      const [table] = tables;
      const rows = plainRows(many);
      const others = rows.map(([id]) => [id, `new ${id}`, null] as const);
      await sink.apply({ steps: [inserts(table, rows), changes(table, rows, others)], commit: commitAt(2) });
      await assertRows(world, keyed, others);
      const missing: TextValues = [String(many + 1), 'x', null];
      for (const step of [
        changes(table, [...others, missing], [...rows, missing]),
        deletes(table, [...others, missing]),
      ])
        assert.equal(await codeOf(sink.apply({ steps: [step], commit: commitAt(3) })), unlocked.missing);
      await assertRows(world, keyed, others);
      await sink.apply({ steps: [deletes(table, others.slice(1))], commit: commitAt(3) });
      await assertRows(world, keyed, others.slice(0, 1));
    },
    'a cell that was not sent stays as it is': async (world) => {
      const { sink, tables } = await begun(world, keyed);
      await using _ = sink;
      const [table] = tables;
      await sink.apply({
        steps: [
          inserts(table, [
            ['1', 'kept', '1'],
            ['2', null, '2'],
          ]),
        ],
        commit: commitAt(2),
      });
      const rows = ['1', '2'].map((id) => ({ old: row([id, null, null]), row: row([id, undefined, '5']) }));
      await sink.apply({ steps: [{ kind: 'update', table, set: [2], rows }], commit: commitAt(3) });
      await assertRows(world, keyed, [
        ['1', 'kept', '5'],
        ['2', null, '5'],
      ]);
    },
    'a key moves with its row, also to the place of one that has gone': async (world) => {
      const { sink, tables } = await begun(world, keyed);
      await using _ = sink;
      const [table] = tables;
      await sink.apply({ steps: [inserts(table, plainRows(3))], commit: commitAt(2) });
      const move = (from: string, to: string): SinkStep => ({
        kind: 'update',
        table,
        set: [0],
        rows: [{ old: row([from, null, null]), row: row([to, undefined, undefined]) }],
      });
      const [first, second, third] = plainRows(3).map(([, name, amount]) => [name, amount] as const);
      assert.ok(first && second && third);
      await sink.apply({ steps: [deletes(table, plainRows(1)), move('2', '1'), move('3', '30')], commit: commitAt(3) });
      await assertRows(world, keyed, [
        ['1', ...second],
        ['30', ...third],
      ]);
    },
    'a unique value passes from row to row, in few changes and in many': async (world) => {
      const { sink, tables } = await begun(world, numbered);
      await using _ = sink;
      const [table] = tables;
      const rows = Array.from({ length: many }, (__, n) => [String(n), String(n)] as const);
      await sink.apply({ steps: [inserts(table, rows)], commit: commitAt(2) });
      const set = (id: string, place: string): SinkStep => ({
        kind: 'update',
        table,
        set: [1],
        rows: [{ old: row([id, null]), row: row([id, place]) }],
      });
      const exchange = (number: number, [a, b]: readonly [string, string], told: number) => {
        const quick: SinkStep[] = [
          changes(
            table,
            [
              ['0', a],
              ['1', b],
            ],
            [
              ['0', b],
              ['1', a],
            ],
          ),
        ];
        // As the source did it: each row is right at each place.
        const ordered = (): readonly SinkStep[] => [set('0', '-1'), set('1', a), set('0', b)];
        return sink.apply({ steps: [{ kind: 'either', changes: told, quick, ordered }], commit: commitAt(number) });
      };
      await exchange(3, ['0', '1'], 3);
      await assertRows(world, numbered, [['0', '1'], ['1', '0'], ...rows.slice(2)]);
      await exchange(4, ['1', '0'], many);
      await assertRows(world, numbered, rows);
      assert.equal((await sink.progress()).applied, at(4));
    },
    'rows that are put are there as they are told, whether they were there or not': async (world) => {
      const { sink, tables } = await begun(world, keyed, numbered);
      await using _ = sink;
      const before = plainRows(many);
      const puts = (table: TargetTable, rows: readonly TextValues[]): SinkStep => ({
        kind: 'put',
        table,
        rows: rows.map(row),
      });
      await sink.apply({ steps: [inserts(tables[0], before), puts(tables[0], [['1', 'put', null]])] });
      const few: readonly TextValues[] = [
        ['2', 'two', '2'],
        [String(many + 1), null, '0'],
      ];
      await sink.apply({ steps: [puts(tables[0], few)], commit: commitAt(2) });
      await assertRows(world, keyed, [['1', 'put', null], ...few, ...before.slice(2)]);
      const all = plainRows(many * 2).map(([id]) => [id, `new ${id}`, null] as const);
      await sink.apply({ steps: [puts(tables[0], all)], commit: commitAt(3) });
      await assertRows(world, keyed, all);
      // Among the rows of one step a unique value may pass, in a ring too.
      const ring = (by: number): readonly TextValues[] =>
        Array.from({ length: many }, (__, n) => [String(n), String((n + by) % many)] as const);
      await sink.apply({ steps: [puts(tables[1], ring(0)), puts(tables[1], ring(1))], commit: commitAt(4) });
      await assertRows(world, numbered, ring(1));
    },
    'a row that is put gives way to no other key that has its unique value': async (world) => {
      const { sink, tables } = await begun(world, numbered);
      await using _ = sink;
      await sink.apply({ steps: [inserts(tables[0], [['1', '7']])], commit: commitAt(2) });
      for (const rows of [
        [['2', '7']],
        [...Array.from({ length: many }, (__, n) => [`${n + 10}`, `${n + 10}`]), ['2', '7']],
      ]) {
        const steps: readonly SinkStep[] = [{ kind: 'put', table: tables[0], rows: rows.map(row) }];
        assert.equal(await codeOf(sink.apply({ steps, commit: commitAt(3) })), unlocked.alreadyThere);
        await assertRows(world, numbered, [['1', '7']]);
      }
      assert.equal((await sink.progress()).applied, at(2));
    },
    'of equal rows without a key one is changed for each that is named': async (world) => {
      const { sink, tables } = await begun(world, keyless);
      await using _ = sink;
      const [table] = tables;
      const [one, other]: readonly TextValues[] = [
        ['1', 'a', null],
        ['1', 'a ', null],
      ];
      assert.ok(one && other);
      await sink.apply({ steps: [inserts(table, [one, one, one, other])], commit: commitAt(2) });
      await sink.apply({
        steps: [deletes(table, [one]), changes(table, [one], [['2', null, '3']])],
        commit: commitAt(3),
      });
      await assertRows(world, keyless, [one, other, ['2', null, '3']]);
      assert.equal(
        await codeOf(sink.apply({ steps: [deletes(table, [one, one])], commit: commitAt(4) })),
        unlocked.missing,
      );
      await assertRows(world, keyless, [one, other, ['2', null, '3']]);
    },
    'a table is emptied in its place among the changes, and full again when that is undone': async (world) => {
      const { sink, tables } = await begun(world, keyed, keyless);
      await using _ = sink;
      const truncate: SinkStep = { kind: 'truncate', tables, restartIdentity: false };
      await sink.apply({ steps: tables.map((table) => inserts(table, plainRows(5))), commit: commitAt(2) });
      await sink.apply({ steps: [truncate, inserts(tables[0], plainRows(1))] });
      await sink.abandon();
      for (const table of [keyed, keyless]) await assertRows(world, table, plainRows(5));
      await sink.apply({ steps: [truncate, inserts(tables[0], plainRows(1))], commit: commitAt(3) });
      await assertRows(world, keyed, plainRows(1));
      await assertRows(world, keyless, []);
    },
    'of control rows the first stays, but for the heartbeat, of which the last does': async (world) => {
      const { sink } = await begun(world);
      await using _ = sink;
      await sink.apply({ steps: [owner('green', 'e1a1'), beat('2026-01-01 00:00:00+00')], commit: commitAt(2) });
      const [first] = await world.controlRows('heartbeat', ['side', 'at']);
      await sink.apply({ steps: [owner('blue', 'e1a2'), beat('2026-01-01 00:00:01+00')], commit: commitAt(3) });
      assert.deepEqual(await world.controlRows('owner', ['epoch', 'owner', 'cut']), [['1', 'green', 'e1a1']]);
      const [last, ...others] = await world.controlRows('heartbeat', ['side', 'at']);
      assert.deepEqual([first?.[0], last?.[0], others], ['blue', 'blue', []]);
      assert.notEqual(last?.[1], first?.[1]);
    },
    'durable is what is applied, once it is forced, and never more than that': async (world) => {
      const { sink, tables } = await begun(world, keyed);
      await using _ = sink;
      assert.equal(await sink.durable(true), initial.applied);
      for (let number = 2; number < 6; number += 1) {
        const steps = [inserts(tables[0], plainRows(1, number))];
        assert.ok((await sink.apply({ steps, commit: commitAt(number) })) <= at(number));
        assert.ok((await sink.durable(false)) <= at(number));
      }
      assert.equal(await sink.durable(true), at(5));
      assert.equal(await sink.durable(false), at(5));
    },
    'a commit that was accepted is there for the next session, with its progress': async (world) => {
      const { sink, tables } = await begun(world, keyed);
      await sink.apply({ steps: [inserts(tables[0], [['1', 'a', '1']])], commit: commitAt(2) });
      await world.cutOff();
      await sink[Symbol.asyncDispose]();
      await using next = await world.open();
      assert.equal((await next.progress(initial)).applied, at(2));
      await assertRows(world, keyed, [['1', 'a', '1']]);
      const again = await fitted(next, world.target, keyed);
      await next.apply({ steps: [inserts(again, [['2', 'b', '2']])], commit: commitAt(3) });
      assert.equal(await next.durable(true), at(3));
    },
    'a stream has one session: another is refused while it is there, and none afterwards': async (world) => {
      {
        await using first = await world.open();
        assert.equal(await codeOf(world.open()), 'TEAL-SYNC-119');
        assert.deepEqual(await first.progress(initial), initial);
      }
      await world.cutOff();
      await using second = await world.open();
      assert.deepEqual(await second.progress(), initial);
    },
    'says what the target lacks before it can take a relation, and asks each time': async (world) => {
      await using sink = await world.open();
      await sink.progress(initial);
      const relation = relationOf(world.target, keyed);
      const before = await sink.describe(relation);
      assert.ok(!before.fits);
      assert.match(before.reason, /keyed/);
      await world.target.make(keyed);
      const after = await sink.describe(relation);
      assert.ok(after.fits);
      assert.deepEqual([after.table.written, after.table.key], [[0, 1, 2], [0]]);
      const more = relationOf(world.target, { ...keyed, columns: [...keyed.columns, { name: 'more', holds: 'text' }] });
      const lacking = await sink.describe(more);
      assert.ok(!lacking.fits);
      assert.match(lacking.reason, /more/);
    },
    'says what finds one row, and which columns are unique beside it': async (world) => {
      const { sink, tables } = await begun(world, numbered, keyless);
      await using _ = sink;
      assert.deepEqual([tables[0].key, tables[0].uniques], [[0], [[1]]]);
      assert.deepEqual([tables[1].key, tables[1].uniques], [undefined, []]);
    },
  });
}

/** Positions of the source: later numbers are greater. */
function at(number: number): Position {
  return asPosition(String(number).padStart(16, '0'));
}

function commitAt(number: number): SinkCommit {
  return { ...initial, applied: at(number), committedAtUs: 1_700_000_000_123_456n };
}

/** The tables that were described, as many as there are shapes. */
type Fitted<Shapes extends readonly unknown[]> = { readonly [Place in keyof Shapes]: TargetTable };

async function begun<Shapes extends readonly TableShape[]>(
  world: SinkWorld,
  ...shapes: Shapes
): Promise<{ readonly sink: Sink; readonly tables: Fitted<Shapes> }> {
  for (const shape of shapes) await world.target.make(shape);
  const sink = await world.open();
  await sink.progress(initial);
  const tables: TargetTable[] = [];
  for (const shape of shapes) tables.push(await fitted(sink, world.target, shape));
  return { sink, tables: tables as unknown as Fitted<Shapes> };
}

async function fitted(sink: Sink, target: ClientDatabase, shape: TableShape): Promise<TargetTable> {
  const fit = await sink.describe(relationOf(target, shape));
  assert.ok(fit.fits, fit.fits ? '' : fit.reason);
  return fit.table;
}

/** As the log of a source of an unknown system describes it. */
function relationOf({ schema }: ClientDatabase, { name, columns, key }: TableShape): Relation {
  return {
    id: 1,
    schema,
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

function row(cells: readonly (string | null | undefined)[]): RowValues {
  return PackedValues.of(cells.map((cell) => (typeof cell === 'string' ? Buffer.from(cell) : cell)));
}

function inserts(table: TargetTable, rows: readonly TextValues[]): SinkStep {
  return { kind: 'insert', table, rows: rows.map(row) };
}

function deletes(table: TargetTable, rows: readonly TextValues[]): SinkStep {
  return { kind: 'delete', table, rows: rows.map(row) };
}

/** Sets what can differ: without a key all columns, else those behind the first, which is the key. */
function changes(table: TargetTable, from: readonly TextValues[], to: readonly TextValues[]): SinkStep {
  const set = table.key === undefined ? table.written : table.written.slice(1);
  const rows = from.map((old, place) => ({ old: row(old), row: row(to[place] ?? []) }));
  return { kind: 'update', table, set, rows };
}

function owner(side: string, cut: string): SinkStep {
  const values = new Map(
    [
      ['epoch', '1'],
      ['owner', side],
      ['cut', cut],
    ].map(cellOf),
  );
  return { kind: 'control', row: { table: 'owner', values } };
}

function beat(time: string): SinkStep {
  const values = new Map(
    [
      ['side', 'blue'],
      ['at', time],
    ].map(cellOf),
  );
  return { kind: 'control', row: { table: 'heartbeat', values } };
}

function cellOf([name = '', text = '']: readonly string[]): readonly [string, Buffer] {
  return [name, Buffer.from(text)];
}

async function assertRows({ target }: SinkWorld, table: TableShape, rows: readonly TextValues[]): Promise<void> {
  assert.deepEqual(inOrder(await target.rows(table)), inOrder(rows));
}
