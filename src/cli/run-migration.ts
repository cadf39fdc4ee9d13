import type { Migration } from '../app/migration.ts';
import type { Outcome } from '../app/events.ts';
import { openMigration } from '../app/open-migration.ts';
import { exitCodes } from './exit-codes.ts';
import { print, printJson, tone, wrap } from './print.ts';
import { eventLines, openScreen } from './screen.ts';

export interface MigrationArguments {
  readonly file: string;
  readonly json: boolean;
  /** Events as JSON lines, in place of the screen. */
  readonly events?: boolean;
  readonly standby?: boolean;
  readonly takeProxy?: boolean;
}

/** Opens the migration of a file, does one thing with it under the screen, tells the outcome and sets the exit code. */
export async function withMigration(
  command: string,
  given: MigrationArguments,
  work: (migration: Migration) => Promise<Outcome>,
): Promise<void> {
  await underMigration(command, given, work, (outcome) => tell(outcome, given.json));
}

/** The same for work that has more to tell than an outcome. Ctrl-C stops between two steps. */
export async function underMigration<T>(
  command: string,
  given: MigrationArguments,
  work: (migration: Migration) => Promise<T>,
  tellIt: (result: T) => void,
): Promise<void> {
  const stop = new AbortController();
  const interrupt = (): void => stop.abort(new Error('interrupted'));
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    tellIt(await underScreen(command, given, stop.signal, work));
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.stderr.write('\nStopped. What was done is in the journal: the same command goes on from there.\n');
    process.exitCode = exitCodes.interrupted;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

async function underScreen<T>(
  command: string,
  given: MigrationArguments,
  signal: AbortSignal,
  work: (migration: Migration) => Promise<T>,
): Promise<T> {
  using screen = given.events === true ? eventLines() : openScreen(given.file, 'blue');
  await using migration = await openMigration({
    file: given.file,
    env: process.env,
    command,
    signal,
    onEvent: (event) => screen.show(event),
    ...(given.standby === true ? { standby: true } : {}),
    ...(given.takeProxy === true ? { takeProxy: true } : {}),
  });
  return await migration.whileLeading(async () => work(migration));
}

function tell(outcome: Outcome, json: boolean): void {
  if (json) printJson(outcome);
  else print(describe(outcome));
  if (outcome.outcome === 'waiting') process.exitCode = exitCodes.waiting;
  if (outcome.outcome === 'no') process.exitCode = exitCodes.no;
}

function describe(outcome: Outcome): string {
  const next = outcome.next.length === 0 ? '' : `\nNext: ${outcome.next.map((it) => `\`${it}\``).join(' or ')}`;
  switch (outcome.outcome) {
    case 'done':
      return `${tone('bold', `${outcome.live} is live.`)}${next}`;
    case 'waiting':
      return `${tone('yellow', wrap(`Waits: ${outcome.asks}`, 80))}${next}`;
    case 'no':
      return `${tone('red', wrap(`No: ${outcome.what}`, 80))}${next}`;
  }
}
