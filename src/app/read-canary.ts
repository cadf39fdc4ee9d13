import { isTealError } from '../kernel/errors.ts';
import type { Side } from '../model/catalog.ts';
import type { CanaryTally } from '../ports/canary.ts';
import { slowerOf } from '../stages/canary/judge.ts';
import { ProxyRouter } from '../traffic/proxy/client.ts';
import { latencyOf, type SideLatency } from './read-shadow.ts';
import { readOrder } from './canary-order.ts';
import { controlPath } from './control-path.ts';
import type { LoadedSpec } from './load-spec.ts';

export interface CanaryFindings extends Omit<CanaryTally, 'statements'> {
  /** Where tenants of the file are, and how many sessions they have. */
  readonly tenants?: { readonly side: Side; readonly holding: boolean; readonly sessions: number };
  /** A person has paused it. */
  readonly paused: boolean;
  readonly statements: readonly {
    readonly statement: string;
    readonly blue: SideLatency;
    readonly green: SideLatency;
    readonly errors: number;
    readonly lastError?: string;
    readonly unanswered: number;
    /** What says that green is slower, where it is. */
    readonly slower?: string;
  }[];
}

/** What green answers of what clients read; undefined where the file asks for none, or no proxy answers. */
export async function readCanary({ spec, stateDir }: LoadedSpec): Promise<CanaryFindings | undefined> {
  if (spec.canary === undefined) return undefined;
  try {
    const router = new ProxyRouter(controlPath(stateDir, 'proxy'));
    const found = canaryFindings(await router.canary.tally(), readOrder(stateDir) === 'pause');
    return spec.canary.writes === undefined ? found : { ...found, tenants: await router.tenants.tally() };
  } catch (error) {
    if (isTealError(error, 'TEAL-TRAFFIC-005')) return undefined;
    throw error;
  }
}

/** Those that failed first. */
export function canaryFindings(tally: CanaryTally, paused: boolean): CanaryFindings {
  const slower = new Map(slowerOf(tally).map(({ statement, evidence }) => [statement, evidence]));
  const statements = tally.statements.map(({ blue, green, ...rest }) => {
    const evidence = slower.get(rest.statement);
    const found = evidence === undefined ? {} : { slower: evidence };
    return { ...rest, blue: latencyOf(blue), green: latencyOf(green), ...found };
  });
  const failures = (it: (typeof statements)[number]): number => it.errors + it.unanswered;
  return { ...tally, paused, statements: statements.toSorted((a, b) => failures(b) - failures(a)) };
}
