import { createHash } from 'node:crypto';
import { monotonicMs, sleep } from '../../kernel/clock.ts';
import { TealError } from '../../kernel/errors.ts';
import { formatDuration } from '../../spec/units.ts';
import type { Carrier, FlowStatus } from '../../ports/carrier.ts';
import type { FenceState, FenceTold } from '../../ports/fence.ts';
import type { RouterFinding, RouterState } from '../../ports/router.ts';
import type { SchemaComparison, SchemaMark } from '../../ports/schemas.ts';
import { endOfFlow } from '../follow/follow-steps.ts';
import { flowFrom, modeIn, type Cut, type CutLimits, type CutPorts } from './cut-steps.ts';
import { ownerOf } from './decide.ts';
import { answered } from './patience.ts';
import { straysOf, straysOfTables, straysText } from './strays.ts';

/** Everything that is looked at before clients are asked to wait (correctness.md §3.2 P5). */
export interface GuardrailFacts {
  readonly router: RouterState;
  /** What the router says of its own settings; absent: nothing. */
  readonly found?: readonly RouterFinding[];
  readonly losing: FenceState;
  readonly gaining: FenceState;
  /** The flow from the losing side to the gaining one. */
  readonly onward: FlowStatus;
  /** The flow back. */
  readonly back: FlowStatus;
  /** See `CutPorts`. */
  readonly settled: number;
  /** As the gaining side's fence tells them; absent: of tables. */
  readonly strays?: NonNullable<FenceTold['strays']>;
}

/** Why a cut must not begin now; empty when it may. Pure. */
export function guardrails(cut: Cut, facts: GuardrailFacts, limits: CutLimits): readonly string[] {
  const reasons: string[] = [];
  const { router, losing, gaining, onward, back, settled, strays = straysOfTables } = facts;
  if (router.mode !== 'running') reasons.push(`the router is ${router.mode}`);
  if (router.pointsTo !== cut.from) reasons.push(`the router points to ${router.pointsTo}, not to ${cut.from}`);
  for (const { severity, what, mend } of facts.found ?? []) {
    if (severity === 'blocker') reasons.push(`${what} ${mend}`);
  }
  if (losing.fence !== 'installed') reasons.push(`the fence of ${cut.from} is ${losing.fence}, not ready to be raised`);
  if (gaining.fence !== 'raised' && gaining.fence !== 'watched')
    reasons.push(`${cut.to} takes writes of clients already (its fence is ${gaining.fence})`);
  const { owner } = ownerOf(losing, gaining);
  if (owner !== cut.from) reasons.push(`the owner rows say that ${owner} is live`);
  if (onward.now.state !== 'running') reasons.push(`the flow to ${cut.to} is ${stateText(onward)}`);
  if (modeIn(cut, onward) !== 'live') reasons.push(`the flow to ${cut.to} is in ${onward.mode}`);
  if (onward.convergesAt !== undefined)
    reasons.push(`the flow to ${cut.to} has not come to the newest snapshot of the copy (${onward.convergesAt}) yet`);
  if (onward.lagMs === undefined) reasons.push(`the lag of the flow to ${cut.to} is not measured yet`);
  else if (onward.lagMs > limits.maxPauseMs) {
    reasons.push(`the flow to ${cut.to} is ${formatDuration(onward.lagMs)} behind: more than clients may wait`);
  }
  if (back.now.state !== 'running') reasons.push(`the flow back to ${cut.from} is ${stateText(back)}`);
  if (modeIn(cut, back) !== 'shadow') reasons.push(`the flow back to ${cut.from} is ${back.mode} already`);
  const rogue = back.rogueTransactions - settled;
  if (rogue > 0) reasons.push(`${straysText(rogue, cut.to, strays)}: ${strays.mend}`);
  return reasons;
}

function stateText({ now }: FlowStatus): string {
  return 'reason' in now ? `${now.state}: ${now.reason}` : now.state;
}

