import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MigrationEvent } from '../../../src/app/events.ts';
import type { DoorMove, Sample } from '../../../src/testing/checker/invariants.ts';
import type { Side } from '../../../src/model/catalog.ts';
import { asPostgresMajor } from '../../../tools/servers/install-postgres.ts';
import { pgTools } from '../../../tools/servers/pg-tools.ts';
import { startMysql } from '../../../tools/servers/mysql.ts';
import { startPostgres } from '../../../tools/servers/postgres.ts';
import { withClient } from '../../../tools/servers/with-client.ts';
import { endProcesses } from '../../support/teal-place.ts';
import { Random } from '../random.ts';
import type { Schedule } from '../schedule.ts';
import { seamEnvironment } from '../seams/index.ts';
import { clientUrlOf, database, makeAccount, mysqlStore } from '../stores/mysql.ts';
import { postgresStore } from '../stores/postgres.ts';
import type { OwnerRow, Store } from '../stores/store.ts';
import { asSeries, majorOf, majorsOf, pairKind, type PairKind, type SystemName } from '../systems.ts';
import { Controller } from './controllers.ts';
import type { ControllerTask } from './controller.ts';
import { Crew } from './crew.ts';
import { Failpoints } from './failpoints.ts';
import { openNetwork, withPort, type Network } from './network.ts';
import { pidsOf } from './pids.ts';
import { sampleServers } from './samples.ts';
import { patiently, slowness } from './slowness.ts';
import type { Link, Pair, ProcessName, RunServer, World } from './world.ts';

/** How long the clients of a run may be held: what the migration file says. */
export const maxPauseMs = patiently(4_000);
const drainMs = patiently(1_500);

/** The servers, the links between them and Teal, the migration file and every process of a run. Nothing of it stays. */
export class Place implements World, AsyncDisposable {
  readonly random: Random;
  readonly folder: string;
  readonly stateDir: string;
  readonly servers: Record<Side, RunServer>;
  readonly kind: PairKind;
  readonly links: Readonly<Record<Pair, Link>>;
  readonly #network: Network;
  readonly failpoints: Failpoints;
  readonly crew: Crew;
  /** What clients connect to. */
  readonly clientUrl: string;
  readonly file: string;
  readonly #majors: readonly [blue: number, green: number] | undefined;
  readonly #env: NodeJS.ProcessEnv;
  readonly #stack: AsyncDisposableStack;
  #controller: Controller | undefined;
  #isClosed = false;
  /** Hears what every controller tells. */
  onEvent: (event: MigrationEvent) => void = () => undefined;

