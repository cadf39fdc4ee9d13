import { must } from '../../src/kernel/assert.ts';
import type { Table } from '../../src/model/catalog.ts';
import type { Position } from '../../src/model/position.ts';
import type { MatrixRow } from '../../tools/type-matrix-page.ts';
import { meant, type Form } from './forms.ts';
import { apply, codeOf, copy, copyFrom, differences, schema, type MovingPair } from './moving-pair.ts';
import type { Malformed, TypeCase, Value } from './type-case.ts';

const ways = ['copied', 'updated after the copy', 'deleted after the copy', 'inserted', 'updated', 'deleted'] as const;
type Way = (typeof ways)[number];

/** What becomes of a row: `this` is the value that it is about, `other` an ordinary one. */
interface Life {
  readonly way: Way;
  readonly copied?: 'this' | 'other';
  readonly first?: 'this' | 'other';
  readonly last?: 'this' | 'other' | 'deleted';
}

const lives: readonly Life[] = [
  { way: 'copied', copied: 'this' },
  { way: 'updated after the copy', copied: 'other', last: 'this' },
  { way: 'updated after the copy', copied: 'this', last: 'other' },
  { way: 'deleted after the copy', copied: 'this', last: 'deleted' },
  { way: 'inserted', first: 'this' },
  { way: 'updated', first: 'other', last: 'this' },
  { way: 'updated', first: 'this', last: 'other' },
  { way: 'deleted', first: 'this', last: 'deleted' },
];

/**
 * Tables are few and wide, a column for each type, so that seconds suffice: `k_…` with a number for its key, `w_…` without one, where a row is found by all that it holds.
 * `…_all` has every value that a type holds, one a row; `k_chosen` what a policy changes; `…_bad` what is malformed. `p_0`, `p_1`… have several values each for their key.
 */
const kinds = ['k', 'w'] as const;

/** As many as a key of MySQL's may have bytes for. */
const columnsPerKey = 6;

interface BadColumn {
  readonly name: string;
  readonly of: Malformed;
  readonly type: TypeCase;
  /** Why it cannot be there; undefined where it can. */
  readonly refused: string | undefined;
}

interface Column {
  readonly name: string;
  readonly of: TypeCase;
  readonly exists: boolean;
  /** The table that has it for a part of its key. */
  readonly keyTable: string | undefined;
  readonly malformed: readonly BadColumn[];
}

const sqlOf = (value: Value): string => (typeof value === 'string' ? value : value[0]);

/** Does with every value of every type all that can be done with it, and tells what was seen on the target. */
export async function observeTypes(pair: MovingPair, cases: readonly TypeCase[]): Promise<readonly MatrixRow[]> {
  const columns = await probe(pair, cases);
  const there = columns.filter(({ exists }) => exists);
  const bad = there.flatMap(({ malformed }) => malformed).filter(({ refused }) => refused === undefined);
  const chosen = bad.filter(({ of }) => pair.hasPolicy && of.policy !== undefined);
  const grids = gridsOf(there, chosen);
  await makeTables(pair, grids, there, bad);
  for (const grid of grids) await writeGrid(pair, grid, ({ copied }) => copied);
  await writeKeys(pair, there);
  await writeBadRows(pair, bad);
  const tables = await pair.makeTarget();
  const travelling = tables.filter(({ name }) => !name.endsWith('_bad') && !name.endsWith('_apart'));
  const after = await copy(pair, travelling, 'policy');
  await follow(pair, after, grids, there, travelling);
  const unequal = await differences(pair, travelling);
  const seen = await seenInGrids(pair, grids, unequal);
  const stopped = await seenOfBad(pair, bad, tables);
  const rows: MatrixRow[] = [];
  for (const column of columns) rows.push(await tell(pair, column, { seen, stopped, unequal, tables }));
  return rows;
}

