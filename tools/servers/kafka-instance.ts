import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cachedFolder } from './cache.ts';
import type { InstalledKafka } from './install-kafka.ts';
import { runProgram } from './run-program.ts';
import { serverUser } from './server-user.ts';

export interface KafkaOptions {
  /** Default: a free one. */
  readonly port?: number;
  /** Lines of server.properties on top of those for tests. */
  readonly settings?: Readonly<Record<string, string>>;
  /**
   * Names and passwords. With it clients must log in, by SASL PLAIN as one of these or by SCRAM-SHA-256 or -512 as a user that was made later, and the authorizer is on: the
   * first one may do everything, the others what an ACL allows.
   */
  readonly users?: Readonly<Record<string, string>>;
  /** PEM texts. With it clients must speak TLS; the authority is whom the server itself trusts, for it is a client of its own. */
  readonly tls?: { readonly certificate: string; readonly key: string; readonly authority: string };
  /** What it is started for: a test's minute (a small heap, only the compiler that is ready first), or being measured. Default: a test. */
  readonly isMeasured?: boolean;
}

export const kafkaPidFile = 'teal.pid';

/** One node that is broker and controller, as small as it can be: nothing is kept twice, and a group does not wait for more members. */
const testSettings: Readonly<Record<string, string>> = Object.freeze({
  'process.roles': 'broker,controller',
  'node.id': '1',
  'controller.listener.names': 'CONTROLLER',
  'inter.broker.listener.name': 'CLIENT',
  'offsets.topic.replication.factor': '1',
  'offsets.topic.num.partitions': '4',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'transaction.state.log.num.partitions': '4',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
  'share.coordinator.state.topic.num.partitions': '4',
  // The controller must not take its own broker for dead on a machine that is busy with other things.
  'broker.session.timeout.ms': '120000',
  'group.initial.rebalance.delay.ms': '0',
  'log.cleaner.dedupe.buffer.size': '4194304',
  'num.network.threads': '2',
  'num.io.threads': '4',
  'background.threads': '2',
  // What a test asks for in the wrong name must fail, not appear.
  'auto.create.topics.enable': 'false',
});

/** Where the server logs: what is wrong, and that it is ready. */
const logging = `status=error
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=[%d] %p %m (%c)%n
rootLogger.level=WARN
rootLogger.appenderRef.out.ref=out
logger.ready.name=kafka.server.KafkaRaftServer
logger.ready.level=INFO
`;

export const kafkaReady = /Kafka Server started/;
export const kafkaPortTaken = /Address already in use/;

export function kafkaEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' };
}

const javaFlags = Object.freeze({
  test: ['-Xms64m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'],
  measured: ['-Xms256m', '-Xmx1g', '-XX:+UseG1GC'],
});

/** A data folder of its own with an identity of its own; a copy of one that was formatted once on this machine, for formatting starts a Java of its own. */
export async function makeKafkaDataDir(server: InstalledKafka): Promise<string> {
  const formatted = await formattedKafka(server);
  const dataDir = await giveToServer(await mkdtemp(join(tmpdir(), `teal-kafka-`)));
  const logs = logsOf(dataDir);
  await runProgram('cp', ['-R', formatted, logs]);
  await writeFile(join(logs, 'meta.properties'), metaProperties());
  await writeFile(join(dataDir, 'log4j2.properties'), logging);
  const user = serverUser();
  if (user !== undefined) await runProgram('chown', ['-R', `${user.uid}:${user.gid}`, dataDir]);
  return dataDir;
}

/** The whole command line for this port. Writes `server.properties` into the data folder. */
export async function kafkaCommand(
  server: InstalledKafka,
  dataDir: string,
  ports: { readonly client: number; readonly controller: number },
  options: Omit<KafkaOptions, 'port'>,
): Promise<readonly [string, ...string[]]> {
  const file = join(dataDir, 'server.properties');
  const settings = {
    ...testSettings,
    ...placeSettings(dataDir, ports, protocolOf(options)),
    ...(options.tls === undefined ? {} : tlsSettings(options.tls)),
    ...(options.users === undefined ? {} : userSettings(options.users)),
    ...options.settings,
  };
  await writeFile(file, propertiesText(settings), { mode: 0o600 });
  const user = serverUser();
  if (user !== undefined) await chown(file, user.uid, user.gid);
  const logTo = `-Dlog4j2.configurationFile=${join(dataDir, 'log4j2.properties')}`;
  return [
    server.program,
    ...javaFlags[options.isMeasured === true ? 'measured' : 'test'],
    logTo,
    '-cp',
    server.classPath,
    'kafka.Kafka',
    file,
  ];
}

