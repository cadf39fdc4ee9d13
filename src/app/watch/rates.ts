import type { Side } from '../../model/catalog.ts';
import { percentileMs } from '../../model/latencies.ts';
import { failureShare, servedSince, type Served } from '../../model/served.ts';
import type { FlowStatus } from '../../ports/carrier.ts';
import type { VitalCounters, Vitals } from '../../ports/vitals.ts';
import type { MinuteValues, Role } from '../../observe/vitals/series.ts';

/** What was seen at one moment; what did not answer is absent. */
export interface Look {
  readonly atMs: number;
  readonly live: Side;
  readonly sides: Readonly<Partial<Record<Side, Vitals>>>;
  /** The flow from the live side. */
  readonly flow?: Pick<FlowStatus, 'lagMs' | 'changes'>;
  /** What clients have met on the live side since the proxy began. */
  readonly clients?: Served;
}

/** The values of series between two looks, the later one's gauges among them. Pure. */
export function valuesBetween(earlier: Look, later: Look): MinuteValues {
  const seconds = (later.atMs - earlier.atMs) / 1_000;
  if (!(seconds > 0)) return {};
  // What flows and what clients meet is counted of the live side: of another one between two looks.
  const isSame = earlier.live === later.live;
  return {
    ...sideValues('blue', earlier, later, seconds),
    ...sideValues('green', earlier, later, seconds),
    ...flowValues(isSame ? earlier.flow : undefined, later.flow, seconds),
    ...clientValues(isSame ? earlier.clients : undefined, later.clients, seconds),
  };
}

function sideValues(side: Side, earlier: Look, later: Look, seconds: number): MinuteValues {
  const role: Role = side === later.live ? 'live' : 'other';
  const [before, now] = [earlier.sides[side], later.sides[side]];
  const values = { ...gaugesOf(now), ...ratesOf(before, now, seconds) };
  return {
    ...Object.fromEntries(Object.entries(values).map(([name, value]) => [`${role}.${name}`, value])),
    ...Object.fromEntries(Object.entries(growing(now)).map(([name, value]) => [`${side}.${name}`, value])),
  };
}

/** Absent values are left out. */
function present(values: Readonly<Record<string, number | undefined>>): MinuteValues {
  return Object.fromEntries(
    Object.entries(values).filter(
      (entry): entry is [string, number] => entry[1] !== undefined && Number.isFinite(entry[1]),
    ),
  );
}

/** What may be used up, by side and not by role: a disk is a server's. */
function growing(vitals: Vitals | undefined): MinuteValues {
  const { connections, databaseBytes, retainedLogBytes, transactionAge } = vitals?.gauges ?? {};
  return present({ connections, databaseBytes, retainedLogBytes, transactionAge });
}

function gaugesOf(vitals: Vitals | undefined): MinuteValues {
  const { connections, active, lockWaits, longestTransactionSeconds, deadShare, retainedLogBytes } =
    vitals?.gauges ?? {};
  return present({
    connections,
    active,
    lockWaits,
    longestTransaction: longestTransactionSeconds,
    deadShare,
    retainedLog: retainedLogBytes,
  });
}

/** A counter that is less than it was began anew: a server that was restarted. */
function ratesOf(before: Vitals | undefined, now: Vitals | undefined, seconds: number): MinuteValues {
  const since = (name: keyof VitalCounters): number | undefined => {
    const [from, to] = [before?.counters[name], now?.counters[name]];
    return from === undefined || to === undefined || to < from ? undefined : to - from;
  };
  const perSecond = (name: keyof VitalCounters): number | undefined => {
    const difference = since(name);
    return difference === undefined ? undefined : difference / seconds;
  };
  const deadlocks = since('deadlocks');
  return present({
    commits: perSecond('commits'),
    rollbackShare: shareOf(since('rollbacks'), since('commits'), 10),
    ...(deadlocks === undefined ? {} : { deadlocks: (deadlocks * 60) / seconds }),
    temporaryBytes: perSecond('temporaryBytes'),
    logBytes: perSecond('logBytes'),
    cacheHitShare: shareOf(since('cacheHits'), since('cacheMisses'), 1_000),
  });
}

/** Of few nothing is said: one in two is no half. */
function shareOf(part: number | undefined, rest: number | undefined, least: number): number | undefined {
  if (part === undefined || rest === undefined || part + rest < least) return undefined;
  return part / (part + rest);
}

function flowValues(earlier: Look['flow'], later: Look['flow'], seconds: number): MinuteValues {
  const changes =
    earlier === undefined || later === undefined || later.changes < earlier.changes
      ? undefined
      : (later.changes - earlier.changes) / seconds;
  return present({ 'flow.lag': later?.lagMs, 'flow.changes': changes });
}

function clientValues(earlier: Served | undefined, later: Served | undefined, seconds: number): MinuteValues {
  const served = earlier === undefined || later === undefined ? undefined : servedSince(later, earlier);
  if (served === undefined) return {};
  const isMany = served.answers >= 20;
  return present({
    'clients.answers': served.answers / seconds,
    ...(isMany
      ? { 'clients.failureShare': failureShare(served), 'clients.p95': percentileMs(served.latencies, 0.95) }
      : {}),
  });
}

/** Of several looks within a minute: the mean of each series. */
export function meanOf(all: readonly MinuteValues[]): MinuteValues {
  const names = new Set(all.flatMap((values) => Object.keys(values)));
  return present(
    Object.fromEntries(
      [...names].map((name) => {
        const values = all.flatMap(({ [name]: value }) => (value === undefined ? [] : [value]));
        return [name, values.reduce((sum, value) => sum + value, 0) / values.length];
      }),
    ),
  );
}