/** Asks the server for each type what it has of it, by tables that are gone again. */
async function probe(pair: MovingPair, cases: readonly TypeCase[]): Promise<readonly Column[]> {
  const columns: Column[] = [];
  let keys = 0;
  for (const [at, of] of cases.entries()) {
    const name = `c${at}`;
    const exists = (await pair.write(`create temporary table probe (id int primary key, v ${of.type})`)) === undefined;
    const malformed: BadColumn[] = [];
    for (const [n, each] of exists ? of.malformed.entries() : []) {
      malformed.push({ name: `${name}_${n}`, of: each, type: of, refused: await whyNot(pair, of, each) });
    }
    if (exists) await demand(pair, 'drop table probe');
    const isKey =
      exists && (await pair.write(`create temporary table probe (v ${inKey(of)}, primary key (v))`)) === undefined;
    if (isKey) await demand(pair, 'drop table probe');
    const isApart = of.keyApart === true;
    const keyTable = isApart ? `p_${name}_apart` : `p_${Math.floor(keys / columnsPerKey)}`;
    columns.push({ name, of, exists, keyTable: isKey ? keyTable : undefined, malformed });
    if (isKey && !isApart) keys += 1;
  }
  return columns;
}

const inKey = ({ type }: TypeCase): string => `${type.replace(/ null$/, '')} not null`;

async function whyNot(pair: MovingPair, of: TypeCase, { value, becomes }: Malformed): Promise<string | undefined> {
  await demand(pair, 'delete from probe');
  if ((await pair.write(`insert into probe (id, v) values (0, ${sqlOf(value)})`)) !== undefined) {
    return 'cannot exist: the server refuses it';
  }
  if (becomes === undefined) return undefined;
  const stored = (await pair.look('source', 'probe', 'v', of.form)).get(0);
  if (stored !== meant(of.form, becomes)) throw new Error(`${of.type}: ${sqlOf(value)} became ${stored}`);
  return `cannot exist: the server stores ${isReadable(of.form) ? (stored ?? 'NULL') : 'what it takes of it'}`;
}

/** Whether a form shows a value as people write it. */
const isReadable = (form: Form): boolean => ['integer', 'text', 'real', 'as it is'].includes(form);

async function demand(pair: MovingPair, sql: string): Promise<void> {
  const refused = await pair.write(sql);
  if (refused !== undefined) throw new Error(`the source refused (${refused}): ${sql.slice(0, 500)}`);
}

interface GridColumn {
  readonly name: string;
  readonly form: Form;
  readonly values: readonly string[];
  /** What `other` is beside each of the values. */
  readonly others: readonly string[];
}

/** Tables in which each value of each column lives each life. */
interface Grid {
  readonly name: string;
  readonly kinds: readonly ('k' | 'w')[];
  readonly rounds: number;
  readonly columns: readonly GridColumn[];
}

function gridsOf(columns: readonly Column[], chosen: readonly BadColumn[]): readonly Grid[] {
  const all = columns.map(({ name, of }) => gridColumn(name, of, ['null', ...of.values.map(sqlOf)]));
  const changed = chosen.map(({ name, of, type }) => gridColumn(name, type, [sqlOf(of.value)]));
  return [
    { name: 'all', kinds, rounds: Math.max(...all.map(({ values }) => values.length)), columns: all },
    ...(changed.length === 0 ? [] : [{ name: 'chosen', kinds: ['k'] as const, rounds: 1, columns: changed }]),
  ];
}

function gridColumn(name: string, { form, values: own }: TypeCase, values: readonly string[]): GridColumn {
  const [ordinary = 'null', second = 'null'] = own.map(sqlOf);
  return { name, form, values, others: values.map((value) => (value === ordinary ? second : ordinary)) };
}

/** In round `n` a column has its `n`th value; one with fewer begins anew. */
function cells({ columns }: Grid, round: number, which: 'this' | 'other'): readonly string[] {
  return columns.map(({ values, others }) => {
    const at = round % values.length;
    return must((which === 'this' ? values : others)[at], 'a value');
  });
}

const rowNumber = (round: number, life: number): number => 10 * round + life;

