import { isTealError } from '../kernel/errors.ts';
import { isWritten } from '../journal/journal.ts';
import type { Side } from '../model/catalog.ts';
import type { CanaryTally } from '../ports/canary.ts';
import { slowerOf } from '../stages/canary/judge.ts';
import { ProxyRouter } from '../traffic/proxy/client.ts';
import type { TenancyTally } from '../traffic/proxy/tenants/tenancy.ts';
import { latencyOf, type SideLatency } from './read-shadow.ts';
import { readOrder } from './canary-order.ts';
import { controlPath } from './control-path.ts';
import type { LoadedSpec } from './load-spec.ts';

export interface CanaryFindings extends Omit<CanaryTally, 'statements'> {
  /** Where tenants of the canary are, and how many sessions they have. `judged`: a command runs that looks after them. */
  readonly tenants?: {
    readonly side: Side;
    readonly holding: boolean;
    readonly sessions: number;
    readonly judged: boolean;
  };
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

/** What green answers of what clients read; undefined where the file asks for none and no tenant is away, or no proxy answers. */
export async function readCanary(loaded: LoadedSpec): Promise<CanaryFindings | undefined> {
  const { spec, stateDir } = loaded;
  if (spec.canary === undefined && spec.traffic.router !== 'proxy') return undefined;
  try {
    const router = new ProxyRouter(controlPath(stateDir, 'proxy'));
    const tenants = await tenantsTold(router, loaded);
    if (spec.canary === undefined && tenants === undefined) return undefined;
    const found = canaryFindings(await router.canary.tally(), readOrder(stateDir) === 'pause');
    return tenants === undefined ? found : { ...found, tenants };
  } catch (error) {
    if (isTealError(error, 'TEAL-TRAFFIC-005')) return undefined;
    throw error;
  }
}

/** Those that are away also where the file has none any more. */
async function tenantsTold(
  router: ProxyRouter,
  { spec, journal }: LoadedSpec,
): Promise<CanaryFindings['tenants'] | undefined> {
  const { side, holding, sessions } = await router.tenants.tally().catch(noTenants);
  if (spec.canary?.writes === undefined && side === 'blue' && !holding) return undefined;
  return { side, holding, sessions, judged: isWritten(journal) };
}

/** This proxy moves none. */
function noTenants(error: unknown): Pick<TenancyTally, 'side' | 'holding' | 'sessions'> {
  if (!isTealError(error, 'TEAL-TRAFFIC-081')) throw error;
  return { side: 'blue', holding: false, sessions: 0 };
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