  /** `mutant`: of the product, by its name. */
  static async open(schedule: Schedule, mutant?: string): Promise<Place> {
    await using stack = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), 'teal-check-'));
    stack.defer(async () => rm(folder, { recursive: true, force: true }));
    const kind = pairKind(schedule.blue, schedule.green);
    const started = await Promise.allSettled([schedule.blue, schedule.green].map(startServer));
    for (const each of started) if (each.status === 'fulfilled') stack.use(each.value);
    const [blue, green] = started.map((each) => {
      if (each.status === 'rejected') throw each.reason;
      return each.value;
    }) as [RunServer, RunServer];
    const network = stack.use(await openNetwork({ blue, green }));
    const majors = majorsOf(schedule.blue, schedule.green);
    // Flows, proxy, holders and supervisor: ended before the folder that they write to goes.
    stack.defer(async () => endProcesses(folder));
    const file = await writeMigrationFile(folder, migrationLines(kind, { blue, green }, network.listenPort));
    const failpoints = new Failpoints(folder);
    return new Place({
      schedule,
      folder,
      file,
      failpoints,
      servers: { blue, green },
      network,
      stack: stack.move(),
      env: {
        ...process.env,
        ...seamEnvironment({ folder, ...(mutant === undefined ? {} : { mutant }) }),
        ...failpoints.environment,
        ...(majors === undefined ? {} : { TEAL_PG_BIN: (await pgTools(...majors)).binDir }),
        BLUE_URL: withPort(urlOf(blue, database), network.ports.blue),
        GREEN_URL: withPort(urlOf(green), network.ports.green),
      },
    });
  }

  private constructor(parts: {
    readonly schedule: Schedule;
    readonly folder: string;
    readonly file: string;
    readonly failpoints: Failpoints;
    readonly servers: Record<Side, RunServer>;
    readonly network: Network;
    readonly stack: AsyncDisposableStack;
    readonly env: NodeJS.ProcessEnv;
  }) {
    this.random = new Random(parts.schedule.seed).fork('faults');
    this.folder = parts.folder;
    this.stateDir = join(parts.folder, '.teal', 'check');
    this.crew = new Crew(parts.folder, parts.schedule);
    this.file = parts.file;
    this.failpoints = parts.failpoints;
    this.servers = parts.servers;
    this.#network = parts.network;
    this.links = parts.network.links;
    this.kind = pairKind(parts.schedule.blue, parts.schedule.green);
    this.clientUrl = clientUrl(this.kind, parts.servers, parts.network);
    this.#majors = majorsOf(parts.schedule.blue, parts.schedule.green);
    this.#env = parts.env;
    this.#stack = parts.stack;
  }

  replace(side: Side, server: RunServer): void {
    this.#stack.use(server);
    this.servers[side] = server;
    this.#network.retarget(side, server.port);
  }

  async moreClients(url: string): Promise<() => Promise<void>> {
    const child = await this.crew.joinAt(url);
    return async () => this.crew.leave(child);
  }

  url(side: Side): string {
    return urlOf(this.servers[side]);
  }

  store(side: Side): Store {
    if ('series' in this.servers[side]) return mysqlStore(this.url(side), side);
    return postgresStore(this.kind === 'postgres' ? this.url(side) : inSchema(this.url(side)), side);
  }

  async doorMoves(): Promise<readonly DoorMove[]> {
    return (await Promise.all(sides.map(async (side) => this.store(side).doorMoves()))).flat();
  }

  /** Of both sides, by names that say which. */
  async outside(): Promise<Readonly<Record<string, string>>> {
    const each = await Promise.all(
      sides.map(async (side) =>
        Object.entries(await this.store(side).outside()).map(([name, value]) => [`${side}: ${name}`, value] as const),
      ),
    );
    return Object.fromEntries(each.flat());
  }

  /** What the servers keep for Teal. Nothing of it is bounded on other systems. */
  async sample(): Promise<readonly Sample[]> {
    if (this.kind !== 'postgres') return [];
    return withClient(this.url('blue'), async (blue) =>
      withClient(this.url('green'), async (green) => sampleServers({ blue, green })),
    );
  }

  async live(): Promise<Side> {
    return (await this.owner()).side;
  }

  /** By the owner rows of both sides; the highest epoch rules. */
  async owner(): Promise<OwnerRow> {
    const rows = await Promise.all(sides.map(async (side) => this.store(side).ownerRow()));
    const newest = rows.filter((row) => row !== undefined).toSorted((a, b) => b.epoch - a.epoch)[0];
    return newest ?? { side: 'blue', epoch: 0 };
  }

  /** One at a time, but for the second of `two controllers`. */
  control(command: ControllerTask['command'], second = false): Controller {
    if (this.#isClosed) throw new Error('the run has ended');
    const controller = new Controller(
      { file: this.file, command, ...(this.#majors === undefined ? {} : { majors: this.#majors }) },
      this.#env,
      (event) => this.onEvent(event),
    );
    if (!second) this.#controller = controller;
    return controller;
  }

  pids(of: ProcessName): readonly number[] {
    if (of === 'controller') return [this.#controller?.pid].filter((pid) => pid !== undefined);
    return pidsOf(of, this.folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#stack.disposeAsync();
  }
}

const sides = ['blue', 'green'] as const;

async function startServer(system: SystemName): Promise<RunServer> {
  const major = majorOf(system);
  if (major === undefined) {
    // A client waits for another one's lock for as long as that takes, as it does on PostgreSQL.
    const settings = { 'innodb-lock-wait-timeout': '3600' };
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await startMysql({ series: asSeries(system), settings }));
    await makeAccount(urlOf(server));
    stack.move();
    return server;
  }
  return startPostgres({
    major: asPostgresMajor(major),
    // Invariant 7 reads when the doors moved. Deadlocks of many clients, found after a second each, would last longer than a cut lets transactions drain.
    settings: { max_connections: '200', track_commit_timestamp: 'on', deadlock_timeout: '200ms' },
  });
}

/** As its administrator. `name`: of MySQL's database, which is not there before the run has made it. */
function urlOf(server: RunServer, name = ''): string {
  return 'series' in server ? `mysql://root@127.0.0.1:${server.port}/${name}` : server.url;
}

/** Through Teal's proxy; or both servers, through what stands before them. */
function clientUrl(kind: PairKind, { blue, green }: Readonly<Record<Side, RunServer>>, network: Network): string {
  if (kind === 'postgres') return withPort(urlOf(blue), network.clientPort);
  if (kind === 'mysql') return clientUrlOf(network.clientPort);
  return `${clientUrlOf(network.ports.blue)} ${inSchema(withPort(urlOf(green), network.ports.green))}`;
}

/** Of PostgreSQL, for sessions that find in their path what was MySQL's database. */
function inSchema(url: string): string {
  const other = new URL(url);
  other.searchParams.set('options', `-c search_path=${database}`);
  return other.href;
}

function migrationLines(kind: PairKind, servers: Readonly<Record<Side, RunServer>>, port: number): readonly string[] {
  const system = (server: RunServer): string => ('flavour' in server ? server.flavour : 'postgres');
  const auth = kind === 'postgres' ? ', clientAuth: trust' : '';
  return [
    ...sides.map((side) => `${side}: { system: ${system(servers[side])}, url: "\${${side.toUpperCase()}_URL}" }`),
    kind === 'mysql to postgres'
      ? 'traffic: { router: none }'
      : `traffic: { router: proxy, listen: "127.0.0.1:${port}"${auth} }`,
  ];
}

async function writeMigrationFile(folder: string, lines: readonly string[]): Promise<string> {
  const file = join(folder, 'teal.yaml');
  const locks = slowness === 1 ? '' : `lockTimeout: ${Math.round(maxPauseMs / 4)}ms, `;
  const cutover = `cutover: { maxPause: ${maxPauseMs}ms, drain: ${drainMs}ms, ${locks}gates: [{ person: checker }] }`;
  await writeFile(file, `${['teal: 1', 'name: check', ...lines, cutover].join('\n')}\n`);
  return file;
}
