import { must } from '../src/kernel/assert.ts';
import { describeError } from '../src/kernel/errors.ts';
import type { MigrationEvent } from '../src/app/events.ts';
import type { Migration } from '../src/app/migration.ts';
import { openMigration } from '../src/app/open-migration.ts';
import { pgTools } from '../tools/servers/pg-tools.ts';
import { epochMs } from './measure.ts';

/** What a benchmark asks of a migration. `tidy` undoes everything while blue is live. */
export type Command = 'up' | 'cutover' | 'rollback' | 'verify' | 'finalise' | 'tidy';

export interface Question {
  readonly id: number;
  readonly command: Command;
}

export interface Options {
  readonly file: string;
  /** Where both sides are PostgreSQL: its client programs are asked for only then. */
  readonly blueMajor?: number;
  readonly greenMajor?: number;
}

/** `atMs`: since 1970, with fractions; of one machine, so that two processes' clocks are the same. */
export type Told =
  | { readonly kind: 'event'; readonly atMs: number; readonly event: MigrationEvent }
  | { readonly kind: 'answer'; readonly id: number; readonly atMs: number; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly text: string };

/** The controller of a migration as a process of its own, as a command is one; it stays until its parent lets go, so that what it has started can be counted under it. */
const options = JSON.parse(must(process.argv[2], 'options as JSON')) as Options;
const tell = (told: Told): void => {
  // Its parent has let go when a benchmark is over.
  if (process.connected) process.send?.(told);
};
const stop = new AbortController();

async function run(migration: Migration, command: Command): Promise<unknown> {
  switch (command) {
    case 'up':
      return migration.up();
    case 'cutover':
      return migration.cutover();
    case 'rollback':
      return migration.rollback('a benchmark');
    case 'verify':
      return (await migration.verify()).verified;
    case 'finalise':
      return migration.finalise({ early: true });
    case 'tidy':
      return migration.live === 'blue' ? migration.abort('a benchmark') : undefined;
  }
}

const opening = (async () =>
  openMigration({
    file: options.file,
    env: process.env,
    command: 'up',
    signal: stop.signal,
    onEvent: (event) => tell({ kind: 'event', atMs: epochMs(), event }),
    ...(options.blueMajor === undefined || options.greenMajor === undefined
      ? {}
      : { tools: await pgTools(options.blueMajor, options.greenMajor) }),
  }))();
opening.catch(() => undefined);

process.on('message', ({ id, command }: Question) => {
  void (async () => {
    try {
      const value = await run(await opening, command);
      tell({ kind: 'answer', id, atMs: epochMs(), value });
    } catch (error) {
      tell({ kind: 'error', id, text: describeError(error) });
    }
  })();
});

process.once('disconnect', () => {
  stop.abort(new Error('the benchmark has ended'));
  void (async () => {
    try {
      const migration = await opening;
      await migration.stopProcesses();
      await migration[Symbol.asyncDispose]();
    } finally {
      process.exit();
    }
  })();
});
