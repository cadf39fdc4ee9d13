import { TealError } from '../../kernel/errors.ts';
import { storedTables, type Catalog, type Table } from '../../model/catalog.ts';
import type { SchemaDriver, SchemaPart } from '../../ports/schema-driver.ts';
import type { CopyTarget, SnapshotSource } from '../../ports/snapshot-source.ts';
import type { Step, StepContext } from '../../ports/step.ts';
import { copyTables, missingTables } from '../../sync/copy.ts';
import type { CopyProgress } from '../../sync/copy-progress.ts';

/** The parts of the schema that one step brings. */
export interface SchemaStepOptions {
  readonly id: string;
  readonly parts: readonly SchemaPart[];
  readonly does: string;
  readonly costs: string;
  readonly workers: number;
}

export function schemaStep(driver: SchemaDriver, options: SchemaStepOptions): Step {
  const { parts } = options;
  return {
    id: options.id,
    does: options.does,
    locks: 'nothing on blue but ACCESS SHARE while its schema is read; green has no clients yet',
    costs: options.costs,
    undone: 'with the tables that they belong to',
    probe: async () => driver.probe(parts),
    act: async ({ signal, progress }) => {
      await driver.capture({ signal, progress });
      const report = await driver.apply(parts, { signal, progress, workers: options.workers });
      return { created: report.created, found: report.found };
    },
    // The tables' own step takes everything with it that hangs on them.
    undo: async ({ signal }) => (parts.includes('tables') ? driver.revert({ signal }) : undefined),
  };
}

export interface RowsStepOptions {
  readonly catalog: Catalog;
  readonly source: (context: StepContext) => SnapshotSource;
  readonly target: CopyTarget;
  readonly epoch: (context: StepContext) => number;
  /** What green has not of the tables that are read: blue was changed after they were made. Rows must not be copied past it. */
  readonly lacking: () => Promise<readonly string[]>;
  readonly workers: number;
}

/** The rows of all tables, from one held snapshot, by ranges in parallel (correctness.md §1.4, mode H). */
export function rowsStep(options: RowsStepOptions): Step {
  const tables = copied(options.catalog);
  const bytes = tables.reduce((sum, table) => sum + Number(table.heapBytes), 0);
  return {
    id: 'copy:rows',
    does: `copies the rows of ${tables.length} tables (about ${(bytes / 1e6).toFixed(0)} MB) from one snapshot`,
    locks: 'ACCESS SHARE on the tables of blue: reads and writes pass, DROP and ALTER wait',
    costs: `${options.workers} readers on blue; blue cannot vacuum what dies meanwhile`,
    undone: 'the tables on green are dropped with their schema',
    probe: async (context) => {
      const run = { epoch: options.epoch(context), snapshot: options.source(context).snapshot, tables };
      const missing = await missingTables(options.target, run);
      return missing.length === 0
        ? { state: 'done', evidence: `${tables.length} tables are complete` }
        : { state: 'not done' };
    },
    act: async (context) => {
      refuseChanged(await options.lacking());
      const report = await copyTables({
        source: options.source(context),
        target: options.target,
        tables,
        epoch: options.epoch(context),
        workers: options.workers,
        signal: context.signal,
        progress: (progress) => context.progress(progressOf(progress)),
      });
      return {
        rows: String(report.rows),
        bytes: report.bytes,
        retries: report.retries,
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

function progressOf(progress: CopyProgress): { text: string; done: number; total: number; unit: 'items' } {
  const rate = progress.bytesPerSecond / 1e6;
  const left = progress.secondsLeft === undefined ? '' : `, ${Math.ceil(progress.secondsLeft)} s left`;
  return {
    text: `${progress.tablesDone} of ${progress.tables} tables, ${rate.toFixed(0)} MB/s${left}`,
    done: Math.round(progress.share * 1_000),
    total: 1_000,
    unit: 'items',
  };
}