async function makeTables(
  pair: MovingPair,
  grids: readonly Grid[],
  columns: readonly Column[],
  bad: readonly BadColumn[],
): Promise<void> {
  const typeOf = new Map(columns.map(({ name, of }) => [name, of.type]));
  for (const { name, type } of bad) typeOf.set(name, type.type);
  const make = async (name: string, names: readonly string[]): Promise<void> => {
    const defined = names.map((each) => `${each} ${typeOf.get(each) ?? ''}`).join(', ');
    await demand(pair, `create table ${schema}.k_${name} (id int primary key, ${defined})`);
    await demand(pair, `create table ${schema}.w_${name} (id int, ${defined})`);
  };
  for (const { name, columns: own } of grids)
    await make(
      name,
      own.map((column) => column.name),
    );
  if (bad.length > 0)
    await make(
      'bad',
      bad.map(({ name }) => name),
    );
  for (const [table, own] of keyTables(columns)) {
    const defined = own.map(({ name, of }) => `${name} ${inKey(of)}`).join(', ');
    const key = own.map(({ name }) => name).join(', ');
    await demand(pair, `create table ${schema}.${table} (id int, ${defined}, primary key (${key}))`);
  }
}

function keyTables(columns: readonly Column[]): ReadonlyMap<string, readonly Column[]> {
  const keyed = columns.filter(({ keyTable }) => keyTable !== undefined);
  return Map.groupBy(keyed, ({ keyTable }) => keyTable ?? '');
}

async function writeGrid(
  pair: MovingPair,
  grid: Grid,
  of: (life: Life) => 'this' | 'other' | undefined,
): Promise<void> {
  for (let round = 0; round < grid.rounds; round += 1) {
    const rows = lives.flatMap((life, n) => {
      const which = of(life);
      return which === undefined ? [] : [`(${[rowNumber(round, n), ...cells(grid, round, which)].join(', ')})`];
    });
    for (const kind of grid.kinds)
      await demand(pair, `insert into ${schema}.${kind}_${grid.name} values ${rows.join(', ')}`);
  }
}

async function changeGrid(pair: MovingPair, grid: Grid, isOf: (life: Life) => boolean): Promise<void> {
  for (let round = 0; round < grid.rounds; round += 1) {
    for (const [n, life] of lives.entries()) {
      if (life.last === undefined || !isOf(life)) continue;
      const place = `where id = ${rowNumber(round, n)}`;
      for (const kind of grid.kinds) {
        const table = `${schema}.${kind}_${grid.name}`;
        if (life.last === 'deleted') await demand(pair, `delete from ${table} ${place}`);
        else {
          const next = cells(grid, round, life.last);
          const sets = grid.columns.map(({ name }, at) => `${name} = ${next[at]}`).join(', ');
          await demand(pair, `update ${table} set ${sets} ${place}`);
        }
      }
    }
  }
}

/** A row for each value: what its collation holds to be one is there once. */
async function writeKeys(pair: MovingPair, columns: readonly Column[]): Promise<void> {
  for (const [table, own] of keyTables(columns)) {
    for (let round = 0; round < keyRounds(own); round += 1) await pair.write(insertKey(table, own, round, round));
  }
}

const isApart = (own: readonly Column[]): boolean => own.some(({ of }) => of.keyApart === true);

const keyRounds = (own: readonly Column[]): number => Math.max(...own.map(({ of }) => of.values.length));

function keyOf(own: readonly Column[], round: number): readonly string[] {
  return own.map(({ of }) => sqlOf(must(of.values[round % of.values.length], 'a value')));
}

function insertKey(table: string, own: readonly Column[], round: number, id: number): string {
  return `insert into ${schema}.${table} values (${[id, ...keyOf(own, round)].join(', ')})`;
}

async function changeKeys(pair: MovingPair, columns: readonly Column[]): Promise<void> {
  for (const [table, own] of keyTables(columns)) {
    if (!isApart(own)) await demand(pair, `update ${schema}.${table} set id = id + 100`);
  }
}