/** What of a comparison a person may accept, and the name under which it is accepted: another difference has another name. */
export function acceptable(found: SchemaComparison): {
  readonly differences: readonly string[];
  readonly digest: string;
} {
  const differences = [...found.surplus, ...found.objects].sort();
  return { differences, digest: createHash('sha256').update(differences.join('\n')).digest('hex').slice(0, 12) };
}

/** Throws TEAL-STAGES-108. What rows need, and rows that no flow carries, cannot be accepted. */
export function checkSchemas(found: SchemaComparison, accepted: (digest: string) => boolean): void {
  const { differences, digest } = acceptable(found);
  const hard = [...found.unmoved, ...found.lacking];
  if (hard.length === 0 && (differences.length === 0 || accepted(digest))) return;
  const all = [...hard, ...differences];
  const more = all.length > 10 ? `; and ${all.length - 10} more` : '';
  const mayAccept = hard.length === 0 ? ` (to accept: --accept-schema ${digest})` : '';
  throw new TealError('TEAL-STAGES-108', `${all.slice(0, 10).join('; ')}${more}${mayAccept}`, {
    differences: all.slice(0, 100),
    ...(hard.length === 0 ? { digest } : {}),
  });
}

/**
 * Looks, and throws TEAL-STAGES-107 with every reason at once, or TEAL-STAGES-108 when all but the schemas is ready; a flow that can never go on is told first, by its
 * own code. Changes nothing. Answers what the losing side's schema was when it was compared.
 */
export async function checkGuardrails(
  cut: Cut,
  ports: CutPorts,
  limits: CutLimits,
  accepted: (digest: string) => boolean,
): Promise<SchemaMark> {
  const [router, found, losing, gaining, onward, back] = await Promise.all([
    ports.router.read(),
    ports.router.check?.() ?? [],
    answered(`a look at the fence of ${cut.from}`, async (signal) => ports.fences[cut.from].probe(signal)),
    answered(`a look at the fence of ${cut.to}`, async (signal) => ports.fences[cut.to].probe(signal)),
    ports.carrier.status(flowFrom(cut.from)),
    ports.carrier.status(flowFrom(cut.to)),
    // What is asked again while clients wait has been asked of these sessions once.
    answered('a look at the sequences', async (signal) => ports.sequences?.behind(cut.from, cut.to, signal)),
  ]);
  const strays = straysOf(ports.fences[cut.to], cut.to, limits.lockTimeoutMs);
  const facts = { router, found, losing, gaining, onward, back, settled: ports.settled(cut.to), strays };
  const reasons = guardrails(cut, facts, limits);
  const ended = [onward, back].map(({ flow, now }) => endOfFlow(flow, now)).find((error) => error !== undefined);
  if (ended !== undefined) throw ended;
  if (reasons.length > 0) throw notReady(reasons);
  const compared = await ports.schemas.compare(cut.from);
  if (compared.refused.length > 0) throw notReady(compared.refused);
  checkSchemas(compared, accepted);
  return compared.mark;
}

function notReady(reasons: readonly string[]): TealError {
  const more = reasons.length > 10 ? `; and ${reasons.length - 10} more` : '';
  return new TealError('TEAL-STAGES-107', `${reasons.slice(0, 10).join('; ')}${more}`, {
    reasons: reasons.slice(0, 100),
  });
}

const catchUpMs = 60_000;

/**
 * Waits, for a bounded time, until the flow is close enough behind for a short cut, and live: what was just compared or asked may have held it up, and of a cut that was just taken back it may not have
 * heard yet that its source is open again. That it is, the guardrails look at afterwards.
 */
export async function letCatchUp(cut: Cut, carrier: Carrier, limits: CutLimits, signal: AbortSignal): Promise<void> {
  const wanted = limits.maxPauseMs / 3;
  const deadline = monotonicMs() + catchUpMs;
  while (monotonicMs() < deadline) {
    const status = await carrier.status(flowFrom(cut.from));
    const { lagMs, now } = status;
    if (now.state !== 'running') return;
    if (lagMs !== undefined && lagMs <= wanted && modeIn(cut, status) === 'live') return;
    await sleep(200, signal);
  }
}
