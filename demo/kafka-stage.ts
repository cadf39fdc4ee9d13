import { fileURLToPath } from 'node:url';
import { Admin } from '@platformatic/kafka';
import { waitFor } from '../src/kernel/clock.ts';
import type { Side } from '../src/model/catalog.ts';
import type { ClusterOfClients } from './kafka-client.ts';
import { KafkaCrowd, type CrowdOptions } from './kafka-crowd.ts';
import type { WriterOptions } from './kafka-writer.ts';

/** Names and passwords of whoever may do everything, of the application, and of its producer of transactions: both clusters know them. */
export const kafkaUsers = Object.freeze({ admin: 'secret', app: 'of-app', bank: 'of-bank' });

/** Two clusters with an authorizer. Every name of the application begins with `prefix`: others may be on them too. */
export interface KafkaStage {
  readonly prefix: string;
  readonly bootstrap: Readonly<Record<Side, string>>;
}

/** Partitions by topic. */
export const kafkaTopics = Object.freeze({ orders: 3, payments: 2 });

export function adminUrl(bootstrap: string): string {
  return `kafka://admin:${kafkaUsers.admin}@${bootstrap}?security.protocol=SASL_PLAINTEXT&sasl.mechanism=PLAIN`;
}

/** Blue gets topics, and rules for the application; green stays empty but for the one rule that is of the cluster itself, which Teal does not move. */
export async function furnish({ prefix, bootstrap }: KafkaStage): Promise<void> {
  await withAdmin(bootstrap.green, async (admin) => allow(admin, [ofCluster]));
  await withAdmin(bootstrap.blue, async (admin) => {
    for (const [topic, partitions] of Object.entries(kafkaTopics)) {
      await admin.createTopics({ topics: [`${prefix}${topic}`], partitions, replicas: 1 });
    }
    const mayDoAll = { ...allowed, resourcePatternType: 4, operation: 2, resourceName: prefix } as const;
    const ofUser = (user: 'app' | 'bank') =>
      Object.values(kinds).map((resourceType) => ({ ...mayDoAll, principal: `User:${user}`, resourceType }));
    await allow(admin, [...ofUser('app'), ...ofUser('bank'), ofCluster]);
  });
}

const kinds = { topics: 2, groups: 3, 'transactional ids': 5 } as const;
const allowed = { host: '*', permissionType: 3 } as const;
/** CLUSTER_ACTION: the library of the demo asks for a place in a transaction as brokers do. A super user could too, but no fence holds that one. */
const ofCluster = {
  ...allowed,
  principal: 'User:bank',
  resourceType: 4,
  resourceName: 'kafka-cluster',
  resourcePatternType: 3,
  operation: 9,
} as const;

type Creations = Parameters<Admin['createAcls']>[0]['creations'];

/** A broker hears of rules a moment later than the controller answers. */
async function allow(admin: Admin, creations: Creations): Promise<void> {
  await admin.createAcls({ creations });
  for (const filter of creations) {
    await waitFor({ what: 'the rules', timeoutMs: 60_000 }, async () =>
      (await admin.describeAcls({ filter })).length > 0 ? true : undefined,
    );
  }
}

async function withAdmin(bootstrap: string, work: (admin: Admin) => Promise<void>): Promise<void> {
  const login = { mechanism: 'PLAIN', username: 'admin', password: kafkaUsers.admin } as const;
  const admin = new Admin({ clientId: 'demo', bootstrapBrokers: [bootstrap], sasl: login });
  try {
    await work(admin);
  } finally {
    await admin.close();
  }
}

/** Five producers, two of them of transactions; of each kind one hears nothing of a cut. Three groups. */
export async function startCrowd(
  { prefix, bootstrap }: KafkaStage,
  options: Pick<CrowdOptions, 'pauseMs' | 'onTrouble'> & Partial<Pick<CrowdOptions, 'keysEach'>>,
): Promise<KafkaCrowd> {
  const [orders, payments] = [`${prefix}orders`, `${prefix}payments`];
  const client = (side: Side): ClusterOfClients => ({
    bootstrap: bootstrap[side],
    user: { username: 'app', password: kafkaUsers.app },
  });
  const bank = { username: 'bank', password: kafkaUsers.bank };
  const writers: readonly WriterOptions[] = [
    { name: `${prefix}shop`, topic: orders },
    { name: `${prefix}till`, topic: orders },
    // Nobody tells it to wait: it meets the fence; so does the vault, in the middle of a transaction.
    { name: `${prefix}stray`, topic: orders, unheld: true },
    { name: `${prefix}bank`, topic: payments, transactional: true, user: bank },
    { name: `${prefix}vault`, topic: payments, transactional: true, user: bank, unheld: true },
  ];
  return KafkaCrowd.start({
    keysEach: 20,
    ...options,
    clusters: { blue: client('blue'), green: client('green') },
    writers,
    groups: {
      [`${prefix}shipping`]: [orders],
      [`${prefix}billing`]: [orders, payments],
      [`${prefix}audit`]: [payments],
    },
  });
}

/** The migration file, with the desk of the crowd for a router; `person` is asked before a cut. */
export function fileOf(
  prefix: string,
  desk: string,
  { name = 'events', person = 'you' }: { readonly name?: string; readonly person?: string } = {},
): string {
  const tell = (action: string): string => {
    const program = fileURLToPath(new URL('kafka-tell.ts', import.meta.url));
    return JSON.stringify([process.execPath, program, desk, action]);
  };
  return `teal: 1
name: ${name}
blue: { system: kafka, url: "\${BLUE_URL}" }
green: { system: kafka, url: "\${GREEN_URL}" }
topics: { include: ["${prefix}*"] }
traffic: { router: webhook, url: "${desk}", holds: true }
groups: { include: ["${prefix}*"], stop: ${tell('stop')}, start: ${tell('start')}, patience: 3m }
cutover:
  maxPause: 30s
  drain: 15s
  gates: [{ lag: 5s, for: 1s }, { verify: full }, { person: ${person} }]
soak: { for: 0s }
`;
}
