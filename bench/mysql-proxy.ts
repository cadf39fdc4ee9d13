import { join } from 'node:path';
import { ensureProxy } from '../src/traffic/proxy/client.ts';
import { freePort } from '../tools/servers/free-port.ts';
import type { MysqlServer } from '../tools/servers/mysql.ts';
import type { Arena, Benchmark, Contender, Reading, Settings, Target, Variant } from './benchmark.ts';
import { countCpu } from './cpu.ts';
import { createDatabase } from './data/mysql-sets.ts';
import { openFolder } from './folder.ts';
import { execute, openMysql, urlOf, versionOf } from './mysql-pair.ts';
import { passThrough, startPassThrough, type Way } from './peers/start-pass-through.ts';
import { installSysbench, pointSelects, prepareSysbench, type Load, type Sysbench } from './peers/sysbench.ts';

const direct = 'no proxy';
const modes = ['simple', 'prepared'] as const;

const targets: readonly Target[] = [
  { figure: 'TPS', against: passThrough, first: '>= 0.7', goal: '>= 0.85' },
  { figure: 'cpu proxy', against: passThrough, first: '<= 2', goal: '<= 1.5' },
];

export const mysqlProxy: Benchmark = {
  name: 'mysql-proxy',
  title: 'The proxy of MySQL: sysbench through it',
  about: `A fixed number of reads of one row by its key (\`oltp_point_select\`), 100 thousand rows and all in memory, each client on its connection for the whole round. \`cpu proxy\` is the time of the
process between alone; nobody uses TLS. *${passThrough}* is a program of Node's sockets that passes bytes on unseen: the floor for any proxy written on them. A round counts when every read was answered.`,
  chart: 'TPS',
  between: () => 'MySQL 8.0',
  variants: modes.flatMap((mode) =>
    [1, 8, 32].map((clients) => variantOf({ mode, clients, transactions: clients === 1 ? 15_000 : 40_000 })),
  ),
};

function variantOf(load: Omit<Load, 'port'>): Variant {
  const { mode, clients } = load;
  return {
    name: `${mode}, ${clients} ${clients === 1 ? 'client' : 'clients'}`,
    about: `\`--db-ps-mode=${mode === 'prepared' ? 'auto' : 'disable'} --threads=${clients}\`.`,
    targets,
    open: async (settings) => open(load, settings),
  };
}

async function open(load: Omit<Load, 'port'>, settings: Settings): Promise<Arena> {
  await using stack = new AsyncDisposableStack();
  const blue = stack.use(await openMysql('mysql-8.0', 1));
  const green = stack.use(await openMysql('mysql-8.0', 2));
  const sysbench = await installSysbench();
  await execute(blue, [createDatabase]);
  await prepareSysbench(sysbench, blue.port);
  const transactions = Math.ceil((load.transactions * settings.scale) / load.clients) * load.clients;
  const wanted = { ...load, transactions };
  const teal = await tealProxy(blue, green, stack);
  const bare = await startPassThrough(blue, stack);
  const contender = (name: string, role: Contender['role'], way: Way): Contender => ({
    name,
    role,
    round: async () => measure(sysbench, wanted, way, blue),
  });
  const kept = stack.move();
  return {
    versions: [await versionOf(blue), sysbench.version],
    contenders: [
      contender('Teal', 'teal', teal),
      contender(passThrough, 'limit', bare),
      contender(direct, 'limit', { port: blue.port }),
    ],
    // The first connections, and the first thousands of messages of a program that is compiled while it runs.
    beforeRound: async (round) => {
      if (round === 1) for (const way of [teal, bare]) await measure(sysbench, wanted, way, blue);
    },
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  };
}

async function tealProxy(blue: MysqlServer, green: MysqlServer, stack: AsyncDisposableStack): Promise<Way> {
  const port = await freePort();
  const folder = await openFolder(stack);
  const router = await ensureProxy({
    entry: join(import.meta.dirname, '../src/app/proxy-main.ts'),
    stateDir: folder,
    blueUrl: urlOf(blue),
    greenUrl: urlOf(green),
    config: { migration: 'bench', listen: { host: '127.0.0.1', port }, controlPath: join(folder, 'control') },
  });
  stack.defer(async () => router.stop());
  const { pid } = await router.about();
  return { port, pid };
}

/** sysbench's clock runs from when all are connected. */
async function measure(sysbench: Sysbench, load: Omit<Load, 'port'>, way: Way, blue: MysqlServer): Promise<Reading> {
  const readCpu = countCpu({
    blue: () => [blue.pid],
    ...(way.pid === undefined ? {} : { proxy: () => [way.pid] }),
    clients: () => ['ended children'],
  });
  const { transactions, seconds, averageMs, p99Ms } = await pointSelects(sysbench, { ...load, port: way.port });
  const cpu = readCpu();
  if (transactions !== load.transactions) throw new Error(`sysbench did ${transactions}, not ${load.transactions}`);
  const each = way.pid === undefined ? {} : { 'proxy µs/query': ((cpu['proxy'] ?? 0) / transactions) * 1e6 };
  return {
    seconds,
    cpu,
    figures: { TPS: transactions / seconds, 'latency ms': averageMs, 'latency p99 ms': p99Ms, ...each },
  };
}
