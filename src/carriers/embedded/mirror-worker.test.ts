import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { waitFor } from '../../kernel/clock.ts';
import { TealError } from '../../kernel/errors.ts';
import { carrierDefaults, pathsOfFolder, type CarrierConfig } from './config.ts';
import { askWorker, type Question } from './control-client.ts';
import { runMirrorWorker, type MirroredFlow, type MirrorNow } from './mirror-worker.ts';
import type { CarrierStatus } from './protocol.ts';

interface FakeFlow extends MirroredFlow {
  readonly fail: (error: Error) => void;
  readonly now: { -readonly [Key in keyof MirrorNow]: MirrorNow[Key] };
}

function fakeFlow(): FakeFlow {
  const failed = Promise.withResolvers<void>();
  const now: FakeFlow['now'] = {
    mode: 'live',
    epoch: 0,
    reached: 7n,
    end: 10n,
    lag: 3n,
    lagMs: 40,
    records: 4n,
    bytes: 400n,
  };
  return {
    now,
    fail: (error) => failed.reject(error),
    run: async (signal) => {
      signal.addEventListener('abort', () => failed.resolve(), { once: true });
      await failed.promise;
    },
    status: () => now,
    caughtUp: async () => {
      now.reached = 10n;
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function worker(strays = 0): Promise<{
  readonly flows: FakeFlow[];
  readonly ask: (question: Question) => Promise<unknown>;
  readonly status: () => Promise<CarrierStatus>;
  readonly ended: Promise<void>;
}> {
  const folder = await mkdtemp(join(tmpdir(), 'teal-mirror-'));
  const flows: FakeFlow[] = [];
  const config: CarrierConfig = { version: 1, migration: 'm', flow: 'forward', folder, ...carrierDefaults };
  const stop = new AbortController();
  const open = async (): Promise<FakeFlow> => {
    const flow = fakeFlow();
    flows.push(flow);
    return flow;
  };
  const ended = runMirrorWorker(config, { open, strays: async () => strays, log: () => undefined }, stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await ended;
    await rm(folder, { recursive: true, force: true });
  });
  const ask = async (question: Question): Promise<unknown> =>
    askWorker(pathsOfFolder(folder).socket, question, { timeoutMs: 10_000 });
  const status = async (): Promise<CarrierStatus> => (await ask({ method: 'status' })) as CarrierStatus;
  const waiting = { what: 'the flow to run', timeoutMs: 10_000 };
  await waitFor(waiting, async () =>
    (await status().catch(() => undefined))?.now.state === 'running' ? true : undefined,
  );
  return { flows, ask, status, ended };
}

test('tells how far it has come, how much is left, and catches up when asked', async () => {
  const { ask, status } = await worker();
  expect(await status()).toMatchObject({
    mode: 'live',
    now: { state: 'running' },
    applied: '00000000000000000007',
    head: '00000000000000000010',
    lagMs: 40,
    lagBytes: 300,
    changes: 4,
    rogueTransactions: 0,
  });
  expect(await ask({ method: 'catchUp' })).toMatchObject({ applied: '00000000000000000010' });
});

test('in shadow it looks for what others have written where it is asked whether all is read', async () => {
  const { flows, ask } = await worker(2);
  const [flow] = flows;
  if (flow !== undefined) flow.now.mode = 'shadow';
  expect(await ask({ method: 'catchUp' })).toMatchObject({ mode: 'shadow', rogueTransactions: 2 });
});

test('begins anew after what may pass by itself, and counts on', async () => {
  const { flows, status } = await worker();
  flows[0]?.fail(new TealError('TEAL-SYSTEMS-006', 'lost'));
  await waitFor({ what: 'another flow', timeoutMs: 10_000 }, () => (flows.length === 2 ? true : undefined));
  expect(await status()).toMatchObject({ now: { state: 'running' }, changes: 8 });
});

test('stays with what a person must mend, and tries again when it is told', async () => {
  const { flows, ask, status } = await worker();
  flows[0]?.fail(new TealError('TEAL-SYSTEMS-652', 'gone'));
  const failed = await waitFor({ what: 'the failure', timeoutMs: 10_000 }, async () => {
    const seen = await status();
    return seen.now.state === 'failed' ? seen : undefined;
  });
  expect(failed.now).toMatchObject({ code: 'TEAL-SYSTEMS-652' });
  expect(flows).toHaveLength(1);
  await ask({ method: 'retry' });
  await waitFor({ what: 'another flow', timeoutMs: 10_000 }, () => (flows.length === 2 ? true : undefined));
});

test('ends when it is retired', async () => {
  const { ask, ended } = await worker();
  // It may end before its answer is through.
  await Promise.allSettled([ask({ method: 'retire' })]);
  await ended;
});
