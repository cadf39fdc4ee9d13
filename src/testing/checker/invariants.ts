import type { Side } from '../../model/catalog.ts';
import { findAnomalies, type AnomalyOptions } from './anomalies.ts';
import { nameOf, type Txn } from './history.ts';
import { judgeRowReads } from './judge-rows.ts';
import { judgeState, judgeSum } from './judge-state.ts';
import type { Finding, OwnerState } from './owner-state.ts';

/** A side began or ceased to accept writes of clients, at some moment between these two. */
export interface DoorMove {
  readonly side: Side;
  readonly accepts: boolean;
  readonly notBeforeUs: number;
  readonly notAfterUs: number;
  /** `fence of cut e1a1 raised` */
  readonly what: string;
}

/** How a cut ended, as its controller told it. */
export interface CutTold {
  readonly cut: string;
  /** Whether a cut without an error was possible: every session could cross, no transaction outlasted the wait. Otherwise it must have been given up. */
  readonly conditionsMet: boolean;
  readonly outcome: 'done' | 'aborted';
}

/** A time in which a fault of the schedule breaks clients itself. */
export interface Excuse {
  readonly fromUs: number;
  readonly untilUs: number;
  readonly why: string;
}

/** Something of Teal's making on a side, under its name there. */
export interface Leftover {
  readonly side: Side;
  readonly kind:
    | 'slot'
    | 'publication'
    | 'origin'
    | 'fence'
    | 'trigger'
    | 'schema'
    | 'grant'
    | 'role setting'
    | 'replica identity'
    | 'session';
  readonly name: string;
}

/** Both sides at one position of the live side's log: of each table its count of rows and a digest of them, in any notation that is equal for equal tables. */
export interface Comparison {
  readonly position: string;
  readonly direction: 'forward' | 'reverse';
  readonly tables: readonly {
    readonly table: string;
    readonly rows: readonly [blue: string, green: string];
    readonly digest: readonly [blue: string, green: string];
  }[];
}

/** A number that was looked at once. `what` names a series: `blue: WAL retained, bytes`, `worker forward: resident, bytes`. */
export interface Sample {
  readonly atUs: number;
  readonly what: string;
  readonly value: number;
}

/** What the values of the series `what` must stay within. A series without a sample is a violation. */
export interface Bound {
  readonly what: string;
  readonly atMost?: number;
  /** Of the floor under the samples, which a garbage collector's teeth leave alone. */
  readonly perHourAtMost?: number;
  /** Samples before it are of the start, and do not count for the slope. */
  readonly steadyFromUs?: number;
}

/** The outside, by names, before and after the whole journal was run again. */
export interface Replay {
  readonly what: string;
  readonly before: Readonly<Record<string, string>>;
  readonly after: Readonly<Record<string, string>>;
}

/** Everything that was seen of one run. Times are of the histories' clock. */
export interface RunRecord {
  /** All of `pairEvents`, none left out. */
  readonly txns: readonly Txn[];
  readonly clocks: AnomalyOptions;
  /** What each account began with. */
  readonly opening: ReadonlyMap<number, number>;
  /** The owner's, after each cut and at the end. */
  readonly states: readonly OwnerState[];
  readonly doors: readonly DoorMove[];
  readonly cuts: readonly CutTold[];
  readonly excuses: readonly Excuse[];
  readonly end: 'running' | 'aborted' | 'finalised';
  /** Whether each side accepts writes of clients, tried at the end. */
  readonly accepts: Readonly<Record<Side, boolean>>;
  /** Of Teal's making, at the end. */
  readonly leftovers: readonly Leftover[];
  readonly comparisons: readonly Comparison[];
  readonly samples: readonly Sample[];
  readonly bounds: readonly Bound[];
  readonly replays: readonly Replay[];
}

