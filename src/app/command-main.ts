import { basename, join } from 'node:path';
import { describeError, isTealError, TealError } from '../kernel/errors.ts';
import { keepEnd, readRequest, type KeptRequest } from './command-folder.ts';
import { cutover, migrate, rollback, verify } from './index.ts';
import { JsonLog } from './json-log.ts';
import { loadSpec } from './load-spec.ts';
import { takeLock } from './process-lock.ts';

/**
 * Runs one command that the API was asked for: `command-main.ts <its folder>`, the migration file's variables by the environment. It does what the command line does, in
 * a process of its own: it goes on when the API ends, and holds nobody up there.
 */
const [, , folder = ''] = process.argv;
const lockPatienceMs = 30_000;
const stop = new AbortController();

async function run(request: KeptRequest): Promise<unknown> {
  const { command, file, by } = request;
  const { reason, acceptSchema } = request.request;
  const given = { file, by, env: process.env, signal: stop.signal };
  const accepting = acceptSchema === undefined ? {} : { acceptSchema };
  switch (command) {
    case 'verify': {
      const { equal, evidence, file: certificate } = await verify(given).outcome;
      return { equal, evidence, certificate: basename(certificate, '.md') };
    }
    case 'up':
      return migrate(given).outcome;
    case 'cutover':
      return cutover({ ...given, ...accepting }).outcome;
    case 'rollback':
      return rollback({ ...given, ...accepting, ...(reason === undefined ? {} : { reason }) }).outcome;
  }
}

const logger = new JsonLog('command', process.pid);
const log = logger.info;

using _held = await takeLock(join(folder, 'lock'), 'the lock of a command', lockPatienceMs);
process.on('SIGHUP', () => undefined);
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.on(signal, () => stop.abort(new TealError('TEAL-SERVER-021', signal)));
try {
  const request = await readRequest(folder);
  logger.of(loadSpec(request.file, process.env).spec.name);
  log(`${request.command} for ${request.by}`);
  await keepEnd(folder, { ok: true, outcome: await run(request) });
  log('ended');
} catch (error) {
  logger.error(describeError(error));
  await keepEnd(folder, { ok: false, code: isTealError(error) ? error.code : 'TEAL-SERVER-012' });
  process.exitCode = 1;
}
