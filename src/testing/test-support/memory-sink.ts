import { must } from '../../kernel/assert.ts';
import { TealError } from '../../kernel/errors.ts';
import type { RowValues } from '../../model/change.ts';
import type { TextValues } from '../../ports/digester.ts';
import type { ControlRow, Sink, SinkProgress, SinkStep, TargetTable } from '../../ports/sink.ts';
import type { SinkWorld } from '../sink-contract.ts';
import { isSame, memoryDatabase, type MemoryDatabase, type MemoryTable } from './memory-database.ts';

/** Each breaks the promise that it stands beside in memory.test.ts. */
export type SinkFault =
  | 'has progress that nobody gave'
  | 'trims texts'
  | 'commits each slice'
  | 'commits what was open when the session is lost'
  | 'abandons nothing'
  | 'tells progress in an open transaction'
  | 'passes over rows that are missing'
  | 'keeps the beginning of a short transaction'
  | 'writes over rows'
  | 'loses the last of many'
  | 'writes NULL for what was not sent'
  | 'leaves keys where they are'
  | 'knows no order'
  | 'changes all equal rows'
  | 'empties tables at once'
  | 'keeps the last control row'
  | 'is durable too early'
  | 'keeps progress beside the data'
  | 'lets two apply'
  | 'fits everything'
  | 'knows no unique columns'
  | 'puts over other rows'
  | 'puts new rows only';

interface Target {
  readonly database: MemoryDatabase;
  progress: SinkProgress | undefined;
  before: SinkProgress | undefined;
}

type OneStep = Exclude<SinkStep, { kind: 'either' | 'cascade' }>;

export function memorySinkWorld(fault?: SinkFault): SinkWorld {
  const target: Target = { database: memoryDatabase(), progress: undefined, before: undefined };
  let last: ReturnType<typeof memorySink> | undefined;
  return {
    target: target.database,
    async open() {
      if (last?.isThere() === true && fault !== 'lets two apply')
        throw new TealError('TEAL-SYNC-119', 'another session applies this stream');
      last = memorySink(target, fault);
      return last;
    },
    cutOff: async () => last?.lose(),
    controlRows: async (table, columns) =>
      [...(target.database.control.get(table)?.values() ?? [])].map((row) =>
        columns.map((column) => row.get(column) ?? null),
      ),
    async [Symbol.asyncDispose]() {
      await last?.[Symbol.asyncDispose]();
    },
  };
}

function memorySink(
  target: Target,
  fault: SinkFault | undefined,
): Sink & { readonly lose: () => void; readonly isThere: () => boolean } {
  const { database } = target;
  let open: Map<string, MemoryTable> | undefined;
  let isLost = false;
  const alive = (): void => {
    if (isLost) throw new TealError('TEAL-SYSTEMS-006', 'the session is lost');
  };
  const commit = (): void => {
    for (const [name, { rows }] of open ?? []) must(database.tables.get(name), 'a table').rows = rows;
    open = undefined;
  };
  const perform = (step: OneStep): void => {
    open ??= new Map([...database.tables].map(([name, table]) => [name, { ...table }]));
    stepOn(open, step, database, fault);
  };
  return {
    isThere: () => !isLost,
    lose: () => {
      if (fault === 'commits what was open when the session is lost') commit();
      if (fault === 'keeps progress beside the data') target.progress = target.before;
      open = undefined;
      isLost = true;
    },
    async progress(initial) {
      alive();
      if (fault !== 'tells progress in an open transaction') open = undefined;
      if (fault === 'has progress that nobody gave') return initial ?? fallback;
      target.progress ??= initial;
      if (target.progress === undefined) throw new TealError('TEAL-SYNC-118', 'no progress of this stream');
      return target.progress;
    },
    async describe(relation) {
      const table = database.tables.get(relation.name);
      const names = relation.columns.map(({ name }) => name);
      const lacks = names.find((name) => table?.shape.columns.every((column) => column.name !== name));
      if (fault !== 'fits everything') {
        if (table === undefined) return { fits: false, reason: `no table ${relation.name}` };
        if (lacks !== undefined) return { fits: false, reason: `no column ${lacks}` };
      }
      const { key = [], columns = [] } = table?.shape ?? {};
      const uniques = columns.filter(({ unique }) => unique === true).map(({ name }) => [names.indexOf(name)]);
      const places = names.map((_, place) => place);
      const fitted: TargetTable = {
        relation,
        written: places,
        settable: places,
        key: key.length === 0 ? undefined : key.map((name) => names.indexOf(name)),
        uniques: fault === 'knows no unique columns' ? [] : uniques,
      };
      return { fits: true, table: fitted };
    },
    async apply({ steps, commit: progress }) {
      alive();
      const isWhole = open === undefined && progress !== undefined;
      try {
        for (const step of steps) {
          if (step.kind !== 'either') perform(plain(step));
          else if (fault === 'knows no order') for (const each of step.quick) perform(plain(each));
          else for (const each of step.ordered()) perform(plain(each));
        }
      } catch (error) {
        if (isWhole && fault === 'keeps the beginning of a short transaction') commit();
        open = undefined;
        throw error;
      }
      if (progress !== undefined || fault === 'commits each slice') commit();
      if (progress !== undefined) {
        const { committedAtUs: _, ...kept } = progress;
        target.before = target.progress;
        target.progress = kept;
      }
      return must(target.progress, 'progress').applied;
    },
    abandon: async () => {
      if (fault !== 'abandons nothing') open = undefined;
    },
    durable: async () => {
      const { applied } = must(target.progress, 'progress');
      return fault === 'is durable too early' ? (`${applied}0` as typeof applied) : applied;
    },
    [Symbol.asyncDispose]: async () => {
      open = undefined;
      isLost = true;
    },
  };
}

