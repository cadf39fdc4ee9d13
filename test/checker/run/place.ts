import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MigrationEvent } from '../../../src/app/events.ts';
import type { Side } from '../../../src/model/catalog.ts';
import { asPostgresMajor } from '../../../tools/servers/install-postgres.ts';
import { pgTools } from '../../../tools/servers/pg-tools.ts';
import { startPostgres, type PostgresServer } from '../../../tools/servers/postgres.ts';
import { withClient } from '../../../tools/servers/with-client.ts';
import { endProcesses } from '../../support/teal-place.ts';
import { Random } from '../random.ts';
import type { Schedule } from '../schedule.ts';
import { seamEnvironment } from '../seams/index.ts';
import { Controller } from './controllers.ts';
import type { ControllerTask } from './controller.ts';
import { Crew } from './crew.ts';
import { Failpoints } from './failpoints.ts';
import { openNetwork, type Network } from './network.ts';
import type { Link, Pair, ProcessName, World } from './world.ts';

/** How long the clients of a run may be held: what the migration file says. */
export const maxPauseMs = 4_000;
const drainMs = 1_500;

/** The servers, the links between them and Teal, the migration file and every process of a run. Nothing of it stays. */
export class Place implements World, AsyncDisposable {
  readonly random: Random;
  readonly folder: string;
  readonly stateDir: string;
  readonly servers: Record<Side, PostgresServer>;
  readonly links: Readonly<Record<Pair, Link>>;
  readonly #network: Network;
  readonly failpoints: Failpoints;
  readonly crew: Crew;
  /** What clients connect to. */
  readonly clientUrl: string;
  readonly file: string;
  readonly #majors: readonly [blue: number, green: number];
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
    const majors = [schedule.blue, schedule.green] as const;
    const started = await Promise.allSettled(majors.map(startServer));
    for (const each of started) if (each.status === 'fulfilled') stack.use(each.value);
    const [blue, green] = started.map((each) => {
      if (each.status === 'rejected') throw each.reason;
      return each.value;
    }) as [PostgresServer, PostgresServer];
    const network = stack.use(await openNetwork({ blue, green }));
    const { binDir } = await pgTools(...majors);
    // Flows, proxy, holders and supervisor: ended before the folder that they write to goes.
    stack.defer(async () => endProcesses(folder));
    const file = await writeMigrationFile(folder, network.listenPort);
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
        TEAL_PG_BIN: binDir,
        BLUE_URL: network.urls.blue,
        GREEN_URL: network.urls.green,
      },
    });
  }

  private constructor(parts: {
    readonly schedule: Schedule;
    readonly folder: string;
    readonly file: string;
    readonly failpoints: Failpoints;
    readonly servers: Record<Side, PostgresServer>;
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
    this.clientUrl = parts.network.clientUrl;
    this.#majors = [parts.schedule.blue, parts.schedule.green];
    this.#env = parts.env;
    this.#stack = parts.stack;
  }

  replace(side: Side, server: PostgresServer): void {
    this.#stack.use(server);
    this.servers[side] = server;
    this.#network.retarget(side, server.port);
  }

  async moreClients(url: string): Promise<() => Promise<void>> {
    const child = await this.crew.joinAt(url);
    return async () => this.crew.leave(child);
  }

  url(side: Side): string {
    return this.servers[side].url;
  }

  async live(): Promise<Side> {
    return (await this.owner()).side;
  }

  /** By the owner rows of both sides; the highest epoch rules. */
  async owner(): Promise<{ readonly side: Side; readonly epoch: number }> {
    const rows = await Promise.all((['blue', 'green'] as const).map(async (side) => ownerRow(this.url(side))));
    const newest = rows.filter((row) => row !== undefined).toSorted((a, b) => b.epoch - a.epoch)[0];
    return newest ?? { side: 'blue', epoch: 0 };
  }

  /** One at a time, but for the second of `two controllers`. */
  control(command: ControllerTask['command'], second = false): Controller {
    if (this.#isClosed) throw new Error('the run has ended');
    const controller = new Controller({ file: this.file, command, majors: this.#majors }, this.#env, (event) =>
      this.onEvent(event),
    );
    if (!second) this.#controller = controller;
    return controller;
  }

  pids(of: ProcessName): readonly number[] {
    if (of === 'controller') return [this.#controller?.pid].filter((pid) => pid !== undefined);
    const { stdout } = spawnSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8', maxBuffer: 64 << 20 });
    return stdout
      .split('\n')
      .filter((line) => line.includes(this.folder) && marks[of].every((mark) => line.includes(mark)))
      .map((line) => Number.parseInt(line, 10));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#stack.disposeAsync();
  }
}

/** What the arguments of a process say. */
const marks: Readonly<Record<Exclude<ProcessName, 'controller'>, readonly string[]>> = {
  supervisor: ['supervisor-main'],
  'worker forward': ['carrier-main', 'carrier-forward'],
  'worker reverse': ['carrier-main', 'carrier-reverse'],
  proxy: ['proxy-main'],
  holder: ['holder-main'],
};

const startServer = async (major: number): Promise<PostgresServer> =>
  startPostgres({
    major: asPostgresMajor(major),
    // Invariant 7 reads when the doors moved. Deadlocks of many clients, found after a second each, would last longer than a cut lets transactions drain.
    settings: { max_connections: '200', track_commit_timestamp: 'on', deadlock_timeout: '200ms' },
  });

async function writeMigrationFile(folder: string, port: number): Promise<string> {
  const file = join(folder, 'teal.yaml');
  const lines = [
    'teal: 1',
    'name: check',
    'blue: { url: "${BLUE_URL}" }',
    'green: { url: "${GREEN_URL}" }',
    `traffic: { router: proxy, listen: "127.0.0.1:${port}", clientAuth: trust }`,
    `cutover: { maxPause: ${maxPauseMs}ms, drain: ${drainMs}ms, gates: [{ person: checker }] }`,
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  return file;
}

async function ownerRow(url: string): Promise<{ readonly side: Side; readonly epoch: number } | undefined> {
  return withClient(url, async (client) => {
    const there = await client.query<{ there: boolean }>(`select to_regclass('teal.owner') is not null as there`);
    if (there.rows[0]?.there !== true) return undefined;
    const sql = 'select owner as side, epoch from teal.owner order by epoch desc limit 1';
    return (await client.query<{ side: Side; epoch: number }>(sql)).rows[0];
  });
}