/** A run of which nothing else was seen: of what is not in it nothing is said. */
export function nothingElse(seen: Partial<RunRecord>): RunRecord {
  return {
    txns: [],
    clocks: { realtime: true },
    opening: new Map(),
    states: [],
    doors: [],
    cuts: [],
    excuses: [],
    end: 'running',
    accepts: { blue: true, green: false },
    leftovers: [],
    comparisons: [],
    samples: [],
    bounds: [],
    replays: [],
    ...seen,
  };
}

export interface Violation {
  /** Which of the twelve `invariants`, from 1. */
  readonly invariant: number;
  /** For a person: who did what, and what is there instead. */
  readonly text: string;
}

type Check = (run: RunRecord) => readonly string[];

/** What may be said of every run. The numbers are theirs for good. */
export const invariants: readonly { readonly number: number; readonly says: string; readonly check: Check }[] = [
  { number: 1, says: 'every acknowledged write is on the owner exactly once', check: (run) => ofStates(run, 'lost') },
  { number: 2, says: 'nothing is there that nobody wrote', check: (run) => ofStates(run, 'uninvoked') },
  { number: 3, says: 'some serial order in real time explains what everybody saw', check: anomalies },
  { number: 4, says: 'the accounts together hold what they held', check: sums },
  { number: 5, says: 'no id comes twice', check: repeatedIds },
  { number: 6, says: 'a unique value has one owner', check: (run) => ofStates(run, 'not unique') },
  { number: 7, says: 'at most one side accepts writes of clients', check: twoDoorsOpen },
  { number: 8, says: 'no client sees an error that it did not cause', check: visibleErrors },
  { number: 9, says: 'nothing is left behind', check: leftBehind },
  { number: 10, says: 'both sides are equal at one position', check: unequal },
  { number: 11, says: 'what grows stays within its bounds', check: outOfBounds },
  { number: 12, says: 'to run the journal again changes nothing', check: changedByReplay },
];

/**
 * The twelve invariants over what was seen of one run; empty when all hold. What is left out was not seen, and nothing is said of it: a history alone is held to no
 * cycles and no errors, with the owner's states to no loss as well. Throws `HistoryFault` when the workload did what none may do, such as to use one number twice.
 */
export function checkRun(seen: Partial<RunRecord>): readonly Violation[] {
  const run = nothingElse(seen);
  return invariants.flatMap(({ number, check }) => check(run).map((text) => ({ invariant: number, text })));
}

/** Three invariants ask for parts of the same work. */
const findings = new WeakMap<RunRecord, readonly Finding[]>();

function ofStates(run: RunRecord, about: Finding['about']): readonly string[] {
  const known = findings.get(run) ?? findingsOf(run);
  findings.set(run, known);
  return known.filter((found) => found.about === about).map(({ text }) => text);
}

function findingsOf({ txns, states, opening }: RunRecord): readonly Finding[] {
  const inStates = states.flatMap((state) =>
    judgeState(txns, state, opening).map(({ about, text }) => ({
      about,
      text: `${state.side} in epoch ${state.epoch}: ${text}`,
    })),
  );
  return [...inStates, ...judgeRowReads(txns)];
}

/** What the owner held is a read like any other: it makes the orders of all lists known. */
function anomalies({ txns, states, clocks }: RunRecord): readonly string[] {
  const newest = txns.reduce((most, { client }) => Math.max(most, client), -1) + 1;
  const reads = states.map((state, at): Txn => ({
    index: txns.length + at,
    client: newest + at,
    op: 0,
    isolation: 'repeatable read',
    outcome: 'ok',
    ops: state.lists.map(([k, v]) => ({ f: 'r', k, v: [...v] })),
    invokedUs: state.askedUs,
    endedUs: state.takenUs,
    wallMs: 0,
  }));
  return findAnomalies([...txns, ...reads], clocks).map(({ kind, text }) => `${kind}: ${text}`);
}

function sums({ txns, states, opening }: RunRecord): readonly string[] {
  const read = txns.flatMap((txn) =>
    txn.outcome === 'ok'
      ? txn.ops.flatMap((op) => (op.f === 'balances' && op.v !== undefined ? judgeSum(op.v, opening, nameOf(txn)) : []))
      : [],
  );
  const held = states.flatMap(({ balances, side, epoch }) => judgeSum(balances, opening, `${side} in epoch ${epoch}`));
  return [...read, ...held].map(({ text }) => text);
}

