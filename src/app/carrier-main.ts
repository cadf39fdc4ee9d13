import { setPriority } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { readConfig } from '../carriers/embedded/config.ts';
import { runMirrorWorker } from '../carriers/embedded/mirror-worker.ts';
import { runCarrierWorker } from '../carriers/embedded/worker.ts';
import { TealError, describeError } from '../kernel/errors.ts';
import { migrationVariable, sourceUrlVariable, targetUrlVariable } from './carrier-environment.ts';
import { composeCarrier, type FlowUrls } from './carrier-parts.ts';
import { JsonLog } from './json-log.ts';
import { tryLock } from './process-lock.ts';

/**
 * A carrier worker: `carrier-main.ts <config.json>`, addresses of source and target by the environment. It ends when it is told to (SIGTERM, or `retire` on its
 * control socket), never because whoever started it has gone. Standard error is its log.
 */
const logger = new JsonLog('carrier', process.pid);
const log = logger.info;

function environment(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new TealError('TEAL-CARRIERS-004', `${name} is not set`);
  return value;
}

const urls = (): FlowUrls => ({ source: environment(sourceUrlVariable), target: environment(targetUrlVariable) });

/**
 * A batch lives for tens of milliseconds, and V8 lets a heap of short-lived values grow several times over before it looks through it: one transaction of two million rows took 347 MB of
 * memory, and takes 274 with a heap that may grow by a third, at no more CPU (`make bench ONLY=memory`).
 */
setFlagsFromString('--heap-growing-percent=30');

/**
 * On a machine that a server of clients' has to itself but for this, the server goes first: with all cores busy blue kept about a tenth more of its transactions (`make bench ONLY=source`),
 * and a core that is free is used all the same.
 */
setPriority(5);

try {
  const config = await readConfig(process.argv[2] ?? '');
  logger.of(process.env[migrationVariable] ?? config.migration);
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  // The terminal of whoever started it may close; the flow goes on.
  process.on('SIGHUP', () => undefined);
  // Two that are started at the same moment, before either answers: one of them ends here.
  using lock = tryLock(join(config.folder, 'lock'));
  if (lock === undefined) log('another worker of this flow runs');
  else if (config.systems.source === 'kafka') {
    // Neither loads what the other needs.
    const { composeMirror } = await import('./mirror-parts.ts');
    await runMirrorWorker(config, await composeMirror(config, urls(), log), stop.signal);
  } else await runCarrierWorker(config, await composeCarrier(config, urls(), log), stop.signal);
} catch (error) {
  logger.error(describeError(error));
  process.exitCode = 1;
}
