import type { SystemFacts } from '../../model/facts.ts';
import { durationText } from './text.ts';
import { storedTables, type Side, type Table } from '../../model/catalog.ts';

/** What a system calls its own log, or what stands in its place. */
export type LogName = 'WAL' | 'binlog' | 'record';

/** Of heap, TOAST and indexes together: a careful figure for two machines with a network between them. */
export const assumedCopyBytesPerSecond = 50_000_000;

export interface Estimates {
  readonly tables: number;
  readonly rows: number;
  /** Of the log of each side. */
  readonly logs: Readonly<Record<Side, LogName>>;
  /** Rows and indexes: also the room that green needs, beside its log. */
  readonly bytes: bigint;
  readonly copyBytesPerSecond: number;
  readonly copySeconds: number;
  /** Log that green writes for the copy and the indexes. */
  readonly greenWalBytes: bigint;
  /** Log that blue writes, and may have to keep, while the copy runs; absent where blue's rate is unknown. */
  readonly blueWalBytes?: bigint;
  readonly assumptions: readonly string[];
}

export function estimate(
  managed: readonly Table[],
  blue: Pick<SystemFacts, 'walRate'>,
  copyBytesPerSecond = assumedCopyBytesPerSecond,
  logs: Estimates['logs'] = { blue: 'WAL', green: 'WAL' },
): Estimates {
  const stored = storedTables({ tables: managed });
  const bytes = stored.reduce((sum, table) => sum + table.totalBytes, 0n);
  const copySeconds = Math.ceil(Number(bytes) / copyBytesPerSecond);
  const rate = blue.walRate;
  return Object.freeze({
    logs,
    tables: managed.length,
    rows: stored.reduce((sum, table) => sum + table.estimatedRows, 0),
    bytes,
    copyBytesPerSecond,
    copySeconds,
    greenWalBytes: bytes,
    ...(rate.known ? { blueWalBytes: BigInt(Math.ceil(rate.value.bytesPerSecond * copySeconds)) } : {}),
    assumptions: [
      `the copy moves ${Math.round(copyBytesPerSecond / 1e6)} MB/s of tables and indexes; the rehearsal measures the real rate`,
      `green writes one byte of ${logs.green} for each byte of tables and indexes`,
      rate.known
        ? `blue goes on writing ${logs.blue} at its average of the last ${durationText(rate.value.overSeconds)}`
        : `the rate of blue's ${logs.blue} is unknown: ${rate.why}`,
      'row counts are those of the last ANALYZE or of the statistics',
    ],
  });
}
