import { describe, expect, test } from 'vitest';
import { routerContract, type RouterWorld } from 'teal/testing';
import { isTealError, type ErrorCode } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';
import type { OwnerRow } from '../../ports/fence.ts';
import type { RouterFinding } from '../../ports/router.ts';
import { DeskRouter, type Desk } from '../desk-router.ts';
import { KubeApi } from './kube-api.ts';
import { mergeChange } from './merge-change.ts';
import { rolloutDesk } from './rollout-desk.ts';
import type { ApiDouble } from './test-support/api-double.ts';
import { ofActive, ofRollout, rolloutWorld, scaledAway, templateOf } from './test-support/rollout-world.ts';

const token = 's3cret-token';
const sides = { blue: { database: 'old' }, green: { database: 'new' } } as const;

function failsBy(code: ErrorCode, text: string): never {
  return expect.toSatisfy((error: unknown) => isTealError(error, code) && error.message.includes(text)) as never;
}

function deskOf(double: ApiDouble, timeoutMs = 30_000): Desk {
  const access = async (): Promise<{ server: URL; token: string }> => ({ server: new URL(double.url), token });
  const api = new KubeApi({ timeoutMs, access });
  return rolloutDesk({ api, namespace: 'shop', rollout: 'shop', sides, soakMs: 3_600_000, ttlMs: 60_000, timeoutMs });
}

function isAt(double: ApiDouble): Side {
  return JSON.stringify(double.at(ofActive)).includes('h-old') ? 'blue' : 'green';
}

function changed(double: ApiDouble, spec: object, status: object = {}): void {
  const rollout = double.at(ofRollout);
  double.put(ofRollout, {
    ...rollout,
    spec: { ...(rollout['spec'] as object), ...spec },
    status: { ...(rollout['status'] as object), ...status },
  });
}

const patches = (double: ApiDouble): readonly unknown[] =>
  double.asked
    .filter(({ method, query }) => method === 'PATCH' && query.get('dryRun') === null)
    .map(({ path, body }) => [path.slice(ofRollout.length), body]);

describe('a Rollout', () => {
  const open = async (): Promise<RouterWorld> => {
    const double = await rolloutWorld(token);
    const owners: Partial<Record<Side, OwnerRow>> = {};
    return {
      router: new DeskRouter({
        desk: deskOf(double),
        switching: { clients: 'stale', upToMs: 60_000 },
        readOwner: async (side) => owners[side],
      }),
      decide: async (side, epoch) => void (owners[side] = { epoch, owner: side, cut: `e${epoch}a1` }),
      ask: async () => isAt(double),
      begin: async () => async () => undefined,
      [Symbol.asyncDispose]: async () => double[Symbol.asyncDispose](),
    };
  };
  for (const { name, run } of routerContract(open, false)) test(name, run);

  test('is promoted, and led back to the revision before by its template, which is whole again', async () => {
    await using double = await rolloutWorld(token);
    const desk = deskOf(double);
    const { spec } = double.at(ofRollout);
    await desk.point('green', 1);
    expect(isAt(double)).toBe('green');
    expect(double.at(ofRollout)['spec']).toEqual(spec);
    await desk.point('blue', 2);
    expect(isAt(double)).toBe('blue');
    expect(double.at(ofRollout)['spec']).toEqual({ ...(spec as object), template: templateOf('old') });
    await desk.point('green', 3);
    expect(double.at(ofRollout)['spec']).toEqual(spec);
    expect(patches(double)).toEqual([
      ['/status', { metadata: expect.anything(), status: { promoteFull: true } }],
      ['', { metadata: expect.anything(), spec: { template: expect.objectContaining({ spec: expect.anything() }) } }],
      ['', { metadata: expect.anything(), spec: { template: expect.objectContaining({ spec: expect.anything() }) } }],
    ]);
  });

  test('is pointed when its controller has led there, and not before', async () => {
    await using double = await rolloutWorld(token);
    double.after = undefined;
    await expect(deskOf(double, 600).point('green', 1)).rejects.toThrow(
      failsBy('TEAL-TRAFFIC-120', 'leads to pods of blue and not of green; its template is of green; it says Paused'),
    );
    // Said once, and waited for.
    expect(patches(double)).toHaveLength(1);
    double.reconcile();
    await deskOf(double).point('green', 1);
    // A newer revision waits, as they do: it is of no matter.
    changed(double, {}, { currentPodHash: 'h-newer', phase: 'Paused' });
    await deskOf(double, 300).point('green', 1);
    // A Service that somebody has led elsewhere by hand.
    double.put(ofActive, { metadata: { name: 'shop-active' }, spec: { selector: { app: 'shop' } } });
    await expect(deskOf(double, 300).point('green', 1)).rejects.toThrow(failsBy('TEAL-TRAFFIC-120', 'of green'));
  });

  test('that somebody else writes meanwhile is looked at anew', async () => {
    await using double = await rolloutWorld(token);
    double.before = () => changed(double, { revisionHistoryLimit: 3 });
    await deskOf(double).point('green', 1);
    expect(double.at(ofRollout)['spec']).toMatchObject({ revisionHistoryLimit: 3 });
    expect(patches(double)).toHaveLength(2);
  });

  test('has no way back that would begin by starting pods', async () => {
    await using double = await rolloutWorld(token);
    const desk = deskOf(double, 600);
    await desk.point('green', 1);
    scaledAway(double, 'h-old');
    expect(await whats(desk)).toEqual(['Rollout shop has no revision with database=old whose pods are all available.']);
    await expect(desk.point('blue', 2)).rejects.toThrow(failsBy('TEAL-TRAFFIC-120', 'its template is of green'));
    expect(isAt(double)).toBe('green');
  });
});