/** Ids of transactions without an effect may come again after a server's crash; those that were acknowledged never. */
function repeatedIds({ txns }: RunRecord): readonly string[] {
  const given = new Map<string, Txn>();
  const found: string[] = [];
  for (const txn of txns) {
    if (txn.outcome !== 'ok') continue;
    for (const op of txn.ops) {
      if (op.f !== 'id' || op.v === undefined) continue;
      const name = `${op.v} of ${op.sequence}`;
      const before = given.get(name);
      if (before !== undefined) found.push(`id ${name} was given to ${nameOf(before)} and to ${nameOf(txn)}`);
      given.set(name, txn);
    }
  }
  return found;
}

/** Only what is certain: a side is open from the latest moment at which it may have opened to the earliest at which it may have closed. */
function twoDoorsOpen({ doors }: RunRecord): readonly string[] {
  const open = (['blue', 'green'] as const).flatMap((side) => openTimes(side, doors));
  return open.flatMap((one, at) =>
    open
      .slice(at + 1)
      .filter((other) => other.side !== one.side && one.fromUs < other.untilUs && other.fromUs < one.untilUs)
      .map((other) => {
        const forUs = Math.min(one.untilUs, other.untilUs) - Math.max(one.fromUs, other.fromUs);
        return `both sides accepted writes for ${forUs} µs: ${one.side} since ${one.why}, ${other.side} since ${other.why}`;
      }),
  );
}

interface OpenTime {
  readonly side: Side;
  readonly fromUs: number;
  readonly untilUs: number;
  readonly why: string;
}

function openTimes(side: Side, doors: readonly DoorMove[]): readonly OpenTime[] {
  const times: OpenTime[] = [];
  let opened: DoorMove | undefined;
  for (const move of doors.filter((each) => each.side === side).toSorted((a, b) => a.notBeforeUs - b.notBeforeUs)) {
    if (move.accepts) opened ??= move;
    else if (opened !== undefined) {
      times.push({ side, fromUs: opened.notAfterUs, untilUs: move.notBeforeUs, why: opened.what });
      opened = undefined;
    }
  }
  if (opened !== undefined) times.push({ side, fromUs: opened.notAfterUs, untilUs: Infinity, why: opened.what });
  return times;
}

/** Ends of transactions that the workload brings about itself: serialization, deadlock, a unique value that was taken, and its own words. */
export const ownErrors: ReadonlySet<string> = new Set(['40001', '40P01', '23505', 'rollback', 'stale']);
/** What asks for a value that somebody else may have. Ids come from a sequence: of one that is taken only its owner is to blame. */
const mayBeTaken: ReadonlySet<string> = new Set(['claim', 'insert', 'move', 'delete']);

function isOwnError({ error, ops }: Txn): boolean {
  if (error === undefined || !ownErrors.has(error)) return false;
  return error !== '23505' || ops.some(({ f }) => mayBeTaken.has(f));
}

function visibleErrors({ txns, cuts, excuses }: RunRecord): readonly string[] {
  const seen = txns.filter((txn) => {
    const { outcome, endedUs, doubtedUs, invokedUs } = txn;
    if (outcome === 'ok') return false;
    // One of many in a run of pgbench, all of which are in doubt then.
    const isOneOfMany = outcome === 'info' && txn.error === '40P01';
    if (isOneOfMany || (outcome === 'fail' && isOwnError(txn))) return false;
    // Without an end: the client itself died.
    const atUs = outcome === 'info' ? doubtedUs : endedUs;
    return atUs !== undefined && !excuses.some(({ fromUs, untilUs }) => atUs >= fromUs && invokedUs <= untilUs);
  });
  return [
    ...seen.map((txn) => `${nameOf(txn)} saw ${txn.error ?? 'an error without a code'}`),
    ...cuts
      .filter(({ conditionsMet, outcome }) => !conditionsMet && outcome === 'done')
      .map(({ cut }) => `cut ${cut} was made though its conditions were not met`),
  ];
}

