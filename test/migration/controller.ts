import { must } from '../../src/kernel/assert.ts';
import { openMigration } from '../../src/app/open-migration.ts';
import type { Outcome } from '../../src/app/events.ts';

/** One controller, for tests that kill it: `controller.ts <file> <cutover|rollback|finalise|abort>`, with TEAL_PG_BIN. Prints the outcome as JSON. */
const [, , file, command] = process.argv;
await using migration = await openMigration({
  file: must(file, 'a file'),
  env: process.env,
  command: must(command, 'a command'),
  signal: AbortSignal.timeout(300_000),
  onEvent: () => undefined,
});
const doIt = async (): Promise<Outcome> => {
  if (command === 'cutover') return migration.cutover();
  if (command === 'rollback') return migration.rollback('a test');
  if (command === 'abort') return migration.abort('a test');
  return migration.finalise({ early: true });
};
process.stdout.write(`${JSON.stringify(await doIt())}\n`);
