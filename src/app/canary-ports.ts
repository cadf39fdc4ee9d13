import { dirname, resolve } from 'node:path';
import { TealError } from '../kernel/errors.ts';
import type { Carrier } from '../ports/carrier.ts';
import type { LentTenants } from '../ports/tenants.ts';
import type { CanaryPorts } from '../stages/canary/canary-steps.ts';
import { bringHome, type TenantSessions } from '../stages/canary/tenant-move.ts';
import { forgetOrder, readOrder } from './canary-order.ts';
import type { Comparison } from './comparison.ts';
import type { ConnectedRouter } from './connected-router.ts';
import { revertOnOf } from './gates-of.ts';
import type { LoadedSpec } from './load-spec.ts';
import type { Outcome } from './events.ts';
import type { Pair } from './pair.ts';
import type { LeftMark, Mark } from './supervision.ts';

/** What a canary of a migration is made of. */
export interface CanaryParts {
  readonly loaded: LoadedSpec;
  readonly pair: Pair;
  readonly connected: Pick<ConnectedRouter, 'canary' | 'tenants'>;
  readonly carrier: Carrier;
  readonly comparison: () => Comparison;
  /** Clients of tenants are held by this controller: should it die, somebody else is to end that. */
  readonly holding: LeftMark;
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

function tenantPorts({ loaded, pair, connected, carrier, comparison, holding }: CanaryParts): CanaryPorts['tenants'] {
  const [gates, sessions] = [pair.tenants, connected.tenants];
  if (gates === undefined || sessions === undefined) return undefined;
  return {
    gates,
    sessions: marked(sessions, holding),
    carrier,
    settled: () => comparison().settled('green'),
    limits: loaded.spec.cutover,
  };
}

/** From before their clients wait until they go on. */
function marked(sessions: TenantSessions, holding: Mark): TenantSessions {
  return {
    hold: async (lent, limits) => {
      await holding.mark();
      const held = await sessions.hold(lent, limits);
      if (!held.drained && !limits.anyway) await holding.unmark();
      return held;
    },
    settle: async () => {
      await sessions.settle();
      await holding.unmark();
    },
  };
}

/** Those that a canary has left on green, whether the file still has one or not: what they wrote there is nowhere else. `startFlows`: it comes back by these. */
export async function bringTenantsHome(
  parts: CanaryParts,
  startFlows: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const away = await tenantsAway(parts.pair, signal);
  if (away === undefined) return letGo(parts);
  const ports = tenantPorts(parts);
  if (ports === undefined) throw new TealError('TEAL-TRAFFIC-081', 'no proxy moves the tenants that are on green');
  await startFlows();
  await bringHome(away.run, ports, ports.limits, signal);
}

/** Who held their clients has died before anything was closed, or when all was over. */
async function letGo({ connected, holding }: CanaryParts): Promise<void> {
  if (!(await holding.isMarked())) return;
  await connected.tenants?.settle();
  await holding.unmark();
}

/** TEAL-STAGES-186. Of tenants that are on green blue has only what has come back: a comparison would find their newest rows, and a repair would take them away. */
export async function refuseWhileAway(pair: Pick<Pair, 'tenants'>, signal: AbortSignal): Promise<void> {
  const away = await tenantsAway(pair, signal);
  if (away !== undefined) throw new TealError('TEAL-STAGES-186', `tenants ${away.tenants.slice(0, 10).join(', ')}`);
}

/** Why there is no cut, no way back and no end now; undefined where all tenants are at home. */
export async function whileAway(pair: Pick<Pair, 'tenants'>, signal: AbortSignal): Promise<Outcome | undefined> {
  const away = await tenantsAway(pair, signal);
  if (away === undefined) return undefined;
  const named = away.tenants.slice(0, 10).join(', ');
  const what = `tenants ${named} are on green, and everybody else on blue: \`teal up\` brings them home when the canary is over, and at once where \`teal canary abort\` was run before`;
  return { outcome: 'no', live: 'blue', what, next: ['teal up', 'teal canary abort'] };
}

async function tenantsAway({ tenants }: Pick<Pair, 'tenants'>, signal: AbortSignal): Promise<LentTenants | undefined> {
  return (await tenants?.state(signal))?.away;
}
