import { must } from '../../src/kernel/assert.ts';
import { openMigration } from '../../src/app/open-migration.ts';
import type { Outcome } from '../../src/app/events.ts';
import { pgTools } from '../../tools/servers/pg-tools.ts';

/** One controller, for tests that kill it: `controller.ts <file> <cutover|rollback|finalise|abort> <blue major> <green major>`. Prints the outcome as JSON. */
const [, , file, command, blueMajor, greenMajor] = process.argv;
await using migration = await openMigration({
  file: must(file, 'a file'),
  env: process.env,
  command: must(command, 'a command'),
  signal: AbortSignal.timeout(300_000),
  onEvent: () => undefined,
  tools: await pgTools(Number(blueMajor), Number(greenMajor)),
});
const doIt = async (): Promise<Outcome> => {
  if (command === 'cutover') return migration.cutover();
  if (command === 'rollback') return migration.rollback('a test');
  if (command === 'abort') return migration.abort('a test');
  return migration.finalise({ early: true });
};
process.stdout.write(`${JSON.stringify(await doIt())}\n`);
