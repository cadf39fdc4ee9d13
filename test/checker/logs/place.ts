import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  adminUrl,
  fileOf,
  furnish,
  kafkaTopics,
  kafkaUsers,
  startCrowd,
  type KafkaStage,
} from '../../../demo/kafka-stage.ts';
import type { KafkaCrowd } from '../../../demo/kafka-crowd.ts';
import { must } from '../../../src/kernel/assert.ts';
import type { Side } from '../../../src/model/catalog.ts';
import type { OwnerRow } from '../../../src/ports/fence.ts';
import { openSides, type OpenSides } from '../../../src/systems/kafka/both-sides.ts';
import { decidedOn, newestOwner, type ControlState } from '../../../src/systems/kafka/control/control-state.ts';
import { readCommitted } from '../../../src/systems/kafka/mirror/read-committed.ts';
import type { KafkaMove } from '../../../src/systems/kafka/roles.ts';
import type { LogRecord } from '../../../src/testing/checker/log-history.ts';
import { readContent } from '../../../src/wire/kafka/record.ts';
import { startKafka, type KafkaServer } from '../../../tools/servers/kafka.ts';
import { endProcesses } from '../../support/teal-place.ts';
import { Random } from '../random.ts';
import { Controller } from '../run/controllers.ts';
import type { ControllerTask } from '../run/controller.ts';
import { Failpoints } from '../run/failpoints.ts';
import { pidsOf } from '../run/pids.ts';
import { patiently } from '../run/slowness.ts';
import type { ProcessName } from '../run/world.ts';
import type { LogSchedule } from './schedule.ts';

/** Clusters that others use too: nobody may kill their brokers. Names of the run begin with `prefix`. */
export interface SharedClusters {
  readonly prefix: string;
  readonly bootstrap: Readonly<Record<Side, string>>;
}

export interface LogPlaceOptions {
  /** Default: two of its own. */
  readonly clusters?: SharedClusters;
  /** Told what clients met that was no refusal. */
  readonly onTrouble: (what: string) => void;
}

type Command = ControllerTask['command'];

const readMs = patiently(60_000);

/** The clusters, the clients, the migration file and every process of a run. Nothing of it stays. */
export class LogPlace implements AsyncDisposable {
  readonly random: Random;
  readonly folder: string;
  readonly stateDir: string;
  readonly crowd: KafkaCrowd;
  readonly failpoints: Failpoints;
  /** Undefined where they are of others. */
  readonly servers: Readonly<Record<Side, KafkaServer>> | undefined;
  readonly topics: readonly string[];
  readonly #stage: KafkaStage;
  readonly #name: string;
  readonly #file: string;
  readonly #stack: AsyncDisposableStack;
  #controller: Controller | undefined;

