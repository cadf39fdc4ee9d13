import { isTealError, TealError, type ErrorFacts } from '../../../kernel/errors.ts';
import { tableKey } from '../../../model/catalog.ts';
import { serverNumberOf } from '../errors.ts';
import type { SinkStatement } from './statements.ts';

/** A unique index refused a row: ER_DUP_KEY, ER_DUP_ENTRY, its form with the key's name, ER_DUP_UNKNOWN_IN_INDEX. */
const uniqueConflicts: ReadonlySet<number> = new Set([1022, 1062, 1586, 1859]);
/** Deadlock, a lock that was not had in time, a statement that was interrupted or took too long, MariaDB's "record has changed since last read". */
const passing: ReadonlySet<number> = new Set([1020, 1205, 1213, 1317, 1637, 1969, 3024, 3572]);
/**
 * Refusals of what the source holds that come without a telling SQLSTATE: no default, cut or bent data, no such partition, a check constraint, a generated column, no common
 * collation.
 */
const ofSchema: ReadonlySet<number> = new Set([1264, 1265, 1267, 1292, 1364, 1366, 1526, 1748, 1906, 3105, 3819, 4025]);

function isOfSchema(number: number, sqlState: string): boolean {
  return ofSchema.has(number) || sqlState.startsWith('22') || sqlState.startsWith('23') || sqlState.startsWith('42');
}

/** What the refusal of a statement means for the stream. Names only: the server's own error has no value in it (see `errors.ts`). */
export function refusalOf(error: unknown, { what, table }: SinkStatement): unknown {
  const number = serverNumberOf(error);
  if (number === undefined || !isTealError(error)) return error;
  const sqlState = String(error.facts['sqlState'] ?? '');
  const facts: ErrorFacts = {
    ...error.facts,
    ...(table === undefined ? {} : { table: tableKey(table.relation) }),
    change: what,
  };
  if (uniqueConflicts.has(number)) {
    return new TealError('TEAL-SYNC-111', 'a unique index of the target refused a row', facts, error);
  }
  if (passing.has(number)) return new TealError('TEAL-SYNC-112', 'the target refused for now', facts, error);
  // A privilege that is missing has a state of the same class.
  if (error.code !== 'TEAL-SYSTEMS-010' && isOfSchema(number, sqlState) && what !== 'session') {
    return new TealError('TEAL-SYNC-113', 'the target does not take a change', facts, error);
  }
  return error;
}