const fallback: SinkProgress = { applied: '' as SinkProgress['applied'], mode: 'live', epoch: 0, rogueTransactions: 0 };

function plain(step: SinkStep): OneStep {
  if (step.kind === 'either') throw new Error('a choice in a choice');
  if (step.kind === 'cascade') throw new Error('no foreign key of its source acts');
  return step;
}

function stepOn(
  tables: Map<string, MemoryTable>,
  step: OneStep,
  database: MemoryDatabase,
  fault: SinkFault | undefined,
): void {
  switch (step.kind) {
    case 'control':
      return controlOn(database, step.row, fault);
    case 'truncate':
      for (const { relation } of step.tables) {
        must(tables.get(relation.name), 'a table').rows = [];
        if (fault === 'empties tables at once') must(database.tables.get(relation.name), 'a table').rows = [];
      }
      return;
    default:
      return rowsOn(must(tables.get(step.table.relation.name), 'a table'), step, fault);
  }
}

function controlOn({ control }: MemoryDatabase, { table, values }: ControlRow, fault: SinkFault | undefined): void {
  const row = new Map([...values].map(([name, value]) => [name, value?.toString() ?? null]));
  const key = row.get('token') ?? row.get('epoch') ?? row.get('side') ?? '';
  const rows = control.get(table) ?? new Map<string, ReadonlyMap<string, string | null>>();
  control.set(table, rows);
  if (table === 'heartbeat' || fault === 'keeps the last control row' || !rows.has(key)) rows.set(key, row);
}

function rowsOn(
  table: MemoryTable,
  step: Extract<OneStep, { table: TargetTable }>,
  fault: SinkFault | undefined,
): void {
  const losesOne = fault === 'loses the last of many' && step.rows.length > 100;
  if (step.kind === 'update') {
    for (const { old, row } of losesOne ? step.rows.slice(0, -1) : step.rows) {
      for (const found of take(table, step.table, old, fault))
        put(table, changed(step.table, step.set, found, row, fault), fault);
    }
    return;
  }
  if (step.kind === 'put') {
    if (fault !== 'puts new rows only') {
      for (const row of step.rows) take(table, step.table, row, 'passes over rows that are missing');
    }
    for (const row of step.rows) {
      put(table, textsOf(row, fault), fault === 'puts over other rows' ? 'writes over rows' : fault);
    }
    return;
  }
  for (const row of losesOne ? step.rows.slice(0, -1) : step.rows) {
    if (step.kind === 'insert') put(table, textsOf(row, fault), fault);
    else take(table, step.table, row, fault);
  }
}

function textsOf(row: RowValues, fault: SinkFault | undefined): TextValues {
  const texts = row.toArray().map((value) => value?.toString() ?? null);
  return fault === 'trims texts' ? texts.map((text) => text?.trim() ?? null) : texts;
}

function changed(
  { key = [] }: TargetTable,
  set: readonly number[],
  old: TextValues,
  row: RowValues,
  fault: SinkFault | undefined,
): TextValues {
  const texts = textsOf(row, fault);
  return old.map((value, place) => {
    if (fault === 'leaves keys where they are' && key.includes(place)) return value;
    const isSent = fault === 'writes NULL for what was not sent' || row.isSent(place);
    const isSet = fault === 'writes NULL for what was not sent' ? !key.includes(place) : set.includes(place);
    return isSet && isSent ? (texts[place] ?? null) : value;
  });
}

/** Takes the row out of the table and answers it: more of them only where something is broken. */
function take(
  table: MemoryTable,
  { key }: TargetTable,
  old: RowValues,
  fault: SinkFault | undefined,
): readonly TextValues[] {
  const texts = textsOf(old, fault);
  const isMeant = (row: TextValues): boolean =>
    key === undefined ? isSame(row, texts) : key.every((place) => row[place] === texts[place]);
  const found = table.rows.filter(isMeant);
  if (found.length === 0 && fault !== 'passes over rows that are missing')
    throw new TealError('TEAL-SYNC-110', 'a row is missing');
  if (fault === 'changes all equal rows') {
    table.rows = table.rows.filter((row) => !isMeant(row));
    return found;
  }
  const at = table.rows.findIndex(isMeant);
  if (at >= 0) table.rows = table.rows.toSpliced(at, 1);
  return found.slice(0, 1);
}

function put(table: MemoryTable, row: TextValues, fault: SinkFault | undefined): void {
  const { columns, key } = table.shape;
  const unique = columns.flatMap(({ name, unique: is }, place) =>
    is === true || (key.length === 1 && key[0] === name) ? [place] : [],
  );
  const at = table.rows.findIndex((other) =>
    unique.some((place) => row[place] !== null && row[place] === other[place]),
  );
  if (at >= 0 && fault !== 'writes over rows') throw new TealError('TEAL-SYNC-111', 'a row is there already');
  table.rows = at >= 0 ? table.rows.with(at, row) : [...table.rows, row];
}
