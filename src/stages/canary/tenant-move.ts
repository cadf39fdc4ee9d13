import { monotonicMs, sleep, waitFor, within } from '../../kernel/clock.ts';
import { isTealError, TealError } from '../../kernel/errors.ts';
import { failpoint } from '../../kernel/failpoints.ts';
import type { Carrier, Flow, FlowStatus } from '../../ports/carrier.ts';
import type { HoldResult, PinnedSession } from '../../ports/router.ts';
import type { CloseOptions, LentTenants, TenantGates } from '../../ports/tenants.ts';
import { endOfFlow } from '../follow/follow-steps.ts';

export interface TenantHold {
  /** Past it the router looks itself where their rows are taken. */
  readonly leaseMs: number;
  readonly drainMs: number;
  /** Those that are in a transaction at the end of `drainMs`, or cannot move, are no reason to let the others go. */
  readonly anyway: boolean;
}

/** Sessions of tenants, as the router has them. */
export interface TenantSessions {
  /** Holds those of these tenants, whether they come now or later, and makes them ready for the other side. */
  hold(lent: LentTenants, limits: TenantHold): Promise<HoldResult>;
  /** Reads on both sides where their rows are taken, and lets them go on there. Errors: TEAL-TRAFFIC-080 where neither takes them: they wait on. */
  settle(): Promise<void>;
}

export interface TenantMovePorts {
  readonly gates: TenantGates;
  readonly sessions: TenantSessions;
  readonly carrier: Carrier;
  /** Transactions on green that are not Teal's and were there when the sides were last found equal. */
  readonly settled: () => number;
}

export interface TenantLimits {
  /** How long the clients of the tenants may wait in one move. */
  readonly maxPauseMs: number;
  readonly drainMs: number;
  readonly lockTimeoutMs: number;
}

/** Before anybody waits. */
const readyMs = 60_000;
const lookAgainMs = 250;
/** After the decision nobody waits for it but this command. */
const flowBackMs = 60_000;
/** For what was begun and is not decided. */
const homeMs = 60_000;
/** Of closing green, while somebody writes there for longer than a lock is waited for. */
const attempts = 5;

/**
 * Moves the tenants to green: holds their clients, closes their rows on blue, waits until all that they have written is on green, opens them there. Until they are opened every failure leads home again.
 * Errors: TEAL-STAGES-180 not now, -181 sessions that cannot go or do not end, -182 too long, those of the gates and of the router.
 */
export async function lend(
  lent: LentTenants,
  ports: TenantMovePorts,
  limits: TenantLimits,
  signal: AbortSignal,
): Promise<void> {
  const { gates, sessions, carrier } = ports;
  await requireReady(ports, limits, signal);
  const begun = monotonicMs();
  // The router lets nobody go before this has given up.
  const held = await sessions.hold(lent, { leaseMs: 2 * limits.maxPauseMs, drainMs: limits.drainMs, anyway: false });
  if (!held.drained) throw notDrained(held);
  try {
    await withinPause(limits.maxPauseMs - (monotonicMs() - begun), signal, async (bounded) => {
      failpoint('tenants.held');
      await gates.closeBlue(lent, closing(limits, bounded));
      failpoint('tenants.blue.closed');
      await untilArrived('lend', 'forward', lent.run, ports, bounded);
      await gates.partSequences(bounded);
      const back = await carrier.caughtUp('reverse', bounded);
      refuseUnready(reasonsOfBack(back, ports.settled()));
      failpoint('tenants.before-decision');
      await gates.openGreen(lent, bounded);
    });
  } catch (error) {
    // Also where this command was told to end: their clients wait.
    await bringHome(lent.run, ports, limits, AbortSignal.timeout(homeMs));
    throw error;
  }
  failpoint('tenants.decided');
  await sessions.settle();
  await untilLive(carrier, signal);
}

/**
 * Brings the tenants of a run home, from wherever it has come: holds their clients, closes their rows on green, waits until all that they have written there is on blue, opens them on blue. Where green never
 * took any there is nothing to wait for. May be repeated. Errors: TEAL-STAGES-183 the flow back does not run, and they stay, those of the gates and of the router.
 */
export async function bringHome(
  run: string,
  ports: TenantMovePorts,
  limits: TenantLimits,
  signal: AbortSignal,
): Promise<void> {
  const { gates, sessions } = ports;
  await requireWayBack(ports, signal);
  const wasLent = await closeGreen(run, ports, limits, signal);
  failpoint('tenants.green.closed');
  if (wasLent) {
    await untilArrived('recalled', 'reverse', run, ports, signal);
    await gates.joinSequences(signal);
  }
  failpoint('tenants.before-home');
  await gates.openBlue(run, signal);
  await sessions.settle();
}

/** While green takes their rows nobody waits: what they write there must be able to come back before it is closed. */
async function requireWayBack({ gates, carrier }: TenantMovePorts, signal: AbortSignal): Promise<void> {
  if ((await gates.state(signal)).openForMs === undefined) return;
  const untilMs = monotonicMs() + readyMs;
  let { now } = await carrier.caughtUp('reverse', signal);
  // It may have been started a moment ago.
  while (now.state === 'waiting' && monotonicMs() < untilMs) {
    await sleep(lookAgainMs, signal);
    ({ now } = await carrier.status('reverse'));
  }
  if (now.state === 'running') return;
  const why = 'reason' in now ? `${now.state}: ${now.reason}` : now.state;
  throw new TealError('TEAL-STAGES-183', `the flow back is ${why}; the tenants stay on green`, { state: now.state });
}

