import { join } from 'node:path';
import { must } from '../src/kernel/assert.ts';
import { ensureProxy } from '../src/traffic/proxy/client.ts';
import { freePort } from '../tools/servers/free-port.ts';
import { runProgram } from '../tools/servers/run-program.ts';
import type { Arena, Benchmark, Contender, Reading, Settings, Target, Variant } from './benchmark.ts';
import { countCpu } from './cpu.ts';
import { databaseUrl, freshDatabase, openPair, type Pair } from './pair.ts';
import { startPgBouncer } from '../tools/servers/pgbouncer.ts';
import { passThrough, startPassThrough, type Way } from './peers/start-pass-through.ts';

const pgbouncer = 'PgBouncer 1.24';
const modes = ['simple', 'prepared'] as const;
const loads = [
  [1, 15_000, 1],
  [8, 40_000, 1],
  [32, 40_000, 1],
  [32, 40_000, 2],
] as const;

interface Load {
  readonly mode: (typeof modes)[number];
  readonly clients: number;
  readonly transactions: number;
  /** That serve clients. */
  readonly processes: number;
}

const targets: readonly Target[] = [
  { figure: 'TPS', against: pgbouncer, first: '>= 0.9', goal: '>= 1.2' },
  { figure: 'cpu proxy', against: pgbouncer, first: '<= 2', goal: '<= 1.3' },
];

export const proxyBenchmark: Benchmark = {
  name: 'proxy',
  title: 'The proxy: pgbench -S through it',
  about: `A fixed number of \`pgbench -S\` transactions, scale 10 and all in memory, each client on its connection for the whole round. \`cpu proxy\` is the time of the process between alone.
PgBouncer pools sessions, as Teal's proxy does; nobody uses TLS. *${passThrough}* is a program of Node's sockets that passes bytes on unseen: the floor for any proxy written on them.`,
  chart: 'TPS',
  variants: modes.flatMap((mode) =>
    loads.map(([clients, transactions, processes]) => variantOf({ mode, clients, transactions, processes })),
  ),
};

function variantOf(load: Load): Variant {
  const { mode, clients, processes } = load;
  const [among, served] =
    processes === 1
      ? ['', '']
      : [`, ${processes} processes`, ` Teal's proxy with \`traffic.processes: ${processes}\`.`];
  return {
    name: `${mode}, ${clients} ${clients === 1 ? 'client' : 'clients'}${among}`,
    about: `\`pgbench -S -M ${mode} -c ${clients}\`.${served}`,
    targets,
    open: async (settings) => open(load, settings),
  };
}

async function open(load: Load, settings: Settings): Promise<Arena> {
  await using stack = new AsyncDisposableStack();
  const pair = stack.use(await openPair(settings));
  await runProgram(pair.tools.pgbench, ['-i', '-q', '-s', '10', pair.blue.url]);
  const wanted = { ...load, transactions: Math.ceil((load.transactions * settings.scale) / load.clients) };
  const bouncer = stack.use(await startPgBouncer({ release: 'newer', mode: 'session', server: pair.blue }));
  const teal = await tealProxy(pair, stack, load.processes);
  const bare = await startPassThrough(pair.blue, stack);
  const contender = (name: string, role: Contender['role'], way: Way): Contender => ({
    name,
    role,
    round: async () => measure(wanted, way, pair),
  });
  const kept = stack.move();
  return {
    contenders: [
      contender('Teal', 'teal', teal),
      contender(pgbouncer, 'peer', bouncer),
      contender(passThrough, 'limit', bare),
      contender('no proxy', 'limit', { port: pair.blue.port }),
    ],
    // The first connections, and the first thousands of messages of a program that is compiled while it runs.
    beforeRound: async (round) => {
      if (round === 1) for (const way of [teal, bouncer, bare]) await measure(wanted, way, pair);
    },
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  };
}

async function tealProxy(pair: Pair, stack: AsyncDisposableStack, processes: number): Promise<Way> {
  const port = await freePort();
  const green = await freshDatabase(pair.blue, 'other_side');
  const plain = (url: string): string => `${url}?sslmode=disable`;
  const router = await ensureProxy({
    entry: join(import.meta.dirname, '../src/app/proxy-main.ts'),
    stateDir: pair.folder,
    blueUrl: plain(databaseUrl(pair.blue, 'postgres')),
    greenUrl: plain(green),
    config: {
      migration: 'bench',
      listen: { host: '127.0.0.1', port },
      clientAuth: 'trust',
      controlPath: join(pair.folder, 'control'),
      ...(processes === 1 ? {} : { processes }),
    },
  });
  stack.defer(async () => router.stop());
  const { pid } = await router.about();
  return { port, pid };
}

/** pgbench tells its rate without the time that connecting took. */
async function measure(load: Load, way: Way, pair: Pair): Promise<Reading> {
  const { mode, clients, transactions } = load;
  const cpu = countCpu({
    blue: () => [pair.blue.pid],
    ...(way.pid === undefined ? {} : { proxy: () => [way.pid] }),
    clients: () => ['ended children'],
  });
  const url = `postgres://postgres@127.0.0.1:${way.port}/postgres`;
  const args = ['-S', '-n', '-M', mode, '-c', String(clients), '-t', String(transactions), url];
  const said = await runProgram(pair.tools.pgbench, args, { timeoutMs: 600_000 });
  const read = (pattern: RegExp): number => Number(must(pattern.exec(said)?.[1], `what pgbench says of ${pattern}`));
  const [tps, latency] = [read(/tps = ([\d.]+)/), read(/latency average = ([\d.]+) ms/)];
  const done = read(/actually processed: (\d+)/);
  const failed = read(/failed transactions: (\d+)/);
  if (failed > 0 || done !== clients * transactions) throw new Error(`pgbench did ${done}, ${failed} failed`);
  const seconds = cpu();
  const each = way.pid === undefined ? {} : { 'proxy µs/query': ((seconds['proxy'] ?? 0) / done) * 1e6 };
  return { seconds: done / tps, cpu: seconds, figures: { TPS: tps, 'latency ms': latency, ...each } };
}