/** The first row goes, the second gets its key, and a new one comes in the place of the second. */
async function moveKeys(pair: MovingPair, columns: readonly Column[]): Promise<void> {
  for (const [table, own] of keyTables(columns)) {
    if (isApart(own)) continue;
    await demand(pair, `delete from ${schema}.${table} where id = 100`);
    const first = keyOf(own, 0);
    const sets = own.map(({ name }, at) => `${name} = ${first[at]}`).join(', ');
    await demand(pair, `update ${schema}.${table} set ${sets} where id = 101`);
    await demand(pair, insertKey(table, own, 1, 200));
  }
}

/** The second part is a batch of its own: an update that meets its insert in one batch is no update any more. */
async function follow(
  pair: MovingPair,
  after: Position,
  grids: readonly Grid[],
  columns: readonly Column[],
  tables: readonly Table[],
): Promise<void> {
  const first = async (): Promise<void> => {
    for (const grid of grids) {
      await writeGrid(pair, grid, (life) => life.first);
      await changeGrid(pair, grid, (life) => life.copied !== undefined);
    }
    await changeKeys(pair, columns);
  };
  const second = async (): Promise<void> => {
    for (const grid of grids) await changeGrid(pair, grid, (life) => life.first !== undefined);
    await moveKeys(pair, columns);
  };
  let from = after;
  for (const part of [first, second]) {
    await part();
    const end = await pair.mark();
    const code = await apply(pair, await pair.read(from, tables, 'policy'), from);
    if (code !== undefined) throw new Error(`the flow stopped: ${code}`);
    from = end;
  }
}

/** `undefined` for a row that is not there. */
function compare(source: string | null | undefined, target: string | null | undefined, isUnequal: boolean): string {
  if (source !== target) return target === undefined ? 'is missing' : 'is another value';
  return isUnequal ? 'differs by digest' : 'equal';
}

const isUnequalIn = (unequal: ReadonlySet<string>, table: string, column: string): boolean =>
  unequal.has(table) || unequal.has(`${table}.${column}`);

interface SeenValue {
  readonly column: string;
  readonly round: number;
  readonly way: Way;
  readonly target: string | null | undefined;
  readonly word: string;
}

async function seenInGrids(
  pair: MovingPair,
  grids: readonly Grid[],
  unequal: ReadonlySet<string>,
): Promise<readonly SeenValue[]> {
  const found: SeenValue[] = [];
  for (const grid of grids) {
    for (const { name: column, form } of grid.columns) {
      for (const kind of grid.kinds) {
        const table = `${kind}_${grid.name}`;
        const source = await pair.look('source', table, column, form);
        const target = await pair.look('target', table, column, form);
        for (let round = 0; round < grid.rounds; round += 1) {
          for (const [n, { way }] of lives.entries()) {
            const id = rowNumber(round, n);
            const word = compare(source.get(id), target.get(id), isUnequalIn(unequal, table, column));
            found.push({ column, round, way, target: target.get(id), word });
          }
        }
      }
    }
  }
  return found;
}

type Found = readonly { readonly way: Way; readonly word: string }[];

/** One word where all ways ended alike, else each way with its own. */
function inWords(found: Found): string {
  const words = ways.flatMap((way) => {
    const each = new Set(found.filter((one) => one.way === way).map(({ word }) => word));
    return each.size === 0 ? [] : [[way, [...each].join(' or ')] as const];
  });
  if (words.every(([, word]) => word === words[0]?.[1])) return words[0]?.[1] ?? 'nothing seen';
  return words.map(([way, word]) => `${way}: ${word}`).join('; ');
}

/** All columns are NULL but the one: what is copied, and what the stream brings, is about one malformed value each time. */
async function writeBadRows(pair: MovingPair, bad: readonly BadColumn[]): Promise<void> {
  if (bad.length === 0) return;
  const values = bad.map(({ of }) => sqlOf(of.value)).join(', ');
  for (const kind of kinds) await demand(pair, `insert into ${schema}.${kind}_bad values (0, ${values})`);
}