function leftBehind({ end, leftovers, accepts }: RunRecord): readonly string[] {
  if (end === 'running') return [];
  // The side that was left stays closed when all is finished: by its fence, and by nothing else.
  const mayStay = (left: Leftover): boolean => end === 'finalised' && left.kind === 'fence' && !accepts[left.side];
  const found = leftovers
    .filter((left) => !mayStay(left))
    .map(({ side, kind, name }) => `${kind} ${name} is left on ${side}`);
  if (end === 'aborted' && !accepts.blue) found.push('blue does not accept writes after the abort');
  if (end === 'finalised' && accepts.blue === accepts.green)
    found.push(`${accepts.blue ? 'both sides accept' : 'no side accepts'} writes after the end`);
  return found;
}

function unequal({ comparisons }: RunRecord): readonly string[] {
  return comparisons.flatMap(({ position, direction, tables }) =>
    tables
      .filter(({ rows, digest }) => rows[0] !== rows[1] || digest[0] !== digest[1])
      .map(
        ({ table, rows }) =>
          `${table} differs at ${position} (${direction}): ${rows[0]} rows on blue, ${rows[1]} on green`,
      ),
  );
}

function outOfBounds({ samples, bounds }: RunRecord): readonly string[] {
  return bounds.flatMap(({ what, atMost = Infinity, perHourAtMost = Infinity, steadyFromUs = 0 }) => {
    const series = samples.filter((sample) => sample.what === what);
    if (series.length === 0) return [`${what}: no sample was taken`];
    const found: string[] = [];
    const highest = series.reduce((most, { value }) => Math.max(most, value), -Infinity);
    if (highest > atMost) found.push(`${what}: ${highest}, more than ${atMost}`);
    const slope = slopePerHour(series.filter(({ atUs }) => atUs >= steadyFromUs));
    if (slope !== undefined && slope > perHourAtMost)
      found.push(`${what}: grows by ${Math.round(slope)} an hour, more than ${perHourAtMost}`);
    return found;
  });
}

const windows = 12;

/** Least squares through the lowest sample of each of twelve windows, in units an hour; undefined for fewer than two of them. */
export function slopePerHour(samples: readonly Pick<Sample, 'atUs' | 'value'>[]): number | undefined {
  const from = samples.reduce((least, { atUs }) => Math.min(least, atUs), Infinity);
  const width = (samples.reduce((most, { atUs }) => Math.max(most, atUs), from) - from) / windows;
  const floor = new Map<number, { readonly atUs: number; readonly value: number }>();
  for (const sample of samples) {
    const window = width === 0 ? 0 : Math.min(windows - 1, Math.floor((sample.atUs - from) / width));
    if (sample.value < (floor.get(window)?.value ?? Infinity)) floor.set(window, sample);
  }
  const points = [...floor.values()].map(({ atUs, value }) => ({ hour: (atUs - from) / 3_600e6, value }));
  if (points.length < 2) return undefined;
  const mean = (of: 'hour' | 'value'): number => points.reduce((sum, point) => sum + point[of], 0) / points.length;
  const [hour, value] = [mean('hour'), mean('value')];
  const spread = points.reduce((sum, point) => sum + (point.hour - hour) ** 2, 0);
  return points.reduce((sum, point) => sum + (point.hour - hour) * (point.value - value), 0) / spread;
}

function changedByReplay({ replays }: RunRecord): readonly string[] {
  return replays.flatMap(({ what, before, after }) =>
    [...new Set([...Object.keys(before), ...Object.keys(after)])]
      .filter((name) => before[name] !== after[name])
      .map((name) => `${what} changed ${name}: ${before[name] ?? 'absent'} before, ${after[name] ?? 'absent'} after`),
  );
}
