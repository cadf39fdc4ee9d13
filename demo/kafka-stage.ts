import { Admin } from '@platformatic/kafka';
import { waitFor } from '../src/kernel/clock.ts';
import { startKafka, type KafkaServer } from '../tools/servers/kafka.ts';
import { fileURLToPath } from 'node:url';
import { KafkaCrowd, type ClusterOfClients, type WriterOptions } from './kafka-crowd.ts';

type Side = 'blue' | 'green';

export interface KafkaStage {
  readonly urls: Readonly<Record<Side, string>>;
  readonly clients: Readonly<Record<Side, ClusterOfClients>>;
}

/** Topics of the demo, and how many partitions each has. */
const topics = Object.freeze({ orders: 3, payments: 2 });
const admin = { username: 'admin', password: 'demo-admin' };
const app = { username: 'app', password: 'demo-app' };

/** Two clusters of one node each, with an authorizer. Blue has topics, and rules for the application; green is empty. What is started ends with `stack`. */
export async function startClusters(stack: AsyncDisposableStack): Promise<KafkaStage> {
  const users = { [admin.username]: admin.password, [app.username]: app.password };
  const started = async (): Promise<KafkaServer> => stack.use(await startKafka({ users }));
  const [blue, green] = [await started(), await started()];
  await furnish(blue, topics, [2, 3, 5]);
  await furnish(green, {}, []);
  const url = ({ bootstrap }: KafkaServer): string =>
    `kafka://${admin.username}:${admin.password}@${bootstrap}?security.protocol=SASL_PLAINTEXT&sasl.mechanism=PLAIN`;
  const client = ({ bootstrap }: KafkaServer): ClusterOfClients => ({ bootstrap, user: app });
  return { urls: { blue: url(blue), green: url(green) }, clients: { blue: client(blue), green: client(green) } };
}

/**
 * Topics, and rules by which the application may do everything (2) with topics (2), groups (3) and transactional ids (5) of any name. Its transactions are those of a client that asks as
 * brokers do, for which it needs CLUSTER_ACTION (9) on the cluster (4).
 */
async function furnish(
  { bootstrap }: KafkaServer,
  made: Readonly<Record<string, number>>,
  kinds: readonly (2 | 3 | 5)[],
): Promise<void> {
  const administrator = new Admin({
    clientId: 'demo',
    bootstrapBrokers: [bootstrap],
    sasl: { mechanism: 'PLAIN', ...admin },
  });
  const rule = { resourcePatternType: 3, principal: `User:${app.username}`, host: '*', permissionType: 3 } as const;
  const any = { resourceType: 1, resourcePatternType: 1, operation: 1, permissionType: 1 } as const;
  try {
    for (const [topic, partitions] of Object.entries(made)) {
      await administrator.createTopics({ topics: [topic], partitions, replicas: 1 });
    }
    const creations = [
      ...kinds.map((resourceType) => ({ ...rule, resourceType, resourceName: '*', operation: 2 }) as const),
      { ...rule, resourceType: 4, resourceName: 'kafka-cluster', operation: 9 } as const,
    ];
    await administrator.createAcls({ creations });
    // A broker hears of rules a moment later than the controller answers.
    const filter = { ...any, resourceName: null, principal: null, host: null };
    await waitFor({ what: 'the rules', timeoutMs: 30_000 }, async () => {
      const found = await administrator.describeAcls({ filter });
      return found.length >= creations.length ? true : undefined;
    });
  } finally {
    await administrator.close();
  }
}

const writers: readonly WriterOptions[] = Object.freeze([
  { name: 'shop', topic: 'orders' },
  { name: 'till', topic: 'orders' },
  // Nobody tells it to wait: it meets the fence.
  { name: 'stray', topic: 'orders', unheld: true },
  { name: 'bank', topic: 'payments', transactional: true },
]);

const groups = Object.freeze({ shipping: ['orders'], billing: ['orders', 'payments'], audit: ['payments'] });

export async function startCrowd(
  { clients }: KafkaStage,
  pauseMs: number,
  onTrouble: (what: string) => void,
): Promise<KafkaCrowd> {
  return KafkaCrowd.start({ clusters: clients, writers, groups, pauseMs, keysEach: 20, onTrouble });
}

/** The migration file, with the desk of the crowd for a router. */
export function fileOf(desk: string): string {
  const tell = (action: string): string => {
    const program = fileURLToPath(new URL('kafka-tell.ts', import.meta.url));
    return JSON.stringify([process.execPath, program, desk, action]);
  };
  return `teal: 1
name: events
blue: { system: kafka, url: "\${BLUE_URL}" }
green: { system: kafka, url: "\${GREEN_URL}" }
traffic: { router: webhook, url: ${desk}, holds: true }
groups: { stop: ${tell('stop')}, start: ${tell('start')}, patience: 2m }
cutover:
  maxPause: 20s
  gates: [{ lag: 2s, for: 1s }, { verify: full }, { person: you }]
soak: { for: 0s }
`;
}
