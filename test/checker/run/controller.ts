import { once } from 'node:events';
import { openMigration } from '../../../src/app/open-migration.ts';
import type { Migration } from '../../../src/app/migration.ts';
import type { MigrationEvent, Outcome } from '../../../src/app/events.ts';
import { must } from '../../../src/kernel/assert.ts';
import { describeError, isTealError } from '../../../src/kernel/errors.ts';
import { pgTools } from '../../../tools/servers/pg-tools.ts';
import type { Comparison } from '../../../src/testing/checker/invariants.ts';
import { patiently } from './slowness.ts';
import { nowUs } from './tables.ts';

/** What a controller of a run is told, as JSON in its first argument. */
export interface ControllerTask {
  readonly file: string;
  readonly command: 'look' | 'up' | 'cutover' | 'rollback' | 'verify' | 'fix' | 'finalise' | 'abort' | 'stop';
  /** With `cutover` and `rollback`: these groups of readers alone. */
  readonly groups?: readonly string[];
  /** Of two PostgreSQL, whose client programs are needed. */
  readonly majors?: readonly [blue: number, green: number];
}

/** What it tells, a JSON line each. The last line is an outcome, a comparison or an error; a killed one has none of them. */
export type ControllerLine =
  | { readonly atUs: number; readonly event: MigrationEvent }
  | { readonly outcome: Outcome }
  | { readonly comparison: Comparison }
  | { readonly error: { readonly code: string; readonly text: string } };

const longestMs = patiently(240_000);

async function obey(migration: Migration, { command, groups }: ControllerTask): Promise<ControllerLine> {
  if (groups !== undefined) {
    return { outcome: await migration.moveReaders(command === 'rollback' ? 'blue' : 'green', groups) };
  }
  switch (command) {
    case 'look':
      return { outcome: { outcome: 'done', live: migration.live, next: [] } };
    case 'up':
      return { outcome: await migration.up() };
    case 'cutover':
      return { outcome: await migration.cutover() };
    case 'rollback':
      return { outcome: await migration.rollback('the schedule says so') };
    case 'finalise':
      return { outcome: await migration.finalise({ early: true }) };
    case 'abort':
      return { outcome: await migration.abort('the schedule says so') };
    case 'stop':
      await migration.stopProcesses();
      return { outcome: { outcome: 'done', live: migration.live, next: [] } };
    case 'fix': {
      // As `teal verify --fix` does, and as often as a person would: what was strange there is settled once both sides are found equal, and a table that is emptied in the middle
      // of a comparison stays undecided.
      for (let turn = 0; turn < 5; turn += 1) {
        const found = await migration.verify(true);
        if (found.verified.equal) break;
        await migration.repair(found);
      }
      return { outcome: { outcome: 'done', live: migration.live, next: [] } };
    }
    case 'verify':
      return { comparison: comparisonOf(await migration.verify()) };
  }
}

function comparisonOf({ live, result }: Awaited<ReturnType<Migration['verify']>>): Comparison {
  const { certificate } = result;
  return {
    position: certificate.live.position,
    direction: live === 'blue' ? 'forward' : 'reverse',
    // Truncated while it was read: nothing can be said of it.
    tables: certificate.tables
      .filter(({ outcome }) => outcome !== 'unsettled')
      .map((table) => ({
        table: `${table.schema}.${table.name}`,
        rows: [table.rows?.blue ?? '?', table.rows?.green ?? '?'],
        digest: [table.digest?.blue ?? 'blue alone', table.digest?.green ?? 'green alone'],
      })),
  };
}

/** Resolves when it has left this process: what comes after may be a kill. */
async function tell(line: ControllerLine): Promise<void> {
  if (!process.stdout.write(`${JSON.stringify(line)}\n`)) await once(process.stdout, 'drain');
}

async function main(task: ControllerTask): Promise<void> {
  try {
    await using migration = await openMigration({
      file: task.file,
      env: process.env,
      command: task.command,
      by: 'checker',
      signal: AbortSignal.timeout(longestMs),
      onEvent: (event) => {
        // Many, and about nothing that a run is judged by.
        if (event.kind !== 'flow') void tell({ atUs: nowUs(), event });
      },
      ...(task.majors === undefined ? {} : { tools: await pgTools(...task.majors) }),
    });
    await tell(await obey(migration, task));
  } catch (error) {
    await tell({ error: { code: isTealError(error) ? error.code : 'none', text: describeError(error) } });
    process.exitCode = 1;
  }
}

if (import.meta.main) await main(JSON.parse(must(process.argv[2], 'a task as JSON')) as ControllerTask);