async function whats(desk: Desk): Promise<readonly string[]> {
  const found: readonly RouterFinding[] = (await desk.look?.()) ?? [];
  return found.filter(({ severity }) => severity === 'blocker').map(({ what }) => what);
}

describe('an assessment of a Rollout', () => {
  test('tries what a cut will do, changes nothing, and warns of the pods that stay', async () => {
    await using double = await rolloutWorld(token);
    const found = await deskOf(double).look?.();
    expect(found?.map(({ severity, what }) => [severity, what])).toEqual([
      [
        'warning',
        'Rollout shop leads requests to other pods; those that were there go on running for 3600 s, and traffic.ttl is 60 s.',
      ],
    ]);
    const tried = double.asked.filter(({ method }) => method === 'PATCH');
    expect(tried.map(({ path, query }) => [path.slice(ofRollout.length), query.get('dryRun')])).toEqual([
      ['', 'All'],
      ['/status', 'All'],
    ]);
    changed(double, { strategy: { blueGreen: { activeService: 'shop-active', autoPromotionEnabled: false } } });
    expect((await deskOf(double).look?.())?.map(({ what }) => what)[0]).toBe(
      'Rollout shop takes the pods of the side that has lost away 30 s after a cut, and the soak is 3600 s.',
    );
  });

  const blueGreen = { activeService: 'shop-active', autoPromotionEnabled: false };
  test.each<[string, object, object, string]>([
    ['by canary', { strategy: { canary: {} } }, {}, 'is not of strategy blueGreen'],
    ['of a Deployment', { workloadRef: { kind: 'Deployment', name: 'shop' } }, {}, 'described elsewhere (workloadRef)'],
    [
      'that goes on alone',
      { strategy: { blueGreen: { activeService: 'shop-active' } } },
      {},
      'promotes new revisions by itself',
    ],
    ['with a window', { rollbackWindow: { revisions: 2 } }, {}, 'promotes older revisions by itself'],
    [
      'with few pods',
      { strategy: { blueGreen: { ...blueGreen, previewReplicaCount: 1 } } },
      {},
      'has 1 pods of a revision before it is promoted, and 2 after',
    ],
    ['paused by hand', { paused: true }, {}, 'is paused by hand'],
    ['aborted', {}, { abort: true }, 'has aborted its newest revision'],
    [
      'in an analysis',
      {},
      { phase: 'Progressing', message: 'waiting for analysis', pauseConditions: null },
      'does not wait for the promotion of its newest revision: Progressing: waiting for analysis',
    ],
    [
      'that an analysis has halted',
      {},
      { pauseConditions: [{ reason: 'InconclusiveAnalysisRun' }] },
      'does not wait for the promotion',
    ],
    ['not looked at yet', {}, { observedGeneration: '1' }, 'no revision with database=new whose pods'],
    ['without the next', { template: templateOf('old') }, { currentPodHash: 'h-old' }, ''],
    ['of nobody', {}, { blueGreen: { activeSelector: 'h-x' } }, 'have neither database=old nor database=new, or both'],
  ])('stops at one %s', async (_, spec, status, what) => {
    await using double = await rolloutWorld(token);
    changed(double, spec, status);
    // The pods of green are there: it can be led to them whatever its template is.
    expect(await whats(deskOf(double))).toEqual(what === '' ? [] : [expect.stringContaining(what)]);
  });

  test('stops where it is not there, and where its pods are written into', async () => {
    await using double = await rolloutWorld(token);
    await deskOf(double).point('green', 1);
    const set = double.at('/apis/apps/v1/namespaces/shop/replicasets/shop-h-old');
    const annotations = { 'rollout.argoproj.io/ephemeral-metadata': '{"labels":{"role":"active"}}' };
    double.put('/apis/apps/v1/namespaces/shop/replicasets/shop-h-old', {
      ...set,
      metadata: { ...set.metadata, annotations },
    });
    expect(await whats(deskOf(double))).toEqual([expect.stringContaining('no revision with database=old')]);
    const api = new KubeApi({ timeoutMs: 30_000, access: async () => ({ server: new URL(double.url), token }) });
    const gone = rolloutDesk({ api, namespace: 'shop', rollout: 'web', sides, soakMs: 0, ttlMs: 0, timeoutMs: 30_000 });
    await expect(gone.read()).rejects.toThrow(failsBy('TEAL-TRAFFIC-060', 'there is no such Rollout'));
  });
});

test('a merge patch makes one template of another', () => {
  const from = { metadata: { labels: { a: '1', b: '2' } }, spec: { containers: [{ name: 'x' }], nodeName: 'n' } };
  const to = { metadata: { labels: { a: '1' }, creationTimestamp: null }, spec: { containers: [{ name: 'y' }] } };
  expect(mergeChange(from, to)).toEqual({
    metadata: { labels: { b: null } },
    spec: { nodeName: null, containers: [{ name: 'y' }] },
  });
  expect(mergeChange(from, from)).toEqual({});
});
