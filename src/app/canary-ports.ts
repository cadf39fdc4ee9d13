import { dirname, resolve } from 'node:path';
import { TealError } from '../kernel/errors.ts';
import type { Carrier } from '../ports/carrier.ts';
import type { CanaryPorts } from '../stages/canary/canary-steps.ts';
import { bringHome } from '../stages/canary/tenant-move.ts';
import { forgetOrder, readOrder } from './canary-order.ts';
import type { Comparison } from './comparison.ts';
import type { ConnectedRouter } from './connected-router.ts';
import { revertOnOf } from './gates-of.ts';
import type { LoadedSpec } from './load-spec.ts';
import type { Pair } from './pair.ts';

/** What a canary of a migration is made of. */
export interface CanaryParts {
  readonly loaded: LoadedSpec;
  readonly pair: Pair;
  readonly connected: Pick<ConnectedRouter, 'canary' | 'tenants'>;
  readonly carrier: Carrier;
  readonly comparison: () => Comparison;
}

/** Undefined where no proxy can move reads. */
export function canaryPorts(parts: CanaryParts): CanaryPorts | undefined {
  const { loaded, pair, connected } = parts;
  if (connected.canary === undefined) return undefined;
  const tenants = tenantPorts(parts);
  const { spec, file, stateDir } = loaded;
  return {
    reads: connected.canary,
    questions: revertOnOf(spec, { folder: dirname(resolve(file)), stateDir, ask: pair.ask }),
    order: () => readOrder(stateDir),
    obeyed: () => forgetOrder(stateDir),
    ...(tenants === undefined ? {} : { tenants }),
  };
}

function tenantPorts({ loaded, pair, connected, carrier, comparison }: CanaryParts): CanaryPorts['tenants'] {
  const [gates, sessions] = [pair.tenants, connected.tenants];
  if (gates === undefined || sessions === undefined) return undefined;
  return { gates, sessions, carrier, settled: () => comparison().settled('green'), limits: loaded.spec.cutover };
}

/** Those that a canary has left on green, whether the file still has one or not: what they wrote there is nowhere else. `startFlows`: it comes back by these. */
export async function bringTenantsHome(
  parts: CanaryParts,
  startFlows: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const away = (await parts.pair.tenants?.state(signal))?.away;
  if (away === undefined) return;
  const ports = tenantPorts(parts);
  if (ports === undefined) throw new TealError('TEAL-TRAFFIC-081', 'no proxy moves the tenants that are on green');
  await startFlows();
  await bringHome(away.run, ports, ports.limits, signal);
}

/** TEAL-STAGES-186. Of tenants that are on green blue has only what has come back: a comparison would find their newest rows, and a repair would take them away. */
export async function refuseWhileAway({ tenants }: Pick<Pair, 'tenants'>, signal: AbortSignal): Promise<void> {
  const away = (await tenants?.state(signal))?.away;
  if (away !== undefined) throw new TealError('TEAL-STAGES-186', `tenants ${away.tenants.slice(0, 10).join(', ')}`);
}
