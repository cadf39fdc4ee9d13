import { tableKey, type TableName } from '../model/catalog.ts';
import type { DoneRange } from '../ports/snapshot-source.ts';
import type { PlannedRange } from './copy-plan.ts';

export interface CopyProgress {
  readonly tablesDone: number;
  readonly tables: number;
  readonly rows: bigint;
  /** Bytes of the rows as they travelled in this run. */
  readonly bytes: number;
  readonly bytesPerSecond: number;
  readonly rowsPerSecond: number;
  /** Share of the whole that is on the target, 0 to 1, by size on the source's disk. */
  readonly share: number;
  /** Undefined until enough was seen to say. */
  readonly secondsLeft?: number;
  readonly running: readonly TableProgress[];
}

export interface TableProgress extends TableName {
  readonly rows: bigint;
  readonly bytes: number;
  readonly share: number;
}

interface TableTally {
  readonly name: TableName;
  total: number;
  settled: number;
  rows: bigint;
  bytes: number;
  rangesLeft: number;
  active: number;
}

/** Below this the time left would jump about. */
const secondsBeforeEstimate = 2;

/** Counts of a copy. Knows no clock: the caller says how many milliseconds have passed. */
export class CopyTally {
  readonly #tables = new Map<string, TableTally>();
  #bytes = 0;
  #rowsOfRun = 0n;
  #rows = 0n;

  constructor(ranges: readonly PlannedRange[], finished: readonly TableName[], done: readonly DoneRange[]) {
    for (const table of finished) this.#tally(table);
    for (const range of ranges) {
      const tally = this.#tally(range.table);
      tally.total += weight(range);
      tally.rangesLeft += 1;
    }
    for (const range of done) {
      this.#rows += range.rows;
      this.#tally(range.table).rows += range.rows;
    }
  }

  begun(range: PlannedRange): void {
    this.#tally(range.table).active += 1;
  }

  moved(range: PlannedRange, bytes: number): void {
    this.#bytes += bytes;
    this.#tally(range.table).bytes += bytes;
  }

  /** True when the table's last range has ended. */
  ended(range: PlannedRange, rows: bigint): boolean {
    const tally = this.#tally(range.table);
    tally.active -= 1;
    tally.rangesLeft -= 1;
    tally.settled += weight(range);
    tally.rows += rows;
    this.#rowsOfRun += rows;
    this.#rows += rows;
    return tally.rangesLeft === 0;
  }

  get bytes(): number {
    return this.#bytes;
  }

  report(elapsedMs: number): CopyProgress {
    const tallies = [...this.#tables.values()];
    const total = sum(tallies, (tally) => tally.total);
    const moved = sum(tallies, shareOf);
    const seconds = elapsedMs / 1000;
    const left = seconds < secondsBeforeEstimate || moved === 0 ? undefined : ((total - moved) * seconds) / moved;
    return Object.freeze({
      tablesDone: tallies.filter((tally) => tally.rangesLeft === 0).length,
      tables: tallies.length,
      rows: this.#rows,
      bytes: this.#bytes,
      bytesPerSecond: seconds === 0 ? 0 : this.#bytes / seconds,
      rowsPerSecond: seconds === 0 ? 0 : Number(this.#rowsOfRun) / seconds,
      share: total === 0 ? 1 : moved / total,
      ...(left === undefined ? {} : { secondsLeft: left }),
      running: tallies
        .filter((tally) => tally.active > 0)
        .map((tally) => ({
          schema: tally.name.schema,
          name: tally.name.name,
          rows: tally.rows,
          bytes: tally.bytes,
          share: tally.total === 0 ? 1 : shareOf(tally) / tally.total,
        })),
    });
  }

  #tally(name: TableName): TableTally {
    const key = tableKey(name);
    let tally = this.#tables.get(key);
    if (tally === undefined) {
      const { schema } = name;
      tally = {
        name: { schema, name: name.name },
        total: 0,
        settled: 0,
        rows: 0n,
        bytes: 0,
        rangesLeft: 0,
        active: 0,
      };
      this.#tables.set(key, tally);
    }
    return tally;
  }
}

/** An empty table is work too: a round trip or four. */
function weight(range: PlannedRange): number {
  return range.estimatedBytes + 8192;
}

/** What has ended counts in full, what is under way by the bytes that have passed, which are no more than the estimate. */
function shareOf(tally: TableTally): number {
  return Math.min(tally.total, Math.max(tally.settled, Math.min(tally.bytes, tally.total)));
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
