import { createHash } from 'node:crypto';
import { otherSide, type Side } from '../../model/catalog.ts';
import type { SchemaComparison, SchemaLook, SchemaMark, Schemas } from '../../ports/schemas.ts';
import { keyed, keyless, type TableShape } from '../relational.ts';
import type { SchemasWorld } from '../schemas-contract.ts';
import { memoryDatabase, tableOf, type MemoryDatabase } from './memory-database.ts';

/** Each breaks the promise that it stands beside in memory.test.ts. */
export type SchemasFault =
  | 'compares blue with itself and green with blue'
  | 'takes what is lacking for what is too much'
  | 'remembers its first look'
  | 'takes all tables for those of the beginning'
  | 'takes an index for a column'
  | 'tells rows'
  | 'marks both sides'
  | 'tells nobody who waits';

interface MemorySide {
  readonly database: MemoryDatabase;
  /** By the name of the table. */
  readonly indexes: Map<string, string[]>;
  waiting: number;
}

export function memorySchemasWorld(fault?: SchemasFault): SchemasWorld {
  const all: Readonly<Record<Side, MemorySide>> = { blue: sideOf(), green: sideOf() };
  const setShape = (side: Side, shape: TableShape): void => {
    const { tables } = all[side].database;
    tables.set(shape.name, { shape, rows: tables.get(shape.name)?.rows ?? [] });
  };
  for (const side of ['blue', 'green'] as const) for (const shape of [keyed, keyless]) setShape(side, shape);
  return {
    clients: { blue: all.blue.database, green: all.green.database },
    schemas: schemasOf(all, fault),
    async addColumn(side, { name }, column) {
      const { shape } = tableOf(all[side].database.tables, name);
      setShape(side, { ...shape, columns: [...shape.columns, { name: column, holds: 'number' }] });
    },
    async addIndex(side, { name }, index) {
      all[side].indexes.set(name, [...(all[side].indexes.get(name) ?? []), index]);
    },
    async waitForTeal(side) {
      all[side].waiting += 1;
      return async () => void (all[side].waiting -= 1);
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function sideOf(): MemorySide {
  return { database: memoryDatabase(), indexes: new Map(), waiting: 0 };
}

function schemasOf(all: Readonly<Record<Side, MemorySide>>, fault: SchemasFault | undefined): Schemas {
  const begunWith = new Set([keyed.name, keyless.name]);
  let first: SchemaLook | undefined;
  const indexesOf = (side: Side): readonly string[] => [...all[side].indexes.values()].flat();
  const look = (live: Side): SchemaLook => {
    if (fault === 'remembers its first look' && first !== undefined) return first;
    const other = otherSide(live);
    const [here, there] = [formsOf(all[live], fault), formsOf(all[other], fault)];
    const onlyHere = here.filter((form) => !there.includes(form)).map((form) => `${other} has no ${form}`);
    const onlyThere = there.filter((form) => !here.includes(form)).map((form) => `${form} is on ${other} alone`);
    const isMixedUp = fault === 'takes what is lacking for what is too much';
    const isStrange = fault === 'compares blue with itself and green with blue' && live === 'green';
    const unmoved = [...all[live].database.tables.keys()].filter((name) => !begunWith.has(name));
    first = {
      lacking: [...(isMixedUp ? onlyThere : onlyHere), ...(isStrange ? ['blue has nothing'] : [])],
      surplus: isMixedUp ? onlyHere : onlyThere,
      unmoved: unmoved.map((name) => `not all rows of ${name} move`),
    };
    return first;
  };
  return {
    look: async (live) => look(live),
    blocked: async (side) =>
      fault === 'tells nobody who waits' ? [] : Array.from({ length: all[side].waiting }, () => 'somebody waits'),
    async lacking(live) {
      const { lacking } = look(live);
      if (fault === 'takes all tables for those of the beginning') return lacking;
      return lacking.filter((sentence) => [...begunWith].some((name) => sentence.includes(` ${name}.`)));
    },
    async compare(live): Promise<SchemaComparison> {
      const there = new Set(indexesOf(otherSide(live)));
      const objects = indexesOf(live)
        .filter((name) => !there.has(name))
        .map((name) => `index ${name} is only on ${live}`);
      return { ...look(live), objects, refused: [], mark: markOf(all, live, fault) };
    },
  };
}

/** `keyed`, and `keyed.id`. */
function formsOf({ database, indexes }: MemorySide, fault: SchemasFault | undefined): readonly string[] {
  const forms = [...database.tables.values()].flatMap(({ shape: { name, columns }, rows }) => [
    name,
    ...columns.map((column) => `column ${name}.${column.name}`),
    ...(fault === 'tells rows' ? rows.map((row) => `row ${name}.${row.join()}`) : []),
  ]);
  return fault === 'takes an index for a column' ? [...forms, ...[...indexes.values()].flat()] : forms;
}

function markOf(all: Readonly<Record<Side, MemorySide>>, live: Side, fault: SchemasFault | undefined): SchemaMark {
  const marked = fault === 'marks both sides' ? [all.blue, all.green] : [all[live]];
  const objects = marked.flatMap(({ database, indexes }, place) =>
    [...database.tables.values()].map(({ shape }): readonly [string, string] => [
      `table ${shape.name}${'.'.repeat(place)}`,
      JSON.stringify([shape, indexes.get(shape.name)]),
    ]),
  );
  return {
    digest: createHash('sha256').update(JSON.stringify(objects)).digest('hex'),
    objects: Object.fromEntries(objects),
  };
}
