import { sleep } from '../kernel/clock.ts';
import { describeError, isTealError, TealError } from '../kernel/errors.ts';
import type { Side } from '../model/catalog.ts';
import { compareLoads, percentilesOfAll, whatIsWorse, type ComparedLoad, type Percentiles } from '../model/load.ts';
import { percentileMs } from '../model/latencies.ts';
import { beforeAnyCut, decideOwner } from '../traffic/proxy/owner.ts';
import { replay, type Replayed } from '../traffic/proxy/replay/replay.ts';
import { summarise, type CaptureSummary } from '../traffic/proxy/replay/summary.ts';
import type { LoadedSpec } from './load-spec.ts';
import { knownOwner } from './proxy-config.ts';
import { replayFamilyOf, type ReplayDesk, type ReplayFamily } from './replay-family.ts';

export interface ReplayOptions {
  readonly loaded: LoadedSpec;
  readonly capture: string;
  readonly side: Side;
  /** Another database in place of the side: a scratch copy. */
  readonly to?: string;
  readonly speed: number;
  readonly connections: number;
  /** Everything is asked, also what writes; only of a database that nobody follows. */
  readonly writes: boolean;
  readonly slowerThan: number;
  readonly signal: AbortSignal;
}

/** What a replay has found, against what clients met when it was recorded. */
export interface ReplayFindings extends Omit<Replayed, 'late' | 'statements'> {
  readonly capture: Pick<
    CaptureSummary,
    'header' | 'lastedMs' | 'sessions' | 'asks' | 'dropped' | 'leftOut' | 'isWhole'
  >;
  /** Of the statements that were asked. */
  readonly recorded: Percentiles;
  readonly replayed: Percentiles;
  /** Of twenty units nineteen were asked at most so late. */
  readonly lateP95Ms: number;
  /** Units that a read-only transaction refused: they would have written. */
  readonly refusedWrites: number;
  /** Of a redacted capture: units whose value was no longer one of its type. */
  readonly lostToRedaction: number;
  readonly statements: readonly ComparedLoad[];
  /** Why it is no good; empty when it is. */
  readonly because: readonly string[];
}

const statementLimitMs = 60_000;
const ownerLookMs = 2_000;
/** Later than this, the load was not the one that was recorded. */
const lateLimitMs = 1_000;

/**
 * Puts a capture to a side that is not live, and tells how it does. Ends at once when that side becomes live. Errors: TEAL-TRAFFIC-036 the capture; TEAL-APP-021 the side is live, or that cannot be
 * told; -022 it is followed, and may not be written; -070 the capture is of another system.
 */
export async function replayCapture(options: ReplayOptions): Promise<ReplayFindings> {
  const { loaded, capture, speed, connections, writes, slowerThan } = options;
  const { spec } = loaded;
  const url = options.to ?? spec[options.side].url;
  const summary = await summarise(capture);
  const family = replayFamilyOf(spec, summary, url);
  const open = family.sessions(options.side, url);
  const owner = { blue: family.desk('blue', spec.blue.url), green: family.desk('green', spec.green.url) };
  const over = new AbortController();
  const stop = AbortSignal.any([options.signal, over.signal]);
  try {
    await refuseLive(options, family, owner);
    if (writes) await refuseFollowed(family, url);
    const watched = options.to === undefined ? watchOwner(options, family, owner, over) : Promise.resolve();
    const limits = { connections, writes, limitMs: statementLimitMs };
    try {
      const replayed = await replay({ path: capture, summary, open, speed, ...limits, signal: stop });
      return findings(summary, replayed, slowerThan, family);
    } finally {
      over.abort(ended);
      await watched;
    }
  } finally {
    for (const desk of Object.values(owner)) desk.stop();
  }
}

const ended = new TealError('TEAL-KERNEL-003', 'the replay has ended');

