import { TealError } from '../../kernel/errors.ts';
import { storedTables, tableKey, type Catalog, type Table } from '../../model/catalog.ts';
import type { SchemaDriver, SchemaPart } from '../../ports/schema-driver.ts';
import { asPosition, type Position } from '../../model/position.ts';
import type { CopyRun, CopyTarget, SnapshotKeeper } from '../../ports/snapshot-source.ts';
import type { Step, StepContext, StepProgress } from '../../ports/step.ts';
import { missingOf } from '../../sync/copy.ts';
import { copyInEpochs } from '../../sync/epochs.ts';
import type { CopyProgress } from '../../sync/copy-progress.ts';

/** The parts of the schema that one step brings. */
export interface SchemaStepOptions {
  readonly id: string;
  readonly parts: readonly SchemaPart[];
  readonly does: string;
  readonly costs: string;
  /** What reading the schema locks on blue. Default: nothing is read there. */
  readonly locks?: string;
  readonly workers: number;
}

export function schemaStep(driver: SchemaDriver, options: SchemaStepOptions): Step {
  const { parts } = options;
  return {
    id: options.id,
    does: options.does,
    locks: options.locks ?? 'nothing on blue; green has no clients yet',
    costs: options.costs,
    undone: 'with the tables that they belong to',
    probe: async () => driver.probe(parts),
    act: async ({ signal, progress }) => {
      await driver.capture({ signal, progress });
      const report = await driver.apply(parts, { signal, progress, workers: options.workers });
      const left = report.left.length === 0 ? {} : { left: report.left.join('; ').slice(0, 4_000) };
      return { created: report.created, found: report.found, ...left };
    },
    // The tables' own step takes everything with it that hangs on them.
    undo: async ({ signal }) => (parts.includes('tables') ? driver.revert({ signal }) : undefined),
  };
}

export interface RowsStepOptions {
  /** As of `Step`. */
  readonly after?: Step['after'];
  readonly catalog: Catalog;
  readonly keeper: SnapshotKeeper;
  readonly target: CopyTarget;
  /** What holding a snapshot locks on blue, and what blue has to keep for it. */
  readonly snapshot: { readonly locks: string; readonly costs: string };
  /** What green has not of the tables that are read: blue was changed after they were made. Rows must not be copied past it. */
  readonly lacking: () => Promise<readonly string[]>;
  /** As of `CopyRun`. */
  readonly linked?: CopyRun['linked'];
  /** As of `PlanOptions`. */
  readonly minRangeBytes?: number;
  readonly workers: number;
}

export const rowsStepId = 'copy:rows';
const convergesAt = 'convergesAt';

/** From where on the flow makes green a state that blue had; undefined while the rows are not all there. */
export function convergenceOf(context: StepContext): Position | undefined {
  const position = context.facts(rowsStepId)?.[convergesAt];
  return typeof position === 'string' ? asPosition(position) : undefined;
}

/** The rows of all tables, from held snapshots, by ranges in parallel (correctness.md §1.4, modes H and H′). */
export function rowsStep(options: RowsStepOptions): Step {
  const tables = copied(options.catalog);
  const bytes = tables.reduce((sum, table) => sum + Number(table.heapBytes), 0);
  return {
    id: rowsStepId,
    ...(options.after === undefined ? {} : { after: options.after }),
    does: `copies the rows of ${tables.length} tables (about ${(bytes / 1e6).toFixed(0)} MB) from one snapshot`,
    locks: options.snapshot.locks,
    costs: `${options.workers} readers on blue; ${options.snapshot.costs}. When the snapshot is lost, what is not complete is copied anew from another`,
    undone: 'the tables on green are dropped with their schema',
    probe: async () => {
      const done = await options.target.done(tables);
      if (missingOf(tables, done).length > 0) return { state: 'not done' };
      const snapshots = [...new Set(done.map(({ snapshot }) => snapshot))].sort();
      const last = snapshots.at(-1);
      return {
        state: 'done',
        evidence: `${tables.length} tables are complete, from ${snapshots.length} snapshots`,
        ...(last === undefined ? {} : { facts: { [convergesAt]: last } }),
      };
    },
    act: async (context) => {
      const report = await copyInEpochs({
        keeper: options.keeper,
        target: options.target,
        tables,
        ...(options.linked === undefined ? {} : { linked: options.linked }),
        ...(options.minRangeBytes === undefined ? {} : { minRangeBytes: options.minRangeBytes }),
        workers: options.workers,
        signal: context.signal,
        progress: (progress) => context.progress(progressOf(progress)),
        onEpoch: async (epoch) => {
          if (epoch > 1) context.progress({ text: `a snapshot was lost: snapshot ${epoch} takes its place` });
          // Asked while the holders keep the tables from being changed: not before that.
          refuseChanged(await options.lacking());
        },
      });
      return {
        rows: String(report.rows),
        bytes: report.bytes,
        retries: report.retries,
        lost: report.lost,
        elapsedMs: Math.round(report.elapsedMs),
      };
    },
    undo: async () => undefined,
  };
}

/** The snapshot's holders keep every table as it is from here on; before it nobody did, and what changed then is in no stream. */
function refuseChanged(lacking: readonly string[]): void {
  if (lacking.length === 0) return;
  const more = lacking.length > 10 ? `; and ${lacking.length - 10} more` : '';
  throw new TealError('TEAL-STAGES-121', `${lacking.slice(0, 10).join('; ')}${more}`, {
    differences: lacking.slice(0, 100),
  });
}

/** Unlogged tables have no log to follow: they arrive empty, and the assessment says so. */
function copied(catalog: Catalog): readonly Table[] {
  return storedTables(catalog).filter((table) => table.persistence === 'permanent');
}

function progressOf(progress: CopyProgress): StepProgress {
  const rate = progress.bytesPerSecond / 1e6;
  const left = progress.secondsLeft === undefined ? '' : `, ${Math.ceil(progress.secondsLeft)} s left`;
  return {
    text: `${progress.tablesDone} of ${progress.tables} tables, ${rate.toFixed(0)} MB/s${left}`,
    done: Math.round(progress.share * 1_000),
    total: 1_000,
    unit: 'items',
    parts: progress.running.map((table) => ({ name: tableKey(table), share: table.share })),
    ...(progress.secondsLeft === undefined ? {} : { secondsLeft: Math.ceil(progress.secondsLeft) }),
  };
}
