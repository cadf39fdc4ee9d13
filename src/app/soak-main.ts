import { dirname } from 'node:path';
import { nowMs } from '../kernel/clock.ts';
import { TealError, describeError, isTealError } from '../kernel/errors.ts';
import { openJournalReader } from '../journal/journal.ts';
import type { Served } from '../model/served.ts';
import { askSides } from './ask-sides.ts';
import { figuresOf, healthOf } from './gates-of.ts';
import { homeWatch, type HomeWatch } from './home-watch.ts';
import { rollback } from './index.ts';
import { JsonLog } from './json-log.ts';
import { keptFigures } from './kept-figures.ts';
import { loadSpec, type LoadedSpec } from './load-spec.ts';
import { openJournalInTurn } from './opening.ts';
import { takeLock } from './process-lock.ts';
import { servedByGreen } from './read-proxy.ts';
import { soakingCut } from './soak.ts';
import { keepSoak, soakLock } from './soak-process.ts';
import { watchSoak } from './soak-watch.ts';
import { startLock, unwant, wanted } from './wanted.ts';

/**
 * The watch of a soak: `soak-main.ts <migration file> <state folder>`, the file's variables by the environment. It asks what the file says under `soak.health` and runs
 * `teal rollback` when green fails it. Ends when green is not live any more, or the soak is over. A second one ends at once. Standard error is its log.
 */
const [, , file = '', stateDir = ''] = process.argv;
const lockPatienceMs = 3_000;
/** Who has rolled back, in the journal: the word of the file. */
const [byHealth, byFigures] = ['soak.health', 'soak.rollBackOn'];

const logger = new JsonLog('soak', process.pid);
const log = logger.info;

/** The file as it is now, unless it is another migration's now. */
function load(): LoadedSpec {
  const loaded = loadSpec(file, process.env);
  if (loaded.stateDir === stateDir) return loaded;
  throw new TealError('TEAL-APP-005', `${file} names another state folder now`, { file, stateDir });
}

/** Where another folder carries the migration, its watch asks: a rollback from here would take the migration away from there. */
async function isWanted(home: HomeWatch | undefined): Promise<boolean> {
  return (await wanted(stateDir)).has('soak') && (await home?.hasMoved()) !== true;
}

function baseline({ journal }: LoadedSpec): Served | undefined {
  using reader = openJournalReader(journal);
  return keptFigures(reader.refresh());
}

async function watch(signal: AbortSignal): Promise<void> {
  const loaded = load();
  const { spec } = loaded;
  logger.of(spec.name);
  await using sides = askSides(spec);
  await using home = homeWatch(spec.name, stateDir, process.env, log);
  const soaking = async (): Promise<string | undefined> => {
    if (!(await isWanted(home))) return undefined;
    using reader = openJournalReader(loaded.journal);
    return soakingCut(reader.refresh(), spec, nowMs());
  };
  const health = healthOf(spec, { folder: dirname(file), stateDir, ask: sides.ask });
  const figures = figuresOf(spec, baseline(loaded), async () => servedByGreen(loaded));
  const isFigure = (asks: string): boolean => figures.some((gate) => gate.asks === asks);
  log(`asks ${health.length + figures.length} questions`);
  await watchSoak(
    {
      gates: [...health, ...figures],
      rule: spec.soak,
      soaking,
      isWanted: async () => isWanted(home),
      tell: async (seen) => keepSoak(stateDir, seen),
      note: async (text) => {
        using journal = await openJournalInTurn({ loaded, command: 'soak', signal });
        journal.append({ type: 'note', text });
      },
      rollBack: async (reason, { asks }) => {
        const by = isFigure(asks) ? byFigures : byHealth;
        const outcome = await rollback({ file, by, env: process.env, signal, reason }).outcome;
        log(`rollback: ${outcome.outcome}, ${outcome.live} is live`);
      },
      log,
    },
    signal,
  );
  // Under the lock under which marks are made: a cut that ends in this moment makes one.
  using _ = await startLock(stateDir, 'soak');
  if ((await soaking()) === undefined) await unwant(stateDir, 'soak');
  log('nothing to watch any more');
}

try {
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort(new Error(signal)));
  process.on('SIGHUP', () => undefined);
  using _held = await takeLock(soakLock(stateDir), 'the watch of the soak that was', lockPatienceMs);
  await watch(stop.signal);
} catch (error) {
  // Another has the lock: it does what this one would do.
  if (!isTealError(error, 'TEAL-KERNEL-002')) {
    logger.error(describeError(error));
    process.exitCode = 1;
  }
}