function findings(
  summary: CaptureSummary,
  replayed: Replayed,
  slowerThan: number,
  { refusedWrites, noValues }: ReplayFamily,
): ReplayFindings {
  const { header, lastedMs, sessions, asks, dropped, leftOut, isWhole } = summary;
  const { late, statements, ...rest } = replayed;
  const mayFail = new Set([...refusedWrites, ...(header.redacted ? noValues : [])]);
  const compared = compareLoads(summary.statements, statements, slowerThan, mayFail);
  const errors = (codes: readonly string[]): number =>
    statements.reduce((sum, load) => sum + codes.reduce((all, code) => all + (load.errors[code] ?? 0), 0), 0);
  const asked = new Set(statements.map(({ statement }) => statement));
  const lateP95Ms = Math.round(percentileMs(late, 0.95) ?? 0);
  return {
    ...rest,
    capture: { header, lastedMs, sessions, asks, dropped, leftOut, isWhole },
    recorded: percentilesOfAll(summary.statements.filter(({ statement }) => asked.has(statement))),
    replayed: percentilesOfAll(statements),
    lateP95Ms,
    refusedWrites: errors(refusedWrites),
    lostToRedaction: header.redacted ? errors(noValues) : 0,
    statements: compared,
    because: reasons(compared, replayed, lateP95Ms),
  };
}

function reasons(compared: readonly ComparedLoad[], replayed: Replayed, lateP95Ms: number): readonly string[] {
  const lost = Object.values(replayed.sessionsLost).reduce((sum, count) => sum + count, 0);
  return [
    ...whatIsWorse(compared),
    ...(lost > 0 ? [`${lost} sessions were lost or could not be had`] : []),
    ...(lateP95Ms > lateLimitMs
      ? [`it could not keep the pace: one unit in twenty was asked ${lateP95Ms} ms late`]
      : []),
    ...(replayed.asked === 0 ? ['nothing was asked'] : []),
  ];
}

// ---- who is live

type Desks = Readonly<Record<Side, ReplayDesk>>;

/** Of a scratch copy, that it is neither of the sides. */
async function refuseLive(options: ReplayOptions, family: ReplayFamily, desks: Desks): Promise<void> {
  const { loaded, side, to } = options;
  if (to !== undefined) return refuseSides(to, family, desks);
  const [blue, green] = await Promise.all([desks.blue.evidence(), desks.green.evidence()]);
  const decision = decideOwner(knownOwner(loaded.stateDir) ?? beforeAnyCut, blue, green);
  if ('wait' in decision)
    throw new TealError('TEAL-APP-021', `it cannot be told who is live: ${decision.wait}`, { side });
  if (decision.go.side === side) throw new TealError('TEAL-APP-021', `${side} is live`, { side });
}

async function refuseSides(to: string, family: ReplayFamily, desks: Desks): Promise<void> {
  const scratch = family.desk('green', to);
  try {
    const found = await scratch.identity();
    for (const side of ['blue', 'green'] as const) {
      if ((await desks[side].identity()) !== found) continue;
      throw new TealError('TEAL-APP-021', `the ${family.place} of --to is ${side}`, { side });
    }
  } finally {
    scratch.stop();
  }
}

/** Rows that a replay has locked would hold up the flow, and sequences and triggers do not roll back. */
async function refuseFollowed(family: ReplayFamily, url: string): Promise<void> {
  const desk = family.desk('green', url);
  try {
    if (!(await desk.isFollowed())) return;
  } finally {
    desk.stop();
  }
  throw new TealError('TEAL-APP-022', `the ${family.place} has ${family.mark}: a flow writes or reads there`);
}

/** A cut that comes meanwhile ends the replay. */
async function watchOwner(
  options: ReplayOptions,
  family: ReplayFamily,
  desks: Desks,
  over: AbortController,
): Promise<void> {
  while (!over.signal.aborted && !options.signal.aborted) {
    try {
      await sleep(ownerLookMs, AbortSignal.any([over.signal, options.signal]));
      await refuseLive(options, family, desks);
    } catch (error) {
      if (isTealError(error, 'TEAL-KERNEL-003')) return;
      over.abort(isTealError(error) ? error : new TealError('TEAL-APP-021', describeError(error)));
    }
  }
}