  static async open(schedule: LogSchedule, { clusters, onTrouble }: LogPlaceOptions): Promise<LogPlace> {
    await using stack = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), 'teal-check-'));
    stack.defer(async () => rm(folder, { recursive: true, force: true }));
    const servers = clusters === undefined ? await ownServers(stack) : undefined;
    const stage: KafkaStage = clusters ?? {
      prefix: 'check.',
      bootstrap: { blue: servers?.blue.bootstrap ?? '', green: servers?.green.bootstrap ?? '' },
    };
    await furnish(stage);
    const { pauseMs, keysEach, seed } = schedule;
    const crowd = stack.use(await startCrowd(stage, { pauseMs, keysEach, onTrouble }));
    // Flows and supervisor: ended before the folder that they write to goes.
    stack.defer(async () => endProcesses(folder));
    const name = stage.prefix.replaceAll(/[^a-z0-9]+/g, '');
    const file = join(folder, 'teal.yaml');
    await writeFile(file, fileOf(stage.prefix, crowd.url, { name, person: 'checker' }));
    return new LogPlace({ folder, file, name, stage, crowd, seed, servers, stack: stack.move() });
  }

  private constructor(parts: {
    readonly folder: string;
    readonly file: string;
    readonly name: string;
    readonly stage: KafkaStage;
    readonly crowd: KafkaCrowd;
    readonly seed: number;
    readonly servers: Readonly<Record<Side, KafkaServer>> | undefined;
    readonly stack: AsyncDisposableStack;
  }) {
    this.random = new Random(parts.seed).fork('faults');
    this.folder = parts.folder;
    this.stateDir = join(parts.folder, '.teal', parts.name);
    this.crowd = parts.crowd;
    this.failpoints = new Failpoints(parts.folder);
    this.servers = parts.servers;
    this.topics = Object.keys(kafkaTopics).map((topic) => `${parts.stage.prefix}${topic}`);
    this.#stage = parts.stage;
    this.#name = parts.name;
    this.#file = parts.file;
    this.#stack = parts.stack;
  }

  /** One at a time, but for the second of `two controllers`. */
  control(
    command: Command,
    { groups, second = false }: { groups?: readonly string[]; second?: boolean } = {},
  ): Controller {
    const task: ControllerTask = { file: this.#file, command, ...(groups === undefined ? {} : { groups }) };
    const controller = new Controller(task, this.#env, () => undefined);
    if (!second) this.#controller = controller;
    return controller;
  }

  pids(of: ProcessName): readonly number[] {
    if (of !== 'controller') return pidsOf(of, this.folder);
    return [this.#controller?.pid].filter((pid) => pid !== undefined);
  }

  /** By the control topics of both sides. */
  async owner(): Promise<OwnerRow> {
    return this.#within(async (sides, signal) => newestOwner(await statesOf(sides, signal)));
  }

  /** What Teal has made and decided, by names that say on which side. */
  async outside(): Promise<Readonly<Record<string, string>>> {
    return this.#within(async (sides, signal) => {
      const states = await statesOf(sides, signal);
      const named = sidesOf.map(async (side): Promise<readonly (readonly [string, string])[]> => {
        const topics = await sides[side].cluster.topicsBeginning(`teal.${this.#name}.`);
        const { tokens, held, made } = states[side];
        const owner = decidedOn(states[side]);
        return [
          [`${side}: topics`, topics.toSorted().join(' ')],
          [`${side}: tokens`, tokens.join(' ')],
          [`${side}: owner`, JSON.stringify(owner ?? null)],
          [`${side}: held back`, [...held.keys()].join(' ')],
          [`${side}: made`, [...made].join(' ')],
        ];
      });
      return Object.fromEntries((await Promise.all(named)).flat());
    });
  }

  /** Topics of Teal's on either side. */
  async leftovers(): Promise<readonly string[]> {
    return this.#within(async (sides) => {
      const named = sidesOf.map(async (side) =>
        (await sides[side].cluster.topicsBeginning(`teal.${this.#name}.`)).map((topic) => `${topic} of ${side}`),
      );
      return (await Promise.all(named)).flat();
    });
  }

  /** Every committed record of a side: partition after partition. */
  async readLog(side: Side): Promise<readonly LogRecord[]> {
    return this.#within(async (sides, signal) => {
      const { cluster } = sides[side];
      const found: LogRecord[] = [];
      for (const place of [...(await cluster.partitionsOf(this.topics)).values()].flat()) {
        const from = await cluster.offsetOf(place, 'earliest');
        const end = await cluster.offsetOf(place, 'stable');
        const limits = { openTransactionsMs: readMs, signal };
        for await (const { content } of readCommitted(cluster, place, { from, end }, limits)) {
          const { key, value } = readContent(content);
          const [producer = '', number = ''] = String(value).split(':');
          found.push({ producer, key: String(key), number: Number(number) });
        }
      }
      return found;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  get #env(): NodeJS.ProcessEnv {
    const { blue, green } = this.#stage.bootstrap;
    return {
      ...process.env,
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? resolve('.cache/compile'),
      ...this.failpoints.environment,
      BLUE_URL: adminUrl(blue),
      GREEN_URL: adminUrl(green),
    };
  }

  async #within<T>(work: (sides: OpenSides, signal: AbortSignal) => Promise<T>): Promise<T> {
    const { blue, green } = this.#stage.bootstrap;
    const move: KafkaMove = {
      urls: { blue: adminUrl(blue), green: adminUrl(green) },
      migration: this.#name,
      topics: this.topics,
    };
    const signal = AbortSignal.timeout(readMs);
    await using sides = await openSides(move, 'check', signal);
    return await work(sides, signal);
  }
}

const sidesOf = ['blue', 'green'] as const;

async function ownServers(stack: AsyncDisposableStack): Promise<Readonly<Record<Side, KafkaServer>>> {
  const started = await Promise.allSettled(sidesOf.map(async () => startKafka({ users: kafkaUsers })));
  for (const each of started) if (each.status === 'fulfilled') stack.use(each.value);
  const [blue, green] = started.map((each) => {
    if (each.status === 'rejected') throw each.reason;
    return each.value;
  });
  return { blue: must(blue, 'a broker'), green: must(green, 'a broker') };
}

async function statesOf(sides: OpenSides, signal: AbortSignal): Promise<Readonly<Record<Side, ControlState>>> {
  return { blue: await sides.blue.control.state(signal), green: await sides.green.control.state(signal) };
}