/** Their clients are held, and go on where they were while a lock was not had. A transaction that does not end meets the gate, and is its client's to repeat. */
async function closeGreen(
  run: string,
  { gates, sessions }: TenantMovePorts,
  limits: TenantLimits,
  signal: AbortSignal,
): Promise<boolean> {
  const { away } = await gates.state(signal);
  for (let attempt = 1; ; attempt += 1) {
    if (away !== undefined) {
      await sessions.hold(away, { leaseMs: limits.maxPauseMs, drainMs: limits.drainMs, anyway: true });
    }
    failpoint('tenants.home.held');
    try {
      return await gates.closeGreen(run, closing(limits, signal));
    } catch (error) {
      if (!isTealError(error, 'TEAL-SYSTEMS-008')) throw error;
      await sessions.settle();
      if (attempt === attempts) throw error;
    }
  }
}

function closing({ lockTimeoutMs }: TenantLimits, signal: AbortSignal): CloseOptions {
  return { lockTimeoutMs, signal };
}

async function withinPause(
  leftMs: number,
  signal: AbortSignal,
  work: (bounded: AbortSignal) => Promise<void>,
): Promise<void> {
  const late = (): TealError => new TealError('TEAL-STAGES-182', 'their clients waited for as long as they may');
  await within(Math.max(1, leftMs), late, async (over) => work(AbortSignal.any([signal, over])));
}

async function untilArrived(
  token: 'lend' | 'recalled',
  flow: Flow,
  run: string,
  { gates, carrier }: TenantMovePorts,
  signal: AbortSignal,
): Promise<void> {
  const what = `the token of ${run} to come through the ${flow} flow`;
  await waitFor({ what, timeoutMs: Number.POSITIVE_INFINITY, everyMs: 5, signal }, async () => {
    if (await gates.hasArrived(token, run, signal)) return true;
    const { now } = await carrier.status(flow);
    const end = endOfFlow(flow, now);
    if (end !== undefined) throw end;
    return undefined;
  });
}

async function untilLive(carrier: Carrier, signal: AbortSignal): Promise<void> {
  const what = 'the flow back to carry what the tenants write';
  await waitFor({ what, timeoutMs: flowBackMs, signal }, async () => {
    const { mode, now } = await carrier.caughtUp('reverse', signal);
    return mode === 'live' && now.state === 'running' ? true : undefined;
  });
}

/** A flow may have been started a moment ago, or be trying again by itself. */
async function requireReady(ports: TenantMovePorts, limits: TenantLimits, signal: AbortSignal): Promise<void> {
  const untilMs = monotonicMs() + readyMs;
  for (;;) {
    const reasons = await reasonsAgainst(ports, limits, signal);
    if (reasons.length === 0 || monotonicMs() >= untilMs) return refuseUnready(reasons);
    await sleep(lookAgainMs, signal);
  }
}

async function reasonsAgainst(
  { carrier, settled }: TenantMovePorts,
  limits: TenantLimits,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const [onward, back] = await Promise.all([carrier.status('forward'), carrier.caughtUp('reverse', signal)]);
  return [...reasonsOfOnward(onward, limits), ...reasonsOfBack(back, settled())];
}

function reasonsOfOnward({ now, convergesAt, lagMs }: FlowStatus, { maxPauseMs }: TenantLimits): readonly string[] {
  return [
    ...(now.state === 'running' ? [] : [`the flow to green is ${now.state}`]),
    ...(convergesAt === undefined ? [] : ['the flow to green has not come to the newest snapshot of the copy']),
    ...(lagMs === undefined ? ['the lag of the flow to green is not measured yet'] : []),
    ...(lagMs !== undefined && lagMs > maxPauseMs
      ? ['the flow to green is behind for longer than clients may wait']
      : []),
  ];
}

function reasonsOfBack({ now, mode, rogueTransactions }: FlowStatus, settled: number): readonly string[] {
  const rogue = rogueTransactions - settled;
  return [
    ...(now.state === 'running' ? [] : [`the flow back to blue is ${now.state}`]),
    ...(mode === 'shadow' ? [] : ['the flow back to blue carries already']),
    ...(rogue > 0 ? [`${rogue} transactions on green are not Teal's (teal verify)`] : []),
  ];
}

function refuseUnready(reasons: readonly string[]): void {
  if (reasons.length > 0) throw new TealError('TEAL-STAGES-180', reasons.join('; '), { reasons: [...reasons] });
}

function notDrained({ pinned, busy }: Extract<HoldResult, { drained: false }>): TealError {
  const named = [...pinned, ...busy].slice(0, 10).map(({ client, reason }: PinnedSession) => `${client}: ${reason}`);
  return new TealError('TEAL-STAGES-181', named.join('; '), {
    pinned: pinned.length,
    busy: busy.length,
    sessions: named,
  });
}
