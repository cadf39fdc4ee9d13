import { monotonicMs, nowMs, sleep } from '../../kernel/clock.ts';
import { describeError, TealError } from '../../kernel/errors.ts';
import { failpoint } from '../../kernel/failpoints.ts';
import type { Gate } from '../../ports/gate.ts';
import type { Probed, Step, StepContext } from '../../ports/step.ts';
import type { CanarySpec, TenantsSpec } from '../../spec/spec.ts';
import { formatDuration } from '../../spec/units.ts';
import { reasonOf } from '../soak/health.ts';
import { Questions } from './questions.ts';
import { bringHome, lend, type TenantLimits, type TenantMovePorts } from './tenant-move.ts';

/** What a person has said meanwhile, in another process. */
export type CanaryOrder = 'pause' | 'abort';

export interface TenantPorts extends TenantMovePorts {
  readonly questions: readonly Gate[];
  readonly order: () => CanaryOrder | undefined;
  readonly obeyed: () => void;
  readonly limits: TenantLimits;
}

const lookEveryMs = 1_000;
/** A flow that tries again by itself is not at its end. */
const flowPatienceMs = 30_000;
/** Asks of every sequence of blue. */
const sequencesEveryMs = 2_000;
const sequencesUsedAtMost = 0.75;
const moveLocks = 'SHARE ROW EXCLUSIVE on the tables of tenants for some milliseconds';

/** Some tenants live on green for a time, and come home before the gates of the cut are asked. */
export function tenantSteps(spec: CanarySpec, writes: TenantsSpec, ports: TenantPorts): readonly Step[] {
  const { gates } = ports;
  // A time in which nobody looked is none: it begins anew with each command.
  let isHeld = false;
  return [
    {
      id: 'canary:tenants:gates',
      does: `puts a trigger on each table with ${writes.by} on both sides that does nothing until tenants move; refuses what spans tenants`,
      locks: 'SHARE ROW EXCLUSIVE on one table at a time for a moment; waits at most 500 ms a try',
      costs:
        'some microseconds for each row that is written; reads both tables of each foreign key between rows of tenants that does not name the tenant',
      undone: 'the triggers are dropped',
      probe: async () => ((await gates.isInstalled()) ? done('on every table') : notDone),
      act: async () => gates.install(),
      undo: async () => gates.remove(),
    },
    {
      id: 'canary:tenants:hold',
      does: `has tenants ${writes.tenants.join(', ')} live on green, reads and writes, for ${formatDuration(writes.holdMs)}: holds their sessions, closes their rows on blue, waits until all of it is on green, opens them there; green's changes of these rows go to blue, blue's of all others to green`,
      locks: `${moveLocks}, on blue as they go, on green as they come home; waits at most ${ports.limits.lockTimeoutMs} ms`,
      costs: `their clients wait, at most ${ports.limits.maxPauseMs} ms; numbers of sequences are left out`,
      undone: 'they come home with all that they wrote',
      probe: async () => {
        const { openForMs } = await gates.state();
        return isHeld && openForMs !== undefined ? done(`on green for ${formatDuration(writes.holdMs)}`) : notDone;
      },
      act: async (context) => {
        await hold(spec, writes, ports, context);
        isHeld = true;
      },
      undo: async ({ signal }) => allHome(ports, signal),
    },
    {
      id: 'canary:tenants:home',
      does: 'brings these tenants back to blue with all that they wrote: the cut takes everybody at once',
      locks: moveLocks,
      costs: 'their clients wait until the flow back has come through',
      undone: 'not needed',
      probe: async () => ((await gates.state()).away === undefined ? done('all tenants are on blue') : notDone),
      act: async ({ signal }) => allHome(ports, signal),
      undo: nothing,
    },
    {
      id: 'canary:tenants:remove',
      does: 'takes these triggers away again',
      locks: 'ACCESS EXCLUSIVE on one table at a time for a moment; waits at most 500 ms a try',
      costs: 'nothing',
      undone: 'not needed',
      probe: async () => ((await gates.isThere()) ? notDone : done('no gate is left')),
      act: async () => gates.remove(),
      undo: nothing,
    },
  ];
}

