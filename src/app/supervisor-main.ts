import { rm } from 'node:fs/promises';
import { isoNow } from '../kernel/clock.ts';
import { TealError, describeError, isTealError } from '../kernel/errors.ts';
import type { Carrier } from '../ports/carrier.ts';
import { isWritten } from '../journal/journal.ts';
import type { JournalPlace } from '../journal/place.ts';
import type { ConnectSpec } from '../spec/spec.ts';
import { releaseHolders } from '../systems/postgres/holder.ts';
import { ProxyRouter } from '../traffic/proxy/client.ts';
import { homeWatch, type HomeWatch } from './home-watch.ts';
import { endWorker } from '../carriers/embedded/client.ts';
import { connectCarrier } from './connect-carrier.ts';
import { journalPlace } from './journal-place.ts';
import { JsonLog } from './json-log.ts';
import { takeLock, tryLock } from './process-lock.ts';
import { isCutTended, runRecovery } from './recover-cut.ts';
import { isSoakWatched, startSoakWatch } from './soak-process.ts';
import {
  readSupervisorConfig,
  replaceFile,
  startProxyOf,
  supervisorBlueUrl,
  supervisorConnect,
  supervisorGreenUrl,
  supervisorPaths,
  type SupervisorConfig,
} from './supervisor-config.ts';
import { Supervisor, isAbsence, type SupervisorPorts } from './supervisor.ts';
import { isWatched, startWatch } from './watch/watch-process.ts';
import { startLock, things, unwant, wanted, type Thing } from './wanted.ts';

/**
 * The supervisor of one migration: `supervisor-main.ts <state folder>`, addresses of both sides by the environment. It starts again what ought to run and died,
 * has a cut ended that has lost its controller, or a move of tenants, and ends when nothing ought to run, or by SIGTERM, which leaves alone what runs. A second one ends at once. Standard error is its log.
 */
const logger = new JsonLog('supervisor', process.pid);
const log = logger.info;

/** Of a flow by Kafka Connect a task may have failed: it is started again as a worker that has died. */
const startsAgain: ReadonlySet<string> = new Set(['TEAL-CARRIERS-001', 'TEAL-CARRIERS-014']);

/** A command that looks whether the place is free holds the lock for a moment. */
const lockPatienceMs = 3_000;

/** What is ended because another machine carries: as long as a flow may take to end. */
const releaseMs = 60_000;

async function placeOf(stateDir: string): Promise<JournalPlace> {
  const { carrier } = await readSupervisorConfig(supervisorPaths(stateDir).config);
  return journalPlace(carrier.migration, stateDir, process.env);
}

function compose(
  stateDir: string,
  urls: { readonly blue: string; readonly green: string },
  watch: HomeWatch | undefined,
): SupervisorPorts {
  const paths = supervisorPaths(stateDir);
  const sinceIso = isoNow();
  // Read for every look: a command may have written it anew.
  const config = async (): Promise<SupervisorConfig> => readSupervisorConfig(paths.config);
  const { [supervisorConnect]: connect = '' } = process.env;
  const byConnect = connect === '' ? {} : { connect: JSON.parse(connect) as ConnectSpec };
  // Kept while the configuration is the same: with Kafka Connect it has sessions.
  let made: { readonly text: string; readonly carrier: Carrier } | undefined;
  const carrier = async (): Promise<Carrier> => {
    const { carrier: configured } = await config();
    const text = JSON.stringify(configured);
    if (made?.text !== text) made = { text, carrier: connectCarrier({ ...configured, urls, ...byConnect }) };
    return made.carrier;
  };
  const proxy = async (): Promise<NonNullable<SupervisorConfig['proxy']>> => {
    const { proxy: found } = await config();
    if (found === undefined) throw new TealError('TEAL-APP-003', 'the configuration names no proxy');
    return found;
  };
  const released = async (): Promise<void> => {
    // First, or what is ended here would be started again.
    for (const thing of things) await unwant(stateDir, thing);
    // The proxy stays: whoever has not left it yet is served. What a cluster carries is not of this machine.
    const ends = await Promise.allSettled([
      endWorker(stateDir, 'forward'),
      endWorker(stateDir, 'reverse'),
      releaseHolders(stateDir, AbortSignal.timeout(releaseMs)),
    ]);
    for (const end of ends) if (end.status === 'rejected') logger.error(describeError(end.reason));
  };
  return {
    wanted: async () => {
      if ((await watch?.hasMoved()) === true) {
        log('another machine carries this migration now: what runs here ends');
        await released();
      }
      return wanted(stateDir);
    },
    lives: async (thing) => {
      if (thing === 'cut') return isCutTended(stateDir, await placeOf(stateDir));
      if (thing === 'tenants') return isWritten(await placeOf(stateDir));
      if (thing === 'soak') return isSoakWatched(stateDir);
      if (thing === 'anomalies') return isWatched(stateDir);
      if (thing === 'proxy') return answers(async () => new ProxyRouter((await proxy()).controlPath).about());
      const { now } = await (await carrier()).status(thing);
      return now.state !== 'failed' || !startsAgain.has(now.code);
    },
    start: async (thing) => {
      if (thing === 'cut' || thing === 'tenants') await runRecovery((await config()).file, stateDir);
      else if (thing === 'soak') await startSoakWatch((await config()).file, stateDir, process.env);
      else if (thing === 'anomalies') await startWatch((await config()).file, stateDir, process.env);
      else if (thing === 'proxy') await startProxyOf(stateDir, await proxy(), urls);
      // As it was: in mid-copy it must not begin to apply.
      else await (await carrier()).deploy(thing, { begin: false });
    },
    lock: async (thing: Thing) => startLock(stateDir, thing),
    tell: async (things) => replaceFile(paths.state, { version: 1, pid: process.pid, sinceIso, things }),
    log,
  };
}

async function answers(ask: () => Promise<unknown>): Promise<boolean> {
  try {
    await ask();
    return true;
  } catch (error) {
    if (isAbsence(error)) return false;
    throw error;
  }
}

async function supervise(stateDir: string, signal: AbortSignal): Promise<void> {
  const { [supervisorBlueUrl]: blue = '', [supervisorGreenUrl]: green = '' } = process.env;
  const paths = supervisorPaths(stateDir);
  const { migration } = (await readSupervisorConfig(paths.config)).carrier;
  logger.of(migration);
  await using watch = homeWatch(migration, stateDir, process.env, log);
  const ports = compose(stateDir, { blue, green }, watch);
  let lock: Disposable | undefined = await takeLock(paths.lock, 'the supervisor that was', lockPatienceMs);
  while (lock !== undefined && !signal.aborted) {
    log(`supervisor ${process.pid} runs`);
    await new Supervisor(ports).run(signal);
    if (!signal.aborted) await rm(paths.state, { force: true });
    lock[Symbol.dispose]();
    // A command that found the lock taken while it was on its way out relies on this one.
    lock = (await wanted(stateDir)).size === 0 ? undefined : tryLock(paths.lock);
  }
  log(`supervisor ${process.pid} ends`);
}

try {
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  // The terminal of whoever started it may close.
  process.on('SIGHUP', () => undefined);
  await supervise(process.argv[2] ?? '', stop.signal);
} catch (error) {
  // Another has the lock: it does what this one would do.
  if (!isTealError(error, 'TEAL-KERNEL-002')) {
    logger.error(describeError(error));
    process.exitCode = 1;
  }
}
