import type { SystemFacts } from '../../model/facts.ts';
import { durationText } from './text.ts';
import { storedTables, type Table } from '../../model/catalog.ts';

/** Of heap, TOAST and indexes together: a careful figure for two machines with a network between them. */
export const assumedCopyBytesPerSecond = 50_000_000;

export interface Estimates {
  readonly tables: number;
  readonly rows: number;
  /** Heap, TOAST and indexes: also the room that green needs, beside its WAL. */
  readonly bytes: bigint;
  readonly copyBytesPerSecond: number;
  readonly copySeconds: number;
  /** WAL that green writes for the copy and the indexes. */
  readonly greenWalBytes: bigint;
  /** WAL that blue writes, and its slot may keep, while the copy runs; absent where blue's rate is unknown. */
  readonly blueWalBytes?: bigint;
  readonly assumptions: readonly string[];
}

export function estimate(
  managed: readonly Table[],
  blue: Pick<SystemFacts, 'walRate'>,
  copyBytesPerSecond = assumedCopyBytesPerSecond,
): Estimates {
  const stored = storedTables({ tables: managed });
  const bytes = stored.reduce((sum, table) => sum + table.totalBytes, 0n);
  const copySeconds = Math.ceil(Number(bytes) / copyBytesPerSecond);
  const rate = blue.walRate;
  return Object.freeze({
    tables: managed.length,
    rows: stored.reduce((sum, table) => sum + table.estimatedRows, 0),
    bytes,
    copyBytesPerSecond,
    copySeconds,
    greenWalBytes: bytes,
    ...(rate.known ? { blueWalBytes: BigInt(Math.ceil(rate.value.bytesPerSecond * copySeconds)) } : {}),
    assumptions: [
      `the copy moves ${Math.round(copyBytesPerSecond / 1e6)} MB/s of tables and indexes; the rehearsal measures the real rate`,
      'green writes one byte of WAL for each byte of tables and indexes',
      rate.known
        ? `blue goes on writing WAL at its average of the last ${durationText(rate.value.overSeconds)}`
        : `blue's WAL rate is unknown: ${rate.why}`,
      'row counts are those of the last ANALYZE or of the statistics',
    ],
  });
}
