import { setPriority } from 'node:os';
import { dirname, join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { readConfig, type CarrierConfig } from '../carriers/embedded/config.ts';
import { runMirrorWorker } from '../carriers/embedded/mirror-worker.ts';
import { runCarrierWorker } from '../carriers/embedded/worker.ts';
import { TealError, describeError } from '../kernel/errors.ts';
import type { ConnectSpec } from '../spec/spec.ts';
import { connectVariable, migrationVariable, sourceUrlVariable, targetUrlVariable } from './carrier-environment.ts';
import { homeWatch } from './home-watch.ts';
import { composeCarrier, type FlowUrls } from './carrier-parts.ts';
import { JsonLog } from './json-log.ts';
import { tryLock } from './process-lock.ts';
import { releaseHolders } from '../systems/postgres/holder.ts';

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

/** A copy's snapshot is of no use to whoever carries from elsewhere, and keeps the source from vacuuming. */
const releaseMs = 60_000;

/**
 * Another state folder carries the migration now: its worker waits for this one's end. It sees that by itself, for who had started it may have been killed before there was a supervisor.
 */
async function endWhenMoved({ folder, migration }: CarrierConfig, stop: AbortController): Promise<void> {
  const stateDir = dirname(folder);
  await using watch = homeWatch(process.env[migrationVariable] ?? migration, stateDir, process.env, log);
  if ((await watch?.moved(stop.signal)) !== true) return;
  log('another machine carries this migration now');
  stop.abort();
  try {
    await releaseHolders(stateDir, AbortSignal.timeout(releaseMs));
  } catch (error) {
    // The flow has ended, which is what others wait for.
    logger.error(describeError(error));
  }
}

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

const stop = new AbortController();
try {
  const config = await readConfig(process.argv[2] ?? '');
  logger.of(process.env[migrationVariable] ?? config.migration);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  // The terminal of whoever started it may close; the flow goes on.
  process.on('SIGHUP', () => undefined);
  // Two that are started at the same moment, before either answers: one of them ends here.
  using lock = tryLock(join(config.folder, 'lock'));
  const moved = lock === undefined ? Promise.resolve() : endWhenMoved(config, stop);
  if (lock === undefined) log('another worker of this flow runs');
  else if (config.systems.source === 'kafka') {
    // Neither loads what the other needs.
    const { composeMirror } = await import('./mirror-parts.ts');
    const { [connectVariable]: connect } = process.env;
    const by = connect === undefined ? undefined : (JSON.parse(connect) as ConnectSpec);
    await runMirrorWorker(config, await composeMirror(config, urls(), log, by), stop.signal);
  } else await runCarrierWorker(config, await composeCarrier(config, urls(), log), stop.signal);
  stop.abort();
  await moved;
} catch (error) {
  logger.error(describeError(error));
  process.exitCode = 1;
} finally {
  // Retired, told to end, or failed: nobody is looked for any more.
  stop.abort();
}
