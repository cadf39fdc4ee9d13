import { sleep } from '../kernel/clock.ts';
import { describeError, isTealError, TealError } from '../kernel/errors.ts';
import { tableKey } from '../model/catalog.ts';
import type { Relation } from '../model/change.ts';
import type { Position } from '../model/position.ts';
import type { Sink, SinkCommit, TargetTable } from '../ports/sink.ts';
import { Fits } from './fits.ts';
import { foldBatch, type Placed } from './fold.ts';

export interface PatienceOptions {
  readonly sink: Sink;
  /** Pause between two looks at a target that does not fit. */
  readonly lookEveryMs: number;
  /** Told at each look why nothing goes on, and `undefined` when it does again. */
  readonly tell: (waiting: { readonly code: string; readonly reason: string } | undefined) => void;
}

/** How often a transaction is tried that a deadlock or the like undid; then it is the worker's turn to begin anew. */
const passingAttempts = 6;

/**
 * Writes to a sink, and outlasts what passes by itself (a deadlock) or by a person's work (a table without a column that the source has added). Waiting is
 * bounded by nothing but the signal: nothing is lost meanwhile, the source keeps its log.
 */
export class Patience {
  readonly #options: PatienceOptions;
  readonly #fits: Fits;

  constructor(options: PatienceOptions) {
    this.#options = options;
    this.#fits = new Fits(options.sink);
  }

  /** The table that takes this relation, if that has been asked before. */
  known(relation: Relation): TargetTable | undefined {
    return this.#fits.known(relation);
  }

  forget(table: string): void {
    this.#fits.forget(table);
  }

  /** The table that takes this relation; before it waits for one that does not fit, `beforeWaiting` is done. */
  async fitting(relation: Relation, signal: AbortSignal, beforeWaiting: () => Promise<void>): Promise<TargetTable> {
    const fit = await this.#fits.of(relation);
    if (fit.fits) return fit.table;
    await beforeWaiting();
    return this.#fittingAnew(relation, signal);
  }

  /** Whole transactions with their commit. Answers what is durable. */
  async write(placed: readonly Placed[], commit: SinkCommit, signal: AbortSignal): Promise<Position> {
    let batch = placed;
    for (let attempt = 1; ;) {
      try {
        const durable = await this.#options.sink.apply({ steps: foldBatch(batch), commit });
        this.#options.tell(undefined);
        return durable;
      } catch (error) {
        if (isTealError(error, 'TEAL-SYNC-112') && attempt < passingAttempts) {
          await sleep(Math.random() * 50 * 2 ** attempt, signal);
          attempt += 1;
        } else if (isTealError(error, 'TEAL-SYNC-113')) {
          await this.#pause(error, signal);
          batch = await this.#placedAnew(placed, signal);
        } else {
          throw error;
        }
      }
    }
  }

  /**
   * A part of a transaction that goes on. Its changes are not kept, so that a refusal means to read them again (TEAL-SYNC-115), after a pause.
   */
  async writeSlice(placed: readonly Placed[], signal: AbortSignal): Promise<void> {
    try {
      await this.#options.sink.apply({ steps: foldBatch(placed) });
    } catch (error) {
      if (!isTealError(error, 'TEAL-SYNC-112') && !isTealError(error, 'TEAL-SYNC-113')) throw error;
      await this.#pause(error, signal);
      throw new TealError('TEAL-SYNC-115', 'a large transaction was refused', {}, error);
    }
  }

  async #pause(error: TealError, signal: AbortSignal): Promise<void> {
    this.#options.tell({ code: error.code, reason: describeError(error) });
    await sleep(this.#options.lookEveryMs, signal);
  }

  async #fittingAnew(relation: Relation, signal: AbortSignal): Promise<TargetTable> {
    for (;;) {
      this.#fits.forget(tableKey(relation));
      const fit = await this.#fits.of(relation);
      if (fit.fits) {
        this.#options.tell(undefined);
        return fit.table;
      }
      this.#options.tell({ code: 'TEAL-SYNC-101', reason: fit.reason });
      await sleep(this.#options.lookEveryMs, signal);
    }
  }

  /** The same changes, with the target's tables as they are now. */
  async #placedAnew(placed: readonly Placed[], signal: AbortSignal): Promise<readonly Placed[]> {
    const fresh = new Map<TargetTable, TargetTable>();
    for (const each of placed) {
      const tables = each.kind === 'row' ? [each.table] : each.kind === 'truncate' ? each.tables : [];
      for (const table of tables) {
        if (!fresh.has(table)) fresh.set(table, await this.#fittingAnew(table.relation, signal));
      }
    }
    const anew = (table: TargetTable): TargetTable => fresh.get(table) ?? table;
    return placed.map((each): Placed => {
      switch (each.kind) {
        case 'row':
          return { ...each, table: anew(each.table) };
        case 'truncate':
          return { kind: 'truncate', tables: each.tables.map(anew), restartIdentity: each.restartIdentity };
        case 'control':
          return each;
      }
    });
  }
}
