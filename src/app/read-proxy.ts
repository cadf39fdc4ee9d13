import { isTealError } from '../kernel/errors.ts';
import type { Served } from '../model/served.ts';
import type { RouterState } from '../ports/router.ts';
import { ProxyRouter } from '../traffic/proxy/client.ts';
import type { ProxyStats } from '../traffic/proxy/director.ts';
import { controlPath } from './control-path.ts';
import type { LoadedSpec } from './load-spec.ts';

export interface ProxyLook {
  readonly state: RouterState;
  readonly stats: ProxyStats;
}

/** What the proxy of a migration says of itself; undefined where none answers, or the file has none. Asks no backend anything, unlike `proxyStatus`. */
export async function readProxy({ spec, stateDir }: LoadedSpec): Promise<ProxyLook | undefined> {
  if (spec.traffic.router === 'none') return undefined;
  const router = new ProxyRouter(controlPath(stateDir, 'proxy'));
  try {
    const [state, stats] = await Promise.all([router.read(), router.stats()]);
    return { state, stats };
  } catch (error) {
    if (isTealError(error, 'TEAL-TRAFFIC-005')) return undefined;
    throw error;
  }
}

/** What clients have met on green since the proxy began; undefined where none answers. */
export async function servedByGreen({ stateDir }: LoadedSpec): Promise<Served | undefined> {
  try {
    return (await new ProxyRouter(controlPath(stateDir, 'proxy')).figures()).green;
  } catch (error) {
    if (isTealError(error, 'TEAL-TRAFFIC-005')) return undefined;
    throw error;
  }
}
