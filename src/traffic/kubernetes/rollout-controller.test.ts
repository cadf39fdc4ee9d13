import { expect, test } from 'vitest';
import { waitFor } from '../../kernel/clock.ts';
import type { Desk } from '../desk-router.ts';
import { rolloutDesk } from './rollout-desk.ts';
import { groups, worldOfCluster, type ClusterWorld } from './test-support/kube-world.ts';
import { podsTold } from './test-support/pods-told.ts';

/** A cluster for tests, in which the controller of Argo Rollouts runs. */
const kubeconfig = process.env['TEAL_TEST_KUBECONFIG'] ?? '';
const tried = test.runIf(kubeconfig !== '' && process.env['TEAL_TEST_ARGO_ROLLOUTS'] === '1');

const sides = { blue: { database: 'old' }, green: { database: 'new' } } as const;
const template = (database: string): object => ({
  metadata: { labels: { app: 'shop', database } },
  spec: {
    containers: [{ name: 'shop', image: 'registry.k8s.io/pause:3.10', env: [{ name: 'DATABASE', value: database }] }],
  },
});

interface Seen {
  readonly spec: { readonly template: object };
  readonly status?: { readonly phase?: string; readonly stableRS?: string };
}
interface Labelled {
  readonly spec: {
    readonly selector?: Readonly<Record<string, string>>;
    readonly template?: { readonly metadata: { readonly labels: Readonly<Record<string, string>> } };
  };
}

/** An application whose active revision writes to blue. */
class Application implements AsyncDisposable {
  readonly #world: ClusterWorld;
  readonly #stack: AsyncDisposableStack;
  readonly desk: Desk;

  private constructor(world: ClusterWorld, stack: AsyncDisposableStack) {
    this.#world = world;
    this.#stack = stack;
    const place = { api: world.teal, rollout: 'shop', sides };
    this.desk = rolloutDesk({ ...place, soakMs: 0, ttlMs: 0, timeoutMs: 60_000 });
  }

  static async start(delaySeconds: number): Promise<Application> {
    await using stack = new AsyncDisposableStack();
    const world = stack.use(await worldOfCluster(kubeconfig));
    stack.use(await podsTold(world));
    const ports = [{ port: 80, targetPort: 80, protocol: 'TCP' }];
    await world.put(groups.core, 'services', {
      metadata: { name: 'shop' },
      spec: { ports, selector: { app: 'shop' } },
    });
    const blueGreen = { activeService: 'shop', autoPromotionEnabled: false, scaleDownDelaySeconds: delaySeconds };
    await world.put(groups.argo, 'rollouts', {
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'Rollout',
      metadata: { name: 'shop' },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: 'shop' } },
        template: template('old'),
        strategy: { blueGreen },
      },
    });
    const it = new Application(world, stack.move());
    await it.becomes('Healthy');
    return it;
  }

  async seen(): Promise<Seen> {
    return (await this.#world.at(groups.argo, 'rollouts', 'shop')) as unknown as Seen;
  }

  async becomes(phase: string): Promise<void> {
    await waitFor({ what: `the Rollout to be ${phase}`, timeoutMs: 120_000 }, async () => {
      const { status } = await this.seen();
      return status?.phase === phase || undefined;
    });
  }

  async apply(database: string): Promise<void> {
    const path = `${groups.argo}/namespaces/${this.#world.namespace}/rollouts/shop`;
    await this.#world.server.change(path, { spec: { template: template(database) } });
  }

  /** What the router says, and which pods its Service leads to. */
  async at(): Promise<readonly [string, string]> {
    const service = (await this.#world.at(groups.core, 'services', 'shop')) as unknown as Labelled;
    const hash = service.spec.selector?.['rollouts-pod-template-hash'] ?? '';
    const set = (await this.#world.at(groups.apps, 'replicasets', `shop-${hash}`)) as unknown as Labelled;
    return [(await this.desk.read()).side, set.spec.template?.metadata.labels['database'] ?? ''];
  }

  async blockers(): Promise<readonly string[]> {
    const found = (await this.desk.look?.()) ?? [];
    return found.filter(({ severity }) => severity === 'blocker').map(({ what }) => what);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}

const noNew = expect.stringContaining('no revision with database=new');
const noOld = expect.stringContaining('no revision with database=old');

tried('an application is led to green, back, and to green again, by the controller of its Rollout', async () => {
  await using it = await Application.start(3_600);
  expect(await it.at()).toEqual(['blue', 'old']);
  expect(await it.blockers()).toEqual([noNew]);
  const before = await it.seen();
  await it.apply('new');
  await it.becomes('Paused');
  expect(await it.blockers()).toEqual([]);
  expect(await it.at()).toEqual(['blue', 'old']);

  await it.desk.point('green', 1);
  expect(await it.at()).toEqual(['green', 'new']);
  await it.becomes('Healthy');
  expect(await it.blockers()).toEqual([]);

  await it.desk.point('blue', 2);
  expect(await it.at()).toEqual(['blue', 'old']);
  await it.becomes('Healthy');
  expect((await it.seen()).status?.stableRS).toBe(before.status?.stableRS);

  await it.desk.point('green', 3);
  expect(await it.at()).toEqual(['green', 'new']);
  expect((await it.seen()).spec.template).toMatchObject(template('new'));

  // Why nobody else is to put a template back while its pods are there: nothing waits for a promotion.
  await it.apply('old');
  await expect.poll(async () => it.at(), { timeout: 60_000 }).toEqual(['blue', 'old']);
});

tried(
  'one whose old pods are gone goes back when its old revision is applied again, and waits for the cut',
  async () => {
    await using it = await Application.start(1);
    await it.apply('new');
    await it.becomes('Paused');
    await it.desk.point('green', 1);
    await expect.poll(async () => it.blockers(), { timeout: 60_000 }).toEqual([noOld]);
    await it.apply('old');
    await it.becomes('Paused');
    await expect.poll(async () => it.blockers(), { timeout: 60_000 }).toEqual([]);
    expect(await it.at()).toEqual(['green', 'new']);
    await it.desk.point('blue', 2);
    expect(await it.at()).toEqual(['blue', 'old']);
  },
);
