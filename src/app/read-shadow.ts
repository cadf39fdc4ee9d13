import { isTealError } from '../kernel/errors.ts';
import { percentileMs, type Latencies } from '../model/latencies.ts';
import { countsOf, type ShadowTally, type StatementTally, type Tally } from '../ports/shadow.ts';
import { ProxyRouter } from '../traffic/proxy/client.ts';
import { controlPath } from './control-path.ts';
import type { LoadedSpec } from './load-spec.ts';

export interface SideLatency {
  readonly p50Ms?: number;
  readonly p95Ms?: number;
  readonly p99Ms?: number;
}

export interface StatementFindings extends Omit<StatementTally, 'latencies'> {
  readonly blue: SideLatency;
  readonly green: SideLatency;
  /** Green takes at least twice as long for one read in twenty, and a millisecond more. */
  readonly slower: boolean;
}

export interface Findings extends Omit<Tally, 'statements'> {
  /** Real differences first. */
  readonly statements: readonly StatementFindings[];
}

export interface ShadowFindings extends Findings, Pick<ShadowTally, 'watchedMs' | 'sessionsLeftOut' | 'scratch'> {
  readonly writes: Findings;
}

/** What shadow reads and writes have found; undefined where the file asks for none, or no proxy answers. */
export async function readShadow({ spec, stateDir }: LoadedSpec): Promise<ShadowFindings | undefined> {
  if (spec.shadow === undefined) return undefined;
  try {
    return findingsOf(await new ProxyRouter(controlPath(stateDir, 'proxy')).shadow.tally());
  } catch (error) {
    if (isTealError(error, 'TEAL-TRAFFIC-005')) return undefined;
    throw error;
  }
}

export function findingsOf(tally: ShadowTally): ShadowFindings {
  const { watchedMs, sessionsLeftOut, scratch, writes } = tally;
  const where = scratch === undefined ? {} : { scratch };
  return { ...findingsOfKind(tally), watchedMs, sessionsLeftOut, ...where, writes: findingsOfKind(writes) };
}

function findingsOfKind(tally: Tally): Findings {
  const { share, shed, skipped } = tally;
  return {
    ...countsOf(tally),
    share,
    shed,
    skipped,
    statements: tally.statements.map(({ latencies, ...statement }) => {
      const [blue, green] = [latencyOf(latencies.blue), latencyOf(latencies.green)];
      const [here, there] = [blue.p95Ms ?? 0, green.p95Ms ?? 0];
      const seen = Object.values(latencies.green).reduce((sum, count) => sum + count, 0);
      return { ...statement, blue, green, slower: seen >= comparedAtLeast && there > 2 * here && there - here > 1 };
    }),
  };
}

const comparedAtLeast = 20;

/** In milliseconds; nothing where nothing was measured. */
export function latencyOf(counts: Latencies): SideLatency {
  const tell = (share: number): number | undefined => {
    const ms = percentileMs(counts, share);
    return ms === undefined ? undefined : Number(ms.toPrecision(3));
  };
  const [p50Ms, p95Ms, p99Ms] = [tell(0.5), tell(0.95), tell(0.99)];
  if (p50Ms === undefined || p95Ms === undefined || p99Ms === undefined) return {};
  return { p50Ms, p95Ms, p99Ms };
}
