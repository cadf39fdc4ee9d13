import type { HoldResult, RouterState } from '../../../ports/router.ts';
import type { ProxyStats } from '../director.ts';

/** What several processes say of themselves, as one proxy says it. Each list has one element at least. */
export function mergeStates(states: readonly RouterState[]): RouterState {
  const [first] = states;
  if (first === undefined) throw new Error('no process has told its state');
  const isAgreed = states.every(({ pointsTo, epoch }) => pointsTo === first.pointsTo && epoch === first.epoch);
  return {
    mode: states.every(({ mode }) => mode === first.mode) ? first.mode : 'unknown',
    pointsTo: isAgreed ? first.pointsTo : 'unknown',
    epoch: Math.min(...states.map(({ epoch }) => epoch)),
    clients: sum(states.map(({ clients }) => clients)),
    inFlight: sum(states.map(({ inFlight }) => inFlight)),
    pinned: states.flatMap(({ pinned }) => pinned),
  };
}

/** Drained when all are. `waitedMs`: since the first client may have begun to wait. */
export function mergeHolds(holds: readonly HoldResult[], waitedMs: number): HoldResult {
  const undrained = holds.filter((hold) => !hold.drained);
  if (undrained.length > 0) {
    return {
      drained: false,
      inFlight: sum(undrained.map(({ inFlight }) => inFlight)),
      pinned: undrained.flatMap(({ pinned }) => pinned),
      busy: undrained.flatMap(({ busy }) => busy),
      waitedMs,
    };
  }
  return { drained: true, clients: sum(holds.map((hold) => (hold.drained ? hold.clients : 0))), waitedMs };
}

export type Counts = Pick<ProxyStats, 'queries' | 'bytesIn' | 'bytesOut'>;

export const noCounts: Counts = Object.freeze({ queries: 0, bytesIn: 0, bytesOut: 0 });

export function addCounts(a: Counts, b: Counts): Counts {
  return { queries: a.queries + b.queries, bytesIn: a.bytesIn + b.bytesIn, bytesOut: a.bytesOut + b.bytesOut };
}

const waitsAtMost = 100;

/** `before`: what processes have counted that are no more, so that no sum goes back. */
export function mergeStats(stats: readonly ProxyStats[], before: Counts): ProxyStats {
  const said = new Set(stats.flatMap(({ alarm }) => (alarm === undefined ? [] : [alarm])));
  return {
    clients: sum(stats.map(({ clients }) => clients)),
    inFlight: sum(stats.map(({ inFlight }) => inFlight)),
    ...stats.reduce(addCounts, before),
    waits: stats
      .flatMap(({ waits }) => waits)
      .toSorted((a, b) => b.waitMs - a.waitMs)
      .slice(0, waitsAtMost),
    ...(said.size === 0 ? {} : { alarm: [...said].join('; ') }),
  };
}

/** The part of the process at `place`, from 0, of what all `count` have together. */
export function shareOf(total: number, count: number, place: number): number {
  return Math.floor(total / count) + (place < total % count ? 1 : 0);
}

export interface Room {
  readonly place: number;
  /** Clients that it may have. */
  readonly share: number;
  /** Connections that it has. */
  readonly load: number;
}

/** The one with the most room; of equals the first. */
export function roomiest<T extends Room>(all: Iterable<T>): T | undefined {
  let best: T | undefined;
  for (const one of all) {
    const gain = best === undefined ? 1 : one.share - one.load - (best.share - best.load);
    if (gain > 0 || (gain === 0 && best !== undefined && one.place < best.place)) best = one;
  }
  return best;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
