import { expect, test } from 'vitest';
import { asPosition } from '../../model/position.ts';
import type { Carrier, FlowStatus } from '../../ports/carrier.ts';
import type { Step, StepContext } from '../../ports/step.ts';
import type { LentTenants, TenantGates } from '../../ports/tenants.ts';
import { tenantSteps, type CanaryOrder, type TenantPorts } from './tenant-steps.ts';

const writes = { by: 'tenant_id', tenants: ['17'], session: 'app.tenant_id', shared: [], holdMs: 60_000 };
const spec = { shares: [], holdMs: 0, revertOn: [], everyMs: 500, failures: 1, maxErrors: 1, atLeast: 1 };
const limits = { maxPauseMs: 5_000, drainMs: 1_000, lockTimeoutMs: 500 };

interface World {
  used: number;
  order?: CanaryOrder;
  back: FlowStatus['now'];
  readonly told: string[];
}

/** Gates as rows of both sides would have them; what the sides themselves do is in tenant-move.pg.test.ts. */
function portsOf(world: World): TenantPorts {
  let [away, open]: [LentTenants | undefined, boolean] = [undefined, false];
  const say = (what: string): void => void world.told.push(what);
  const gates: TenantGates = {
    install: async () => {},
    isInstalled: async () => true,
    isThere: async () => true,
    remove: async () => {},
    state: async () => ({ ...(away === undefined ? {} : { away }), ...(open ? { openForMs: 1 } : {}) }),
    closeBlue: async (lent) => {
      away = lent;
    },
    hasArrived: async () => true,
    partSequences: async () => {},
    sequencesUsed: async () => world.used,
    openGreen: async () => {
      open = true;
      say('on green');
    },
    closeGreen: async () => {
      const was = open;
      open = false;
      return was;
    },
    joinSequences: async () => {},
    openBlue: async () => {
      away = undefined;
      say('home');
    },
  };
  const at = asPosition('0');
  const status = (flow: 'forward' | 'reverse'): FlowStatus => ({
    flow,
    mode: flow === 'forward' || open ? 'live' : 'shadow',
    now: flow === 'reverse' ? world.back : { state: 'running' },
    received: at,
    applied: at,
    lagBytes: 0,
    lagMs: 1,
    transactions: 0,
    changes: 0,
    changesPerSecond: 0,
    spoolBytes: 0,
    rogueTransactions: 0,
  });
  const carrier = {
    status: async (flow) => status(flow),
    caughtUp: async (flow) => status(flow),
  } satisfies Partial<Carrier>;
  return {
    gates,
    carrier: carrier as unknown as Carrier,
    sessions: { hold: async () => ({ drained: true, clients: 1, waitedMs: 1 }), settle: async () => {} },
    settled: () => 0,
    questions: [],
    order: () => world.order,
    obeyed: () => say('obeyed'),
    limits,
  };
}

function holdOf(
  world: World,
  more: Partial<TenantPorts> = {},
): { act: (signal?: AbortSignal) => Promise<unknown>; step: Step } {
  const step = tenantSteps(spec, writes, { ...portsOf(world), ...more }).find(({ id }) => id === 'canary:tenants:hold');
  if (step === undefined) throw new Error('no step');
  const context = (signal: AbortSignal): StepContext => ({
    signal,
    progress: () => {},
    facts: () => undefined,
    before: undefined,
  });
  return { step, act: async (signal = AbortSignal.timeout(20_000)) => step.act(context(signal)) };
}

const world = (given: Partial<World> = {}): World => ({ used: 0, back: { state: 'running' }, told: [], ...given });

test('they come home when a sequence is nearly used, and when a question is answered with no', async () => {
  const used = world({ used: 0.8 });
  await expect(holdOf(used).act()).rejects.toMatchObject({ code: 'TEAL-STAGES-184' });
  expect(used.told).toEqual(['on green', 'home']);
  const ill = world();
  const questions = [
    { id: 'q', asks: 'is it well', person: false, ask: async () => ({ answer: 'no' as const, evidence: 'it is not' }) },
  ];
  await expect(holdOf(ill, { questions }).act()).rejects.toMatchObject({ code: 'TEAL-STAGES-185' });
  expect(ill.told).toEqual(['on green', 'home']);
});

test('a person ends it: they come home first, and whose command is ended leaves them on green', async () => {
  const ended = world();
  const { act, step } = holdOf(ended);
  const running = act();
  await expect.poll(() => ended.told).toEqual(['on green']);
  ended.order = 'abort';
  await expect(running).rejects.toMatchObject({ code: 'TEAL-STAGES-162' });
  expect(ended.told).toEqual(['on green', 'home', 'obeyed']);
  expect(await step.probe({} as StepContext)).toEqual({ state: 'not done' });

  const left = world();
  const stop = new AbortController();
  const command = holdOf(left).act(stop.signal);
  await expect.poll(() => left.told).toEqual(['on green']);
  stop.abort(new Error('ended'));
  await expect(command).rejects.toMatchObject({ code: 'TEAL-KERNEL-003' });
  expect(left.told).toEqual(['on green']);
});

test('they stay on green while what they wrote there cannot come back', async () => {
  const stuck = world({ used: 0.8 });
  const { act } = holdOf(stuck, {
    obeyed: () => {},
    order: () => {
      if (stuck.told.length > 0) stuck.back = { state: 'failed', code: 'TEAL-SYNC-110', reason: 'a row is not there' };
      return undefined;
    },
  });
  stuck.used = 0;
  const running = act();
  await expect.poll(() => stuck.told).toEqual(['on green']);
  await expect.poll(() => stuck.back.state, { timeout: 5_000 }).toBe('failed');
  stuck.used = 0.8;
  await expect(running).rejects.toMatchObject({ code: 'TEAL-STAGES-183' });
  expect(stuck.told).toEqual(['on green']);
});
