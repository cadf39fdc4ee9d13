import { mkdir } from 'node:fs/promises';
import { nowMs } from '../kernel/clock.ts';
import { TealError, describeError, isTealError } from '../kernel/errors.ts';
import { openJournalReader } from '../journal/journal.ts';
import { liveSide } from '../journal/state.ts';
import { askSides } from './ask-sides.ts';
import { homeWatch } from './home-watch.ts';
import { JsonLog } from './json-log.ts';
import { loadSpec } from './load-spec.ts';
import { takeLock } from './process-lock.ts';
import { wanted } from './wanted.ts';
import { keepMinute, readMinutes, watchFolder } from './watch/kept-minutes.ts';
import { lookAtSystems } from './watch/look-at-systems.ts';
import { keepSeen, watchLock } from './watch/watch-process.ts';
import { watchSystems } from './watch/watch-systems.ts';

/**
 * The watch of both systems: `watch-main.ts <migration file> <state folder>`, the file's variables by the environment. It reads numbers of both sides, the flow and the proxy, and tells what is out of
 * the usual; it changes nothing. Ends when it is not wanted any more. A second one ends at once. Standard error is its log.
 */
const [, , file = '', stateDir = ''] = process.argv;
const lockPatienceMs = 3_000;
const logger = new JsonLog('anomalies', process.pid);
const log = logger.info;

async function watch(signal: AbortSignal): Promise<void> {
  const loaded = loadSpec(file, process.env);
  const { spec } = loaded;
  if (loaded.stateDir !== stateDir)
    throw new TealError('TEAL-APP-005', `${file} names another state folder now`, { file, stateDir });
  const rule = spec.anomalies;
  if (rule === undefined) return log('the file has no `anomalies` any more');
  logger.of(spec.name);
  await using sides = askSides(spec);
  await using home = homeWatch(spec.name, stateDir, process.env, log);
  using reader = openJournalReader(loaded.journal);
  await mkdir(watchFolder(stateDir), { recursive: true, mode: 0o700 });
  const { minutes, skipped } = await readMinutes(stateDir);
  log(`${minutes.length} minutes are known${skipped === 0 ? '' : `; ${skipped} lines are unreadable`}`);
  await watchSystems(
    {
      rule,
      isWanted: async () => (await wanted(stateDir)).has('anomalies') && (await home?.hasMoved()) !== true,
      look: lookAtSystems(loaded, sides.ask, () => liveSide(reader.refresh())),
      keep: async (minute) => keepMinute(stateDir, minute),
      tell: async (seen) => keepSeen(stateDir, seen),
      log,
      now: nowMs,
    },
    minutes,
    signal,
  );
}

try {
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort(new Error(signal)));
  process.on('SIGHUP', () => undefined);
  using _held = await takeLock(watchLock(stateDir), 'the watch of both systems that was', lockPatienceMs);
  await watch(stop.signal);
} catch (error) {
  // Another has the lock: it does what this one would do.
  if (!isTealError(error, 'TEAL-KERNEL-002')) {
    logger.error(describeError(error));
    process.exitCode = 1;
  }
}
