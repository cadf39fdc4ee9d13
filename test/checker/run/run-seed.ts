import { within } from '../../../src/kernel/clock.ts';
import { describeError } from '../../../src/kernel/errors.ts';
import type { PlannedFault } from '../faults.ts';
import { formatEvent, pairEvents, parseEvents, type MicroOp, type Txn } from '../../../src/testing/checker/history.ts';
import { checkRun, type CutTold, type RunRecord, type Violation } from '../../../src/testing/checker/invariants.ts';
import type { Schedule } from '../schedule.ts';
import { sidesOf } from './ends.ts';
import { withoutReadsOf } from './guest-reads.ts';
import { keepTraces } from './traces.ts';
import { Place } from './place.ts';
import { Refused } from './command-until.ts';
import { Run } from './run.ts';
import { boundsOf } from './samples.ts';
import { patiently } from './slowness.ts';
import type { Store } from '../stores/store.ts';
import { nowUs, opening } from './tables.ts';

export interface SeedResult {
  readonly violations: readonly Violation[];
  readonly txns: readonly Txn[];
  readonly cuts: readonly CutTold[];
  /** Those that came to pass. */
  readonly injected: readonly PlannedFault[];
  /** What happened, in its order. */
  readonly told: readonly string[];
}

export interface SeedOptions {
  /** SQL on the owner after the clients have ended, to see that it is found. */
  readonly spoil?: string;
  /** Of the product, by its name: it must be found. */
  readonly mutant?: string;
  /** Where the histories, logs and journal of a run that was not right are kept. */
  readonly tracesTo?: string;
  /** From when the clients are there; default six minutes. A run that takes longer rejects, and nothing of it stays. */
  readonly limitMs?: number;
  /** Hears what happens at once. */
  readonly say?: (line: string) => void;
}

const defaultLimitMs = patiently(6 * 60_000);

/** The loader's history has a number that no client comes near. */
const loader = 900_000;

/**
 * One seed on servers of its own: clients in processes of theirs, through the proxy, while controllers do the schedule's deeds and meet its faults; then all that was seen
 * is judged. Rejects when the schedule could not be done to its end.
 */
export async function runSeed(schedule: Schedule, options: SeedOptions = {}): Promise<SeedResult> {
  const { limitMs = defaultLimitMs } = options;
  await using stack = new AsyncDisposableStack();
  const place = stack.use(await Place.open(schedule, options.mutant));
  const run = new Run(place, schedule.groups, options.say);
  try {
    const loaded = await load(place.store('blue'), schedule);
    // The proxy is there before anything is prepared.
    await run.open();
    await place.crew.start(place.clientUrl);
    try {
      // What is late goes on until the place is gone.
      await within(
        limitMs,
        () => new Refused(`not at its end after ${limitMs / 1_000} s`),
        async () => run.do(schedule.deeds),
      );
    } catch (error) {
      // Why a run did not come to its end says more than how its clients came to theirs.
      await place.crew.stop().catch((also: unknown) => run.told.push(describeError(also)));
      throw error;
    }
    await place.crew.stop();
    if (options.spoil !== undefined) await place.store(await place.live()).spoil(options.spoil);
    if (run.end === 'running' || options.spoil !== undefined) await run.lookAtOwner();
    await run.readDoors();
    const all = pairEvents([loaded, ...(await place.crew.histories())]);
    const txns = withoutReadsOf(all, (client) => place.crew.isGuest(client));
    const record: RunRecord = {
      txns,
      clocks: { realtime: true },
      opening: new Map(Array.from({ length: schedule.sizes.accounts }, (_, at) => [at + 1, opening] as const)),
      states: run.states,
      doors: run.doors,
      cuts: run.cuts,
      excuses: run.excuses,
      end: run.end,
      ...(await sidesOf(place, run.end)),
      comparisons: run.comparisons,
      samples: run.samples,
      bounds: boundsOf(run.samples),
      replays: run.replays,
    };
    const violations = checkRun(record);
    if (violations.length > 0) await keepTraces(place, run.told, options.tracesTo);
    return { violations, txns, cuts: run.cuts, injected: run.injected, told: run.told };
  } catch (error) {
    await keepTraces(place, run.told, options.tracesTo);
    throw error;
  }
}

/** Tables, and the rows that writes replace: as history, since they must be accounted for. */
async function load(store: Store, schedule: Schedule): Promise<ReturnType<typeof parseEvents>> {
  const ops = Array.from({ length: schedule.sizes.rows }, (_, at): Extract<MicroOp, { readonly f: 'insert' }> => {
    const row = at + 1;
    return { f: 'insert', row, was: null, version: row, key: row, toast: row };
  });
  const head = { client: loader, op: 0, isolation: 'read committed', wallMs: Date.now(), ops } as const;
  const invoked = nowUs();
  await store.load(schedule, ops);
  return parseEvents(
    formatEvent({ ...head, type: 'invoke', atUs: invoked, ops: [...ops] }) +
      formatEvent({ ...head, type: 'ok', atUs: nowUs(), ops: [...ops] }),
  );
}
