import { must } from '../kernel/assert.ts';
import { monotonicMs, sleep } from '../kernel/clock.ts';
import { TealError, isTealError } from '../kernel/errors.ts';
import { tableKey, type Table } from '../model/catalog.ts';
import { coversWhole } from '../model/gaps.ts';
import type {
  CopyRun,
  CopyTarget,
  CopyWriter,
  DoneRange,
  RowFormat,
  RowStream,
  SnapshotReader,
  SnapshotSource,
  Written,
} from '../ports/snapshot-source.ts';
import { planCopy, type PlanOptions, type PlannedRange } from './copy-plan.ts';
import { CopyTally, type CopyProgress } from './copy-progress.ts';

/**
 * Mode H of the copy (correctness.md §1.4): ranges of one held snapshot, many workers, each range and the record of it in one transaction of the target.
 *
 * What a crash leaves: whole ranges with their records, nothing else. What is left to do is computed from the records, never from memory, so it does not
 * matter who dies when. A table that is complete, under whichever epoch, is never emptied (planetscale/pgcopydb #33 emptied finished tables on resume), unless it is linked
 * to one that is not.
 */
export interface CopyOptions extends Omit<PlanOptions, 'workers'> {
  readonly source: SnapshotSource;
  readonly target: CopyTarget;
  /** Those that hold rows themselves. */
  readonly tables: readonly Table[];
  readonly epoch: number;
  /** As of `CopyRun`. */
  readonly linked?: CopyRun['linked'];
  /** Default 4. */
  readonly workers?: number;
  readonly signal: AbortSignal;
  /** Called at most twice a second, and at the end. */
  readonly progress?: (progress: CopyProgress) => void;
  /** Called once for each table as soon as all of it is on the target, also for those that were before this run. */
  readonly onTableDone?: (table: Table) => void;
  /** Attempts of one range before the copy gives up; default 10, with pauses that grow to 5 s: a server that restarts is waited for. */
  readonly attempts?: number;
}

export interface CopyReport {
  readonly tables: number;
  /** On the target, whichever run brought them. */
  readonly rows: bigint;
  /** Moved by this run. */
  readonly bytes: number;
  readonly ranges: number;
  readonly retries: number;
  readonly elapsedMs: number;
}

const defaultWorkers = 4;
const defaultAttempts = 10;
const progressEveryMs = 500;

/**
 * Copies, or goes on copying, until the target's own records cover every table. Errors: TEAL-SYNC-201, -202, -203, -205, -206, -207; anything else of the
 * adapters after the attempts are used up. Resolves at once where all is there already.
 */
export async function copyTables(options: CopyOptions): Promise<CopyReport> {
  const { source, target, tables, epoch } = options;
  const linked = options.linked === undefined ? {} : { linked: options.linked };
  const run: CopyRun = { epoch, snapshot: source.snapshot, tables, ...linked };
  const done = await target.begin(run, options.signal);
  const workers = options.workers ?? defaultWorkers;
  const plan = planCopy(await source.extents(tables), done, { ...options, workers });
  const copy = new Copy(options, run, plan.ranges, new CopyTally(plan.ranges, plan.finished, done));
  plan.finished.forEach((table) => options.onTableDone?.(table));
  await copy.work(Math.min(workers, plan.ranges.length));
  return copy.report(await rowsWhenComplete(target, tables));
}

/** Which of the tables these ranges do not cover; empty when a copy is complete. */
export function missingOf(tables: readonly Table[], done: readonly DoneRange[]): readonly Table[] {
  const byTable = Map.groupBy(done, (range) => tableKey(range.table));
  return tables.filter((table) => !coversWhole(byTable.get(tableKey(table)) ?? []));
}

/** Asks the target and not the workers: a commit that the target confirmed and lost (a failover, fsync off) shows here. */
async function rowsWhenComplete(target: CopyTarget, tables: readonly Table[]): Promise<bigint> {
  const done = await target.done(tables);
  const missing = missingOf(tables, done);
  if (missing.length > 0) {
    throw new TealError('TEAL-SYNC-207', `${missing.length} tables are not complete`, {
      tables: missing.slice(0, 20).map(tableKey),
    });
  }
  return done.reduce((sum, range) => sum + range.rows, 0n);
}

class Copy {
  readonly #options: CopyOptions;
  readonly #run: CopyRun;
  readonly #queue: PlannedRange[];
  readonly #tally: CopyTally;
  readonly #startedMs = monotonicMs();
  /** Tables of which one side refused the binary form. */
  readonly #inText = new Set<string>();
  readonly #ranges: number;
  #retries = 0;
  #reportedMs = 0;

