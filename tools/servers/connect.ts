import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Daemon } from './daemon.ts';
import { installConnect, installPlugin, type ConnectPluginName, type InstalledConnect } from './install-connect.ts';
import { serverUser } from './server-user.ts';
import { watchOver } from './watcher.ts';

export interface ConnectOptions {
  /** `host:port` of the cluster that holds the workers' own topics, and where connectors read and write unless they say otherwise. */
  readonly bootstrap: string;
  /** Beside those of MirrorMaker, which every worker has. */
  readonly plugins?: readonly ConnectPluginName[];
  /** How many; default 1. */
  readonly workers?: number;
  /** More lines of `worker.properties`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** What it is started for: a test's minute (a small heap, only the compiler that is ready first), or being measured. Default: a test. */
  readonly isMeasured?: boolean;
}

export interface ConnectWorker {
  /** Of its REST API, on loopback. */
  readonly url: string;
  readonly logFile: string;
  /** Undefined while it is down. */
  readonly pid: number | undefined;
  stop(): Promise<void>;
  kill9(): Promise<void>;
  /** On the same port; also after `stop` and `kill9`. */
  restart(): Promise<void>;
}

export interface ConnectCluster extends AsyncDisposable {
  readonly workers: readonly ConnectWorker[];
  readonly urls: readonly string[];
}

/**
 * A real cluster of Kafka Connect, in distributed mode, ready for connectors. Its workers end with this process, however that ends. Its topics on the brokers have names of their own
 * and stay. TEAL-TOOLS-001, -003 or -004 when it cannot be installed, -002 when a worker does not come up.
 */
export async function startConnect(options: ConnectOptions): Promise<ConnectCluster> {
  const installed = await installConnect();
  const pluginPath = await Promise.all((options.plugins ?? []).map(installPlugin));
  const group = `connect-${randomBytes(5).toString('hex')}`;
  await using stack = new AsyncDisposableStack();
  const workers: ConnectWorker[] = [];
  // One after the other: two that start at once on two cores are each twice as slow, and the first makes the topics.
  for (let index = 0; index < (options.workers ?? 1); index += 1) {
    const started = stack.use(await startWorker(installed, { ...options, pluginPath, group }));
    workers.push(started);
  }
  const kept = stack.move();
  return Object.freeze({
    workers,
    urls: workers.map(({ url }) => url),
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  });
}

interface WorkerOptions extends ConnectOptions {
  readonly pluginPath: readonly string[];
  readonly group: string;
}

const pidFile = 'teal.pid';

const logging = `status=error
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=[%d] %p %m (%c)%n
rootLogger.level=WARN
rootLogger.appenderRef.out.ref=out
logger.ready.name=org.apache.kafka.connect.runtime.rest.RestServer
logger.ready.level=INFO
`;

const ready = /REST resources initialized/;
const portTaken = /Address already in use|Failed to bind/;

const javaFlags = Object.freeze({
  test: ['-Xms64m', '-Xmx1g', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'],
  measured: ['-Xms256m', '-Xmx2g', '-XX:+UseG1GC'],
});

async function startWorker(
  installed: InstalledConnect,
  options: WorkerOptions,
): Promise<ConnectWorker & AsyncDisposable> {
  const dataDir = await mkdtemp(join(tmpdir(), 'teal-connect-'));
  const user = serverUser();
  await chmod(dataDir, 0o700);
  await writeFile(join(dataDir, 'log4j2.properties'), logging);
  if (user !== undefined) {
    for (const path of [dataDir, join(dataDir, 'log4j2.properties')]) await chown(path, user.uid, user.gid);
  }
  // Java takes the first signal, QUIT, as a wish for its threads' stacks.
  const watcher = watchOver(dataDir, 'remove', pidFile, 'KILL');
  const daemon = new Daemon({
    name: 'Kafka Connect',
    dataDir,
    pidFile,
    env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
    ready,
    portTaken,
    command: async (port) => commandOf(installed, dataDir, port, options),
  });
  const dispose = async (): Promise<void> => {
    await daemon.end('SIGKILL');
    await watcher.dismiss();
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    await daemon.start();
  } catch (error) {
    await dispose();
    throw error;
  }
  return Object.freeze({
    url: `http://127.0.0.1:${daemon.port}`,
    logFile: daemon.logFile,
    get pid() {
      return daemon.pid;
    },
    stop: async () => daemon.end('SIGTERM'),
    kill9: async () => daemon.end('SIGKILL'),
    restart: async () => {
      await daemon.end('SIGTERM');
      await daemon.start(daemon.port);
    },
    [Symbol.asyncDispose]: dispose,
  });
}

async function commandOf(
  installed: InstalledConnect,
  dataDir: string,
  port: number,
  options: WorkerOptions,
): Promise<readonly [string, ...string[]]> {
  const file = join(dataDir, 'worker.properties');
  await writeFile(file, propertiesOf(port, options), { mode: 0o600 });
  const user = serverUser();
  if (user !== undefined) await chown(file, user.uid, user.gid);
  const logTo = `-Dlog4j2.configurationFile=${join(dataDir, 'log4j2.properties')}`;
  const main = 'org.apache.kafka.connect.cli.ConnectDistributed';
  return [
    installed.program,
    ...javaFlags[options.isMeasured === true ? 'measured' : 'test'],
    logTo,
    '-cp',
    installed.classPath,
    main,
    file,
  ];
}

function propertiesOf(port: number, { bootstrap, group, pluginPath, settings }: WorkerOptions): string {
  const storage = Object.fromEntries(
    ['config', 'offset', 'status'].flatMap((kind) => [
      [`${kind}.storage.topic`, `${group}-${kind}`],
      [`${kind}.storage.replication.factor`, '1'],
      ...(kind === 'config' ? [] : [[`${kind}.storage.partitions`, '1']]),
    ]),
  ) as Readonly<Record<string, string>>;
  const properties: Readonly<Record<string, string>> = {
    'bootstrap.servers': bootstrap,
    'group.id': group,
    ...storage,
    'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    listeners: `http://127.0.0.1:${port}`,
    'rest.advertised.host.name': '127.0.0.1',
    'rest.advertised.port': String(port),
    // An empty one is refused; what lies on the class path is found without.
    ...(pluginPath.length === 0 ? {} : { 'plugin.path': pluginPath.join(',') }),
    'plugin.discovery': 'service_load',
    'connector.client.config.override.policy': 'All',
    'offset.flush.interval.ms': '1000',
    // What a worker that was killed has left is given to the others at once, not after five minutes.
    'scheduled.rebalance.max.delay.ms': '0',
    'session.timeout.ms': '10000',
    'heartbeat.interval.ms': '2000',
    'task.shutdown.graceful.timeout.ms': '5000',
    ...settings,
  };
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n`)
    .join('');
}