/** By the column's name, with no policy. */
async function seenOfBad(
  pair: MovingPair,
  bad: readonly BadColumn[],
  tables: readonly Table[],
): Promise<ReadonlyMap<string, Found>> {
  if (bad.length === 0) return new Map();
  const own = tables.filter(({ name }) => name.endsWith('_bad'));
  const found = new Map<string, { way: Way; word: string }[]>(bad.map(({ name }) => [name, []]));
  const add = (column: BadColumn, way: Way, word: string): void => {
    found.get(column.name)?.push({ way, word });
  };
  const keyed = own.find(({ name }) => name === 'k_bad');
  // A copy does not ask by what a row is known.
  if (keyed !== undefined) await copyBad(pair, bad, keyed, add);
  for (const table of own) await pair.forgetCopy(table.name);
  for (const table of own) await streamBad(pair, bad, table, add);
  return found;
}

type Add = (column: BadColumn, way: Way, word: string) => void;

/** A table of one of its columns at a time. */
async function copyBad(pair: MovingPair, bad: readonly BadColumn[], table: Table, add: Add): Promise<void> {
  await using keeper = await pair.snapshots([table], 'stop');
  for (const column of bad) {
    const narrow = { ...table, columns: table.columns.filter(({ name }) => name === 'id' || name === column.name) };
    await pair.forgetCopy(table.name);
    const code = await copyFrom(pair, keeper, [narrow]).then(() => undefined, codeOf);
    add(column, 'copied', code === undefined ? await wordOf(pair, table, column, 0) : `stops: ${code}`);
  }
}

async function wordOf(pair: MovingPair, { name }: Table, column: BadColumn, id: number): Promise<string> {
  const source = await pair.look('source', name, column.name, column.type.form);
  const target = await pair.look('target', name, column.name, column.type.form);
  return compare(source.get(id), target.get(id), false);
}

/** Each change is a transaction of its own, and what cannot be read or applied is passed over, as no flow would. */
async function streamBad(pair: MovingPair, bad: readonly BadColumn[], table: Table, add: Add): Promise<void> {
  const place = `${schema}.${table.name}`;
  await demand(pair, `delete from ${place}`);
  const updated = (at: number): number => 10 * at + 1;
  const inserted = (at: number): number => 10 * at + 2;
  const ordinaryRows = bad.map(({ type }, at) => {
    const ordinary = sqlOf(must(type.values[0], 'an ordinary value'));
    return `(${[updated(at), ...bad.map((_, place) => (place === at ? ordinary : 'null'))].join(', ')})`;
  });
  const changes = bad.flatMap((column, at): readonly BadChange[] => {
    const [value, { name }] = [sqlOf(column.of.value), column];
    return [
      {
        column,
        id: inserted(at),
        way: 'inserted',
        sql: `insert into ${place} (id, ${name}) values (${inserted(at)}, ${value})`,
      },
      {
        column,
        id: updated(at),
        way: 'updated',
        sql: `update ${place} set ${name} = ${value} where id = ${updated(at)}`,
      },
    ];
  });
  await streamed(pair, table, [{ sql: `insert into ${place} values ${ordinaryRows.join(', ')}` }], add);
  const isEqual = await streamed(pair, table, changes, add);
  const deletes = bad.flatMap((column, at) =>
    isEqual.has(inserted(at))
      ? [{ column, id: inserted(at), way: 'deleted', sql: `delete from ${place} where id = ${inserted(at)}` } as const]
      : [],
  );
  if (deletes.length > 0) await streamed(pair, table, deletes, add);
}

interface BadChange {
  readonly column: BadColumn;
  readonly id: number;
  readonly way: Way;
  readonly sql: string;
}