  constructor(options: CopyOptions, run: CopyRun, ranges: readonly PlannedRange[], tally: CopyTally) {
    this.#options = options;
    this.#run = run;
    this.#queue = ranges.toReversed();
    this.#ranges = ranges.length;
    this.#tally = tally;
  }

  /** The first worker that fails stops the others; its error is the one that is told. */
  async work(workers: number): Promise<void> {
    const failed = new AbortController();
    const signal = AbortSignal.any([this.#options.signal, failed.signal]);
    const all = Array.from({ length: workers }, async () => {
      try {
        await this.#worker(signal);
      } catch (error) {
        failed.abort(error);
      }
    });
    await Promise.all(all);
    this.#options.signal.throwIfAborted();
    if (failed.signal.aborted) throw failed.signal.reason;
    this.#tell(true);
  }

  report(rows: bigint): CopyReport {
    return Object.freeze({
      tables: this.#run.tables.length,
      rows,
      bytes: this.#tally.bytes,
      ranges: this.#ranges,
      retries: this.#retries,
      elapsedMs: monotonicMs() - this.#startedMs,
    });
  }

  async #worker(signal: AbortSignal): Promise<void> {
    await using pair = new SessionPair(this.#options, this.#run, signal);
    for (let range = this.#queue.pop(); range !== undefined; range = this.#queue.pop()) {
      signal.throwIfAborted();
      const written = await this.#untilWritten(range, pair, signal);
      const rows = written.state === 'written' ? written.rows : 0n;
      if (this.#tally.ended(range, rows)) this.#options.onTableDone?.(range.table);
      this.#tell(false);
    }
  }

  async #untilWritten(range: PlannedRange, pair: SessionPair, signal: AbortSignal): Promise<Written> {
    this.#tally.begun(range);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#write(range, pair);
      } catch (error) {
        signal.throwIfAborted();
        await pair.drop();
        if (isTealError(error, 'TEAL-SYNC-204') && !this.#inText.has(tableKey(range.table))) {
          this.#inText.add(tableKey(range.table));
          continue;
        }
        const mayPass = isTealError(error) && error.entry.retry === 'auto';
        if (!mayPass || attempt >= (this.#options.attempts ?? defaultAttempts)) throw error;
        this.#retries += 1;
      }
      await sleep(Math.min(5_000, 100 * 2 ** attempt), signal);
    }
  }

  async #write(range: PlannedRange, pair: SessionPair): Promise<Written> {
    const { reader, writer } = await pair.open();
    const rows = reader.read(range, this.#formatOf(range.table));
    return writer.write(range, this.#counted(range, rows));
  }

  #formatOf(table: Table): RowFormat {
    if (this.#inText.has(tableKey(table))) return 'text';
    return table.columns.every((column) => column.builtIn) ? 'binary' : 'text';
  }

  #counted(range: PlannedRange, rows: RowStream): RowStream {
    return { format: rows.format, spans: this.#countSpans(range, rows.spans), rowCount: () => rows.rowCount() };
  }

  async *#countSpans(range: PlannedRange, spans: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
    for await (const span of spans) {
      this.#tally.moved(range, span.length);
      this.#tell(false);
      yield span;
    }
  }

  #tell(isLast: boolean): void {
    const now = monotonicMs();
    if (this.#options.progress === undefined || (!isLast && now - this.#reportedMs < progressEveryMs)) return;
    this.#reportedMs = now;
    this.#options.progress(this.#tally.report(now - this.#startedMs));
  }
}

/** A worker's two connections, opened when they are first needed and again after a failure. */
class SessionPair implements AsyncDisposable {
  readonly #options: CopyOptions;
  readonly #run: CopyRun;
  readonly #signal: AbortSignal;
  #reader: SnapshotReader | undefined;
  #writer: CopyWriter | undefined;

  constructor(options: CopyOptions, run: CopyRun, signal: AbortSignal) {
    this.#options = options;
    this.#run = run;
    this.#signal = signal;
  }

  async open(): Promise<{ readonly reader: SnapshotReader; readonly writer: CopyWriter }> {
    this.#reader ??= await this.#options.source.open(this.#signal);
    this.#writer ??= await this.#options.target.open(this.#run, this.#signal);
    return { reader: must(this.#reader, 'a reader'), writer: must(this.#writer, 'a writer') };
  }

  /** Both: after a failure nobody knows what is left in the pipe between them. */
  async drop(): Promise<void> {
    const [reader, writer] = [this.#reader, this.#writer];
    this.#reader = undefined;
    this.#writer = undefined;
    await reader?.[Symbol.asyncDispose]();
    await writer?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drop();
  }
}
