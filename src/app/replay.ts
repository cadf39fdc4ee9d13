import { sleep } from '../kernel/clock.ts';
import { describeError, isTealError, TealError } from '../kernel/errors.ts';
import type { Side } from '../model/catalog.ts';
import { compareLoads, percentilesOfAll, whatIsWorse, type ComparedLoad, type Percentiles } from '../model/load.ts';
import { percentileMs } from '../model/latencies.ts';
import { beforeAnyCut, decideOwner } from '../traffic/proxy/owner.ts';
import { replay, type Replayed } from '../traffic/proxy/replay/replay.ts';
import { summarise, type CaptureSummary } from '../traffic/proxy/replay/summary.ts';
import { SideDesk } from '../traffic/proxy/side-desk.ts';
import { readTarget } from '../traffic/proxy/target.ts';
import { familyOf } from '../spec/families.ts';
import type { LoadedSpec } from './load-spec.ts';
import { knownOwner } from './proxy-config.ts';

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

/** Read-only transactions say so. */
const refusedWrite = '25006';
/** A text that is no value of its type. */
const noValue = ['22P02', '22007', '22008', '22003', '22P03'];
const statementLimitMs = 60_000;
const ownerLookMs = 2_000;
/** Later than this, the load was not the one that was recorded. */
const lateLimitMs = 1_000;

/**
 * Puts a capture to a side that is not live, and tells how it does. Ends at once when that side becomes live. Errors: TEAL-TRAFFIC-036 the capture; TEAL-APP-021 the side is live, or that cannot be
 * told; -022 it is followed, and may not be written.
 */
export async function replayCapture(options: ReplayOptions): Promise<ReplayFindings> {
  const { loaded, capture, speed, connections, writes, slowerThan } = options;
  const { spec } = loaded;
  const url = options.to ?? spec[options.side].url;
  if (familyOf(spec.blue.system) !== 'postgres' || !/^postgres(?:ql)?:/.test(url)) {
    throw new TealError('TEAL-TRAFFIC-037', 'a capture is of PostgreSQL, and is put to PostgreSQL');
  }
  const summary = await summarise(capture);
  const { target, admin } = readTarget(options.side, url);
  const owner = ownerDesks(loaded);
  const over = new AbortController();
  const stop = AbortSignal.any([options.signal, over.signal]);
  try {
    await refuseLive(options, owner);
    if (writes) await refuseFollowed(url);
    const watched = options.to === undefined ? watchOwner(options, owner, over) : Promise.resolve();
    const limits = { connections, writes, limitMs: statementLimitMs };
    try {
      const replayed = await replay({ path: capture, summary, target, admin, speed, ...limits, signal: stop });
      return findings(summary, replayed, slowerThan);
    } finally {
      over.abort(ended);
      await watched;
    }
  } finally {
    for (const desk of Object.values(owner)) desk.stop();
  }
}

const ended = new TealError('TEAL-KERNEL-003', 'the replay has ended');

function findings(summary: CaptureSummary, replayed: Replayed, slowerThan: number): ReplayFindings {
  const { header, lastedMs, sessions, asks, dropped, leftOut, isWhole } = summary;
  const { late, statements, ...rest } = replayed;
  const mayFail = new Set([refusedWrite, ...(header.redacted ? noValue : [])]);
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
    refusedWrites: errors([refusedWrite]),
    lostToRedaction: header.redacted ? errors(noValue) : 0,
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

type Desks = Readonly<Record<Side, SideDesk>>;
const deskLimitMs = 10_000;

function ownerDesks({ spec }: LoadedSpec): Desks {
  const desk = (side: Side): SideDesk => {
    const { target, admin } = readTarget(side, spec[side].url);
    return new SideDesk(target, admin, deskLimitMs);
  };
  return { blue: desk('blue'), green: desk('green') };
}

/** Of a scratch copy, that it is neither of the sides. */
async function refuseLive(options: ReplayOptions, desks: Desks): Promise<void> {
  const { loaded, side, to } = options;
  if (to !== undefined) return refuseSides(to, desks);
  const [blue, green] = await Promise.all([desks.blue.evidence(), desks.green.evidence()]);
  const decision = decideOwner(knownOwner(loaded.stateDir) ?? beforeAnyCut, blue, green);
  if ('wait' in decision)
    throw new TealError('TEAL-APP-021', `it cannot be told who is live: ${decision.wait}`, { side });
  if (decision.go.side === side) throw new TealError('TEAL-APP-021', `${side} is live`, { side });
}

const identitySql = `select (select system_identifier::text from pg_catalog.pg_control_system()), pg_catalog.current_database()`;

async function refuseSides(to: string, desks: Desks): Promise<void> {
  const { target, admin } = readTarget('green', to);
  const scratch = new SideDesk(target, admin, deskLimitMs);
  try {
    const found = String((await scratch.ask(identitySql))[0]);
    for (const desk of Object.values(desks)) {
      if (String((await desk.ask(identitySql))[0]) !== found) continue;
      throw new TealError('TEAL-APP-021', `the database of --to is ${desk.target.side}`, { side: desk.target.side });
    }
  } finally {
    scratch.stop();
  }
}

/** Rows that a replay has locked would hold up the flow, and sequences and triggers do not roll back. */
async function refuseFollowed(url: string): Promise<void> {
  const { target, admin } = readTarget('green', url);
  const desk = new SideDesk(target, admin, deskLimitMs);
  try {
    const [row] = await desk.ask(`select pg_catalog.to_regnamespace('teal') is not null`);
    if (row?.[0] === 'f') return;
  } finally {
    desk.stop();
  }
  throw new TealError('TEAL-APP-022', 'the database has schema teal: a flow writes or reads there');
}

/** A cut that comes meanwhile ends the replay. */
async function watchOwner(options: ReplayOptions, desks: Desks, over: AbortController): Promise<void> {
  while (!over.signal.aborted && !options.signal.aborted) {
    try {
      await sleep(ownerLookMs, AbortSignal.any([over.signal, options.signal]));
      await refuseLive(options, desks);
    } catch (error) {
      if (isTealError(error, 'TEAL-KERNEL-003')) return;
      over.abort(isTealError(error) ? error : new TealError('TEAL-APP-021', describeError(error)));
    }
  }
}
