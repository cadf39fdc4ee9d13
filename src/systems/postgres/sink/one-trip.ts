import type { SinkStep } from '../../../ports/sink.ts';
import { stageFromRows, type SinkAsk } from './steps.ts';

/**
 * Rows up to which a transaction goes to the target whole, its COMMIT with it: a second round trip is a third of the time that a single row needs. What is longer is not made quicker by
 * one trip less, and the proof inside each statement costs more than it saves.
 */
const oneTripRows = 12;

/** Whether all its steps are statements of one row each, and few. */
export function isShort(steps: readonly SinkStep[]): boolean {
  let rows = 0;
  for (const step of steps) {
    rows += rowsOf(step);
    if (rows > oneTripRows) return false;
  }
  return true;
}

function rowsOf(step: SinkStep): number {
  switch (step.kind) {
    case 'insert':
    case 'update':
    case 'delete':
      return step.rows.length;
    case 'put':
      return 2 * step.rows.length;
    case 'control':
    case 'truncate':
      return 1;
    case 'either':
      return step.changes < stageFromRows ? step.changes : Infinity;
    case 'cascade':
      return Infinity;
  }
}

/**
 * The same statement, which fails unless it affects a row: a COMMIT behind it in the pipeline is not reached then, as the server passes over everything up to Sync after an error
 * (PostgreSQL, "Extended Query"). It affects one row at most, as it names one by its key or by its place. The server's message, a division by zero, says nothing of what was due:
 * who gets it does the transaction again in the open way, and tells what that meets.
 */
export function provingItself(ask: SinkAsk): SinkAsk {
  if (ask.owner.rows === undefined) return ask;
  return { ...ask, sql: `WITH affected AS (${ask.sql} RETURNING 1) SELECT 1 / count(*) FROM affected` };
}