async function formattedKafka(server: InstalledKafka): Promise<string> {
  const folder = await cachedFolder(`kafka-${server.version}-data-1`, async (building) => {
    await giveToServer(building);
    const logs = join(building, 'logs');
    await mkdir(logs);
    await giveToServer(logs);
    const file = join(building, 'server.properties');
    const settings = { ...testSettings, ...placeSettings(building, { client: 1, controller: 2 }, 'PLAINTEXT') };
    await writeFile(file, propertiesText(settings));
    const tool = ['-cp', server.classPath, 'kafka.tools.StorageTool', 'format', '-t', clusterId(), '-c', file];
    await runProgram(server.program, [...javaFlags.test, ...tool], {
      cwd: '/',
      env: kafkaEnvironment(),
      ...serverUser(),
    });
  });
  return join(folder, 'logs');
}

function logsOf(dataDir: string): string {
  return join(dataDir, 'logs');
}

/** Static voters, though a list of them is the older way: nothing of the ports is then in the formatted folder. */
function placeSettings(
  dataDir: string,
  ports: { readonly client: number; readonly controller: number },
  protocol: string,
): Readonly<Record<string, string>> {
  return {
    'log.dirs': logsOf(dataDir),
    listeners: `CLIENT://127.0.0.1:${ports.client},CONTROLLER://127.0.0.1:${ports.controller}`,
    'advertised.listeners': `CLIENT://127.0.0.1:${ports.client}`,
    'listener.security.protocol.map': `CLIENT:${protocol},CONTROLLER:PLAINTEXT`,
    'controller.quorum.voters': `1@127.0.0.1:${ports.controller}`,
  };
}

function protocolOf({ users, tls }: Omit<KafkaOptions, 'port'>): string {
  if (users === undefined) return tls === undefined ? 'PLAINTEXT' : 'SSL';
  return tls === undefined ? 'SASL_PLAINTEXT' : 'SASL_SSL';
}

function tlsSettings(tls: NonNullable<KafkaOptions['tls']>): Readonly<Record<string, string>> {
  return {
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.certificate.chain': tls.certificate,
    'ssl.keystore.key': tls.key,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.certificates': tls.authority,
  };
}

function userSettings(users: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const entries = Object.entries(users);
  const [first = ['admin', '']] = entries;
  const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
  const login = [`username=${quoted(first[0])}`, `password=${quoted(first[1])}`];
  const known = entries.map(([name, password]) => `user_${name}=${quoted(password)}`);
  const modules = 'org.apache.kafka.common.security';
  return {
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'sasl.mechanism.inter.broker.protocol': 'PLAIN',
    'listener.name.client.plain.sasl.jaas.config': `${modules}.plain.PlainLoginModule required ${[...login, ...known].join(' ')};`,
    'listener.name.client.scram-sha-256.sasl.jaas.config': `${modules}.scram.ScramLoginModule required;`,
    'listener.name.client.scram-sha-512.sasl.jaas.config': `${modules}.scram.ScramLoginModule required;`,
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    // Who comes by the controller's listener, which only this node uses, has no name.
    'super.users': `User:${first[0]};User:ANONYMOUS`,
  };
}

function propertiesText(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n`)
    .join('');
}

/** What `format` writes, with another cluster's and another folder's name. */
function metaProperties(): string {
  return `version=1\nnode.id=1\ndirectory.id=${clusterId()}\ncluster.id=${clusterId()}\n`;
}

/** Sixteen bytes in base64url; a leading dash would read as an option. */
function clusterId(): string {
  const id = randomBytes(16).toString('base64url');
  return id.startsWith('-') ? clusterId() : id;
}

async function giveToServer(path: string): Promise<string> {
  await chmod(path, 0o700);
  const user = serverUser();
  if (user !== undefined) await chown(path, user.uid, user.gid);
  return path;
}
