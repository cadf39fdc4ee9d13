import { TealError, describeError, isTealError } from '../kernel/errors.ts';
import { failureOf } from '../sync/receiver.ts';
import { JsonLog } from './json-log.ts';
import { loadSpec } from './load-spec.ts';
import { recoverCommand } from './opening.ts';
import { openMigration } from './open-migration.ts';
import { recoveryLimitMs } from './recover-cut.ts';
import { wanted } from './wanted.ts';

/**
 * Ends a cut whose controller died: `recover-main.ts <migration file> <state folder>`, the file's variables by the environment. It goes forward or back as the owner
 * row says, begins no cut and asks no gate. Tenants whose move was left in the middle it brings home. A controller that is there does it instead. Standard error is its log; a failure is told on standard output as JSON.
 */
const [, , file = '', stateDir = ''] = process.argv;
const logger = new JsonLog('recovery', process.pid);
const signal = AbortSignal.timeout(recoveryLimitMs);
/** What is neither dumped nor restored needs no programs: a machine without them recovers too. */
const tools = { major: 0, pgDump: '', pgRestore: '' };

async function recover(): Promise<void> {
  // An edit that names another folder would have another migration recovered.
  const loaded = loadSpec(file, process.env);
  logger.of(loaded.spec.name);
  if (loaded.stateDir !== stateDir) {
    throw new TealError('TEAL-APP-005', `${file} names another state folder now`, { file, stateDir });
  }
  await using migration = await openMigration({
    file,
    env: process.env,
    command: recoverCommand,
    by: 'supervisor',
    signal,
    onEvent: () => undefined,
    tools,
  });
  await migration.whileLeading(async () => {
    await migration.recover();
    // What lives on green in peace stays there.
    if ((await wanted(stateDir)).has('tenants')) await migration.bringTenantsHome();
  });
}

try {
  // The terminal of whoever started the supervisor may close; and the supervisor may end before this.
  process.on('SIGHUP', () => undefined);
  process.stdout.on('error', () => undefined);
  await recover();
} catch (error) {
  if (!isTealError(error, 'TEAL-JOURNAL-003')) {
    logger.error(describeError(error));
    process.stdout.write(`${JSON.stringify(failureOf(error))}\n`);
    process.exitCode = 1;
  }
}