const notDone: Probed = { state: 'not done' };
const nothing = async (): Promise<void> => {};

function done(evidence: string): Probed {
  return { state: 'done', evidence };
}

/** Wherever a move was left. */
async function allHome(ports: TenantPorts, signal: AbortSignal): Promise<void> {
  const { away } = await ports.gates.state(signal);
  if (away !== undefined) await bringHome(away.run, ports, ports.limits, signal);
}

async function hold(spec: CanarySpec, writes: TenantsSpec, ports: TenantPorts, context: StepContext): Promise<void> {
  await using questions = new Questions(ports.questions, spec);
  try {
    await watch(writes, ports, questions, context);
  } catch (error) {
    // Who ends this command does not end the canary: they stay where they are, and so do both flows.
    if (context.signal.aborted) throw error;
    context.progress({ text: `bringing the tenants home: ${describeError(error)}` });
    await allHome(ports, context.signal);
    throw error;
  }
}

async function watch(
  writes: TenantsSpec,
  ports: TenantPorts,
  questions: Questions,
  { signal, progress }: StepContext,
): Promise<void> {
  let ranMs = monotonicMs();
  let [sinceMs, countedMs]: (number | undefined)[] = [];
  // The command that opened green may have ended before it said so.
  if ((await ports.gates.state(signal)).openForMs !== undefined) await ports.sessions.settle();
  for (;;) {
    const order = ports.order();
    if (order === 'abort') {
      await allHome(ports, signal);
      ports.obeyed();
      throw new TealError('TEAL-STAGES-162', `with tenants ${writes.tenants.join(', ')} on green`);
    }
    if (order === 'pause') {
      await allHome(ports, signal);
      sinceMs = undefined;
      progress({ text: 'paused: the tenants are on blue; teal canary resume' });
    } else {
      await letLive(writes, ports, signal);
      sinceMs ??= monotonicMs();
      const forMs = monotonicMs() - sinceMs;
      if (await flowsRun(ports)) ranMs = monotonicMs();
      refuseIll(questions, monotonicMs() - ranMs);
      if (countedMs === undefined || monotonicMs() - countedMs >= sequencesEveryMs) {
        countedMs = monotonicMs();
        await refuseUsedUp(ports);
      }
      if (forMs >= writes.holdMs && questions.areWell) return;
      const text = `tenants ${writes.tenants.join(', ')} live on green`;
      progress({ text, done: Math.min(forMs, writes.holdMs), total: writes.holdMs });
      failpoint('tenants.watch');
    }
    await sleep(lookEveryMs, signal);
  }
}

/** Moves them where they are not there; others, and those of a move that was left, come home first. */
async function letLive(writes: TenantsSpec, ports: TenantPorts, signal: AbortSignal): Promise<void> {
  const { away, openForMs } = await ports.gates.state(signal);
  if (openForMs !== undefined && away !== undefined && isSame(away.tenants, writes.tenants)) return;
  await allHome(ports, signal);
  await ports.gates.install();
  const run = `canary-${nowMs().toString(36)}`;
  await lend({ run, tenants: writes.tenants, session: writes.session }, ports, ports.limits, signal);
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((each) => others.includes(each));
}

async function flowsRun({ carrier }: TenantPorts): Promise<boolean> {
  const flows = await Promise.all([carrier.status('forward'), carrier.status('reverse')]);
  return flows.every(({ now }) => now.state === 'running');
}

/** Errors: TEAL-STAGES-183 a flow, -185 a question. */
function refuseIll(questions: Questions, stoodMs: number): void {
  if (stoodMs > flowPatienceMs) {
    throw new TealError('TEAL-STAGES-183', `one of both flows has not run for ${formatDuration(flowPatienceMs)}`);
  }
  const ill = questions.failed;
  if (ill !== undefined) throw new TealError('TEAL-STAGES-185', reasonOf(ill));
}

/** Errors: TEAL-STAGES-184. */
async function refuseUsedUp({ gates }: TenantPorts): Promise<void> {
  const used = await gates.sequencesUsed();
  if (used <= sequencesUsedAtMost) return;
  throw new TealError('TEAL-STAGES-184', `${Math.round(used * 100)} % of the numbers between are used`, { used });
}
