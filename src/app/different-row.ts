import { otherSide, type Side } from '../model/catalog.ts';
import type { DigestTable } from '../ports/digester.ts';
import type { RowDifference } from '../verify/differences.ts';
import { keyRecord, type KeyRecord } from './key-record.ts';

/** One row that is not the same on both sides. The key holds values: for whoever asks at a terminal, never for a log or the journal. */
export interface DifferentRow {
  readonly key: KeyRecord;
  readonly what: 'missing on blue' | 'missing on green' | 'different';
  /** Those that differ; empty for a row that is missing. */
  readonly columns: readonly string[];
}

/** Told by `live` and `other`, told by blue and green. */
export function differentRow(table: DigestTable, row: RowDifference, live: Side): DifferentRow {
  const key = keyRecord(table, row.key);
  if (row.kind === 'different') return { key, what: 'different', columns: row.columns };
  return { key, what: `missing on ${row.on === 'live' ? live : otherSide(live)}`, columns: [] };
}