/** Answers the rows that came through. */
async function streamed(
  pair: MovingPair,
  table: Table,
  changes: readonly (BadChange | Pick<BadChange, 'sql'>)[],
  add: Add,
): Promise<ReadonlySet<number>> {
  const equal = new Set<number>();
  const after = await pair.mark();
  for (const { sql } of changes) await demand(pair, sql);
  const transactions = await pair.read(after, [table], 'stop');
  if (transactions.length !== changes.length) throw new Error('a transaction for each change');
  for (const [at, transaction] of transactions.entries()) {
    const change = must(changes[at], 'a change');
    const code = await apply(pair, [transaction], after);
    if (!('column' in change)) continue;
    const { column, id, way } = change;
    const word = code === undefined ? await wordOf(pair, table, column, id) : `stops: ${code}`;
    if (word === 'equal') equal.add(id);
    add(column, way, word);
  }
  return equal;
}

interface Evidence {
  readonly tables: readonly Table[];
  readonly seen: readonly SeenValue[];
  readonly stopped: ReadonlyMap<string, Found>;
  readonly unequal: ReadonlySet<string>;
}

const noType = 'cannot exist: the server has no such type';

async function tell(pair: MovingPair, column: Column, evidence: Evidence): Promise<MatrixRow> {
  const { of, name, exists } = column;
  const { type, values } = of;
  if (!exists) {
    const malformed = of.malformed.map(({ value }) => ({ value, seen: noType }));
    return { type, targetType: '', values, ofNull: noType, ofValues: noType, asKey: noType, malformed };
  }
  const own = evidence.seen.filter((each) => each.column === name);
  const isNull = ({ round }: SeenValue): boolean => round % (values.length + 1) === 0;
  const malformed = column.malformed.map((each) => ({
    value: each.of.value,
    seen: each.refused ?? wordsOfBad(pair, each, evidence),
  }));
  return {
    type,
    targetType: await pair.targetType('k_all', name),
    values,
    ofNull: inWords(own.filter(isNull)),
    ofValues: inWords(own.filter((each) => !isNull(each))),
    asKey: await seenAsKey(pair, column, evidence),
    malformed,
  };
}

async function seenAsKey(pair: MovingPair, column: Column, { unequal, tables }: Evidence): Promise<string> {
  const { keyTable } = column;
  if (keyTable === undefined) return 'cannot exist: the server takes no key of it';
  if (column.of.keyApart !== true) return wordsOfKeys(pair, column, keyTable, unequal);
  const table = must(
    tables.find(({ name }) => name === keyTable),
    'a table by itself',
  );
  const after = await copy(pair, [table], 'stop');
  const copied = await wordsOfKeys(pair, column, keyTable, await differences(pair, [table]));
  await demand(pair, `update ${schema}.${keyTable} set id = id + 100`);
  const code = await apply(pair, await pair.read(after, [table], 'stop'), after);
  const updated = code === undefined ? await wordsOfKeys(pair, column, keyTable, new Set()) : `stops: ${code}`;
  return copied === updated ? copied : `copied: ${copied}; updated: ${updated}`;
}

async function wordsOfKeys(
  pair: MovingPair,
  { name, of: { form } }: Column,
  table: string,
  unequal: ReadonlySet<string>,
): Promise<string> {
  const source = await pair.look('source', table, name, form);
  const target = await pair.look('target', table, name, form);
  const words = [...new Set([...source.keys(), ...target.keys()])].map((id) =>
    compare(source.get(id), target.get(id), isUnequalIn(unequal, table, name)),
  );
  return [...new Set(words)].join(' or ');
}

function wordsOfBad(pair: MovingPair, { name, of: { policy }, type }: BadColumn, evidence: Evidence): string {
  const strict = inWords(evidence.stopped.get(name) ?? []);
  if (!pair.hasPolicy || policy === undefined) return strict;
  const found = evidence.seen
    .filter(({ column }) => column === name)
    .map(({ way, target, word }, at) => {
      const { last, first, copied } = must(lives[at % lives.length], 'a life');
      const isChanged = (last ?? first ?? copied) === 'this';
      if (!isChanged || word === 'differs by digest') return { way, word };
      return { way, word: compare(meant(type.form, policy.makes), target, false) };
    });
  return `${strict}; ${inWords(found)} after policy ${policy.called}`;
}
