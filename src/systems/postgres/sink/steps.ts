import { unreachable } from '../../../kernel/assert.ts';
import type { RowValues } from '../../../model/change.ts';
import type { ControlRow, SinkStep, TargetTable, UpdatedRow } from '../../../ports/sink.ts';
import { quoteIdent } from '../quote.ts';
import type { FittedTable } from './describe.ts';
import {
  cellsOf,
  copySql,
  copyToStageSql,
  createStageSql,
  deleteFromStageSql,
  deleteRow,
  insertSql,
  truncateSql,
  updateFromStageSql,
  updateRow,
} from './statements.ts';
import type { Ask } from './target-session.ts';

/** What an answer must prove: how many rows a statement affected, for which change. Without `rows` nothing is asked of it. */
export interface Expectation {
  readonly what: SinkStep['kind'] | 'session';
  readonly table?: TargetTable;
  readonly rows?: number;
}

export type SinkAsk = Ask<Expectation>;

/** From this many rows on, one COPY is quicker than a statement a row. */
export const copyFromRows = 32;
/** From this many rows on, one statement that joins a table of the batch is quicker than a statement a row. */
export const stageFromRows = 48;

/** Tables of this session, each for the batches of one table of the target. */
export interface Stages {
  /** Its name; when it has to be made first, and which one it replaces, made for the target's table as it was before. */
  stageOf(fitted: FittedTable): { readonly name: string; readonly isNew: boolean; readonly replaces?: string };
}

export type PlainStep = Exclude<SinkStep, { kind: 'either' | 'cascade' }>;

/** The statements of one step. `either` and `cascade` are none of them: they take answers to go on. */
export function* asksOf(
  step: PlainStep,
  fittedOf: (table: TargetTable) => FittedTable,
  stages: Stages,
): Generator<SinkAsk, void, void> {
  switch (step.kind) {
    case 'insert':
      yield* insertAsks(fittedOf(step.table), step.rows);
      return;
    case 'update':
      yield* updateAsks(fittedOf(step.table), step.set, step.rows, stages);
      return;
    case 'delete':
      yield* deleteAsks(fittedOf(step.table), step.rows, stages);
      return;
    case 'put': {
      const fitted = fittedOf(step.table);
      yield* deleteAsks(fitted, step.rows, stages, 'put');
      yield* insertAsks(fitted, step.rows, 'put');
      return;
    }
    case 'truncate':
      yield statement(truncateSql(step.tables.map(fittedOf), step.restartIdentity), { what: 'truncate' });
      return;
    case 'control':
      yield controlAsk(step.row);
      return;
    default:
      unreachable(step, 'a step of a sink');
  }
}

function statement(sql: string, owner: Expectation): SinkAsk {
  return { kind: 'statement', sql, cells: [], owner };
}

function* insertAsks(
  fitted: FittedTable,
  rows: readonly RowValues[],
  what: 'insert' | 'put' = 'insert',
): Generator<SinkAsk, void, void> {
  const { table } = fitted;
  if (rows.length >= copyFromRows && table.written.length > 0) {
    const owner = { what, table, rows: rows.length } as const;
    const isBinary = areBinary(rows);
    const lines = { count: rows.length, isBinary, parts: [{ rows, columns: table.written }] };
    yield { kind: 'copy', sql: copySql(fitted, isBinary), lines, owner };
    return;
  }
  const sql = insertSql(fitted);
  const owner = { what, table, rows: 1 } as const;
  for (const row of rows) {
    yield { kind: 'statement', sql, cells: cellsOf(row, table.written), isBinary: row.isBinary, owner };
  }
}

function* updateAsks(
  fitted: FittedTable,
  set: readonly number[],
  rows: readonly UpdatedRow[],
  stages: Stages,
): Generator<SinkAsk, void, void> {
  const { table } = fitted;
  if (table.key === undefined || rows.length < stageFromRows) {
    const owner = { what: 'update', table, rows: 1 } as const;
    for (const { old, row } of rows) {
      const isBinary = row.isBinary || old.isBinary;
      yield { kind: 'statement', ...updateRow(fitted, set, old, row), isBinary, owner };
    }
    return;
  }
  const { key } = table;
  const { name, asks } = staging(fitted, stages);
  yield* asks;
  const isBinary = areBinary(rows.map(({ row }) => row)) || areBinary(rows.map(({ old }) => old));
  const copy = copyToStageSql(name, fitted, set, isBinary);
  const olds = { rows: rows.map(({ old }) => old), columns: key };
  const news = { rows: rows.map(({ row }) => row), columns: set };
  yield {
    kind: 'copy',
    sql: copy,
    lines: { count: rows.length, isBinary, parts: [olds, news] },
    owner: { what: 'update', table },
  };
  const owner = { what: 'update', table, rows: rows.length } as const;
  yield statement(updateFromStageSql(name, fitted, set), owner);
}

/** Rows that are put may be there or not: then nothing is asked of the count. */
function* deleteAsks(
  fitted: FittedTable,
  rows: readonly RowValues[],
  stages: Stages,
  what: 'delete' | 'put' = 'delete',
): Generator<SinkAsk, void, void> {
  const { table } = fitted;
  const due = (count: number): { readonly rows?: number } => (what === 'put' ? {} : { rows: count });
  if (table.key === undefined || rows.length < stageFromRows) {
    const owner = { what, table, ...due(1) } as const;
    for (const row of rows) yield { kind: 'statement', ...deleteRow(fitted, row), isBinary: row.isBinary, owner };
    return;
  }
  const { key } = table;
  const { name, asks } = staging(fitted, stages);
  yield* asks;
  const isBinary = areBinary(rows);
  const copy = copyToStageSql(name, fitted, [], isBinary);
  const lines = { count: rows.length, isBinary, parts: [{ rows, columns: key }] };
  yield { kind: 'copy', sql: copy, lines, owner: { what, table } };
  const owner = { what, table, ...due(rows.length) } as const;
  yield statement(deleteFromStageSql(name, fitted), owner);
}

function staging(fitted: FittedTable, stages: Stages): { name: string; asks: readonly SinkAsk[] } {
  const { name, isNew, replaces } = stages.stageOf(fitted);
  const drop = replaces === undefined ? [] : [`DROP TABLE IF EXISTS ${replaces}`];
  const sql = isNew ? [...drop, createStageSql(name, fitted)] : [`TRUNCATE ${name}`];
  return { name, asks: sql.map((each) => statement(each, { what: 'session' })) };
}

/** They come in one form; one of nothing but NULLs has none. */
function areBinary(rows: readonly RowValues[]): boolean {
  return rows.some((row) => row.isBinary);
}

const replaced = 'ON CONFLICT (side) DO UPDATE SET at = excluded.at';

function controlAsk(row: ControlRow): SinkAsk {
  const names = [...row.values.keys()];
  const values = names.map((_, index) => `$${index + 1}`).join(', ');
  const conflict = row.table === 'heartbeat' ? replaced : 'ON CONFLICT DO NOTHING';
  return {
    kind: 'statement',
    sql: `INSERT INTO teal.${row.table} (${names.map(quoteIdent).join(', ')}) VALUES (${values}) ${conflict}`,
    cells: [...row.values.values()],
    owner: { what: 'control' },
  };
}
