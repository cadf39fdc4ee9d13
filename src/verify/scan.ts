import { isTealError } from '../kernel/errors.ts';
import type { BucketSum, DigestForm, DigestRange, DigestReader, DigestTable, HeldSnapshot } from '../ports/digester.ts';
import type { TablePair } from './pair-tables.ts';
import { TableSums, type TotalSum } from './sums.ts';

export type ScannedSide = 'live' | 'other';

/** What was read of one table: all of it, with the buckets in which the sides differ (ascending); or that its storage changed under the snapshot. */
export type ScanResult =
  | { readonly state: 'read'; readonly live: TotalSum; readonly other: TotalSum; readonly differing: readonly number[] }
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

/** A snapshot of a side, and the sessions that read it. */
export interface SideReaders {
  readonly snapshot: HeldSnapshot;
  readonly readers: readonly DigestReader[];
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
  sides: Readonly<Record<ScannedSide, SideReaders>>,
  options: ScanOptions,
): Promise<ReadonlyMap<TablePair, ScanResult>> {
  const results = new Map<TablePair, ScanResult>();
  const reads = new Map(pairs.map((pair) => [pair, new PairRead(pair)]));
  const tasksOfSide = { live: tasksOf(pairs, 'live', sides.live), other: tasksOf(pairs, 'other', sides.other) };
  for (const side of ['live', 'other'] as const)
    for (const { pair } of tasksOfSide[side]) reads.get(pair)?.expect(side);
  const settle = (pair: TablePair, result: ScanResult): void => {
    results.set(pair, result);
    reads.delete(pair);
  };
  const scanSide = async (side: ScannedSide): Promise<void> => {
    const { readers } = sides[side];
    const tasks = tasksOfSide[side];
    const next = tasks.values();
    const progress = { rows: 0n, done: 0 };
    const work = async (reader: DigestReader): Promise<void> => {
      // One iterator for all readers: each takes the next task when it is free.
      for (const { pair, table, range } of next) {
        const read = reads.get(pair);
        if (read !== undefined) {
          try {
            const parts = await reader.digest(table, range, options.form);
            for (const part of parts) progress.rows += part.rows;
            const result = read.add(side, parts);
            if (result !== undefined) settle(pair, result);
          } catch (error) {
            if (!isTealError(error, 'TEAL-VERIFY-003')) throw error;
            settle(pair, { state: 'unsettled', reason: error.entry.summary });
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
  return results;
}

/** Largest tables first, so that none of them is left alone at the end. */
function tasksOf(pairs: readonly TablePair[], side: ScannedSide, { snapshot, readers }: SideReaders): readonly Task[] {
  const bySize = [...pairs].sort((a, b) => b.pages - a.pages);
  return bySize.flatMap((pair) => {
    const table = pair[side];
    const parts = readers.length === 1 ? 1 : Math.ceil(pair.pages / pagesPerPart);
    return snapshot.bounds(table, Math.max(1, parts)).map((range) => ({ pair, table, range }));
  });
}

/** A table that is read on both sides. What its sums are made of is there from its first part to its last. */
class PairRead {
  readonly #pair: TablePair;
  readonly #sums: Partial<Record<ScannedSide, TableSums>> = {};
  readonly #left: Record<ScannedSide, number> = { live: 0, other: 0 };

  constructor(pair: TablePair) {
    this.#pair = pair;
  }

  /** A part more is to be read of this side; all are told before the first is there. */
  expect(side: ScannedSide): void {
    this.#left[side] += 1;
  }

  add(side: ScannedSide, parts: readonly BucketSum[]): ScanResult | undefined {
    this.#sumsOf(side).add(parts);
    this.#left[side] -= 1;
    if (this.#left.live > 0 || this.#left.other > 0) return undefined;
    const [live, other] = [this.#sumsOf('live'), this.#sumsOf('other')];
    return { state: 'read', live: live.total(), other: other.total(), differing: live.differingBuckets(other) };
  }

  #sumsOf(side: ScannedSide): TableSums {
    return (this.#sums[side] ??= new TableSums(this.#pair[side].buckets));
  }
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
