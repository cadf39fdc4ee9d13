import { isTealError } from '../kernel/errors.ts';
import type { DigestForm, DigestRange, DigestReader, DigestTable, HeldSnapshot } from '../ports/digester.ts';
import type { TablePair } from './pair-tables.ts';
import { SumsBuilder, type TableSums } from './sums.ts';

export type ScannedSide = 'live' | 'other';

/** What was read of one table: sums, or that its storage changed under the snapshot. */
export type ScanResult =
  | { readonly state: 'read'; readonly live: TableSums; readonly other: TableSums }
  | { readonly state: 'unsettled'; readonly reason: string };

export interface ScanProgress {
  readonly side: ScannedSide;
  readonly rows: bigint;
  readonly done: number;
  readonly total: number;
}

export interface ScanOptions {
  readonly form: DigestForm;
  readonly onProgress?: ((progress: ScanProgress) => void) | undefined;
  /** Told of a failure at once, while other statements still run: to end them. */
  readonly onFailure: (error: unknown) => void;
}

interface Task {
  readonly pair: TablePair;
  readonly table: DigestTable;
  readonly range: DigestRange;
}

/** Pages (8 kB) that make a part worth its own query. */
const pagesPerPart = 4_096;

/** Both sides at once, each with its readers, each in its own physical order: nothing that one side's enumeration misses is missed by the other in the same way. */
export async function scanTables(
  pairs: readonly TablePair[],
  sides: Readonly<Record<ScannedSide, { readonly snapshot: HeldSnapshot; readonly readers: readonly DigestReader[] }>>,
  options: ScanOptions,
): Promise<ReadonlyMap<TablePair, ScanResult>> {
  const unsettled = new Map<TablePair, string>();
  const sums = { live: sumsFor(pairs), other: sumsFor(pairs) };
  const scanSide = async (side: ScannedSide): Promise<void> => {
    const { snapshot, readers } = sides[side];
    const tasks = tasksOf(pairs, side, snapshot, readers.length);
    const next = tasks.values();
    const progress = { rows: 0n, done: 0 };
    const work = async (reader: DigestReader): Promise<void> => {
      // One iterator for all readers: each takes the next task when it is free.
      for (const { pair, table, range } of next) {
        if (!unsettled.has(pair)) {
          try {
            const parts = await reader.digest(table, range, options.form);
            sums[side].get(pair)?.add(parts);
            for (const part of parts) progress.rows += part.rows;
          } catch (error) {
            if (!isTealError(error, 'TEAL-VERIFY-003')) throw error;
            unsettled.set(pair, error.entry.summary);
          }
        }
        progress.done += 1;
        options.onProgress?.({ side, ...progress, total: tasks.length });
      }
      await reader.release();
    };
    await all(readers.map(work), options.onFailure);
  };
  await all([scanSide('live'), scanSide('other')], options.onFailure);
  return new Map(
    pairs.map((pair) => {
      const reason = unsettled.get(pair);
      const [live, other] = [sums.live.get(pair)?.sums ?? new Map(), sums.other.get(pair)?.sums ?? new Map()];
      return [pair, reason === undefined ? { state: 'read', live, other } : { state: 'unsettled', reason }] as const;
    }),
  );
}

/** Largest tables first, so that none of them is left alone at the end. */
function tasksOf(
  pairs: readonly TablePair[],
  side: ScannedSide,
  snapshot: HeldSnapshot,
  readers: number,
): readonly Task[] {
  const bySize = [...pairs].sort((a, b) => b.pages - a.pages);
  return bySize.flatMap((pair) => {
    const table = pair[side];
    const parts = readers === 1 ? 1 : Math.ceil(pair.pages / pagesPerPart);
    return snapshot.bounds(table, Math.max(1, parts)).map((range) => ({ pair, table, range }));
  });
}

function sumsFor(pairs: readonly TablePair[]): ReadonlyMap<TablePair, SumsBuilder> {
  return new Map(pairs.map((pair) => [pair, new SumsBuilder()]));
}

/** Waits for every one before it fails with the first error: a reader must not be closed under a statement that still runs. */
async function all(works: readonly Promise<void>[], onFailure: (error: unknown) => void): Promise<void> {
  const failures: unknown[] = [];
  const settle = async (work: Promise<void>): Promise<void> => {
    try {
      await work;
    } catch (error) {
      failures.push(error);
      onFailure(error);
    }
  };
  await Promise.all(works.map(settle));
  if (failures.length > 0) throw failures[0];
}
