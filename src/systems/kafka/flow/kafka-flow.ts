import { monotonicMs, sleep, waitFor } from '../../../kernel/clock.ts';
import { must } from '../../../kernel/assert.ts';
import { TealError } from '../../../kernel/errors.ts';
import { otherSide, type Side } from '../../../model/catalog.ts';
import { openSides, type OpenSides } from '../both-sides.ts';
import { taskOf, type ControlState, type FlowTask, type OwnedTopic } from '../control/control-state.ts';
import { offsetsOf } from '../fence/at-rest.ts';
import { closedByBroker, closingOf } from '../fence/closing.ts';
import { heldSettings } from '../fence/held-settings.ts';
import { FollowSession } from '../follow/follow-session.ts';
import { Together } from '../follow/together.ts';
import { keyOf, type LedPartition } from '../mirror/cluster.ts';
import { mapConfigs, mostMapPartitions } from '../mirror/map-topic.ts';
import { mirrorPartition, type MirrorOptions, type OpenSession } from '../mirror/mirror-partition.ts';
import { mapTopicOf, mirrorIdOf } from '../names.ts';
import type { ForeignCarrier, KafkaFlow, KafkaFlowStatus, KafkaMove, KafkaOffsets } from '../roles.ts';
import { settled } from '../settled.ts';
import { compactedOf } from '../topics/kafka-topics.ts';
import { createTopic } from '../topics/make-topic.ts';
import { Ended } from './ended.ts';
import { FlowProgress } from './flow-progress.ts';

export interface KafkaFlowOptions {
  /** Default 64 MiB: of what is fetched and not yet written, of all partitions. One batch of each comes in any case. */
  readonly memoryBytes?: number;
  /** Of `forward`, until the first cut. Default: the mirror carries. */
  readonly foreign?: ForeignCarrier;
}

type LiveTask = Extract<FlowTask, { mode: 'live' }>;

const defaultMemoryBytes = 64 * 2 ** 20;
const mostFetchBytes = 4 * 2 ** 20;
const leastFetchBytes = 64 * 1024;
/** A cut waits for what the control topics say, so it is asked often while records flow. */
const watchEveryMs = { live: 50, shadow: 200 } as const;
/** How often it is looked whether a topic has grown; before a token it is looked in any case. */
const growthEveryMs = 5_000;

/** One direction between two clusters; `forward` reads blue. Where it stands is in the clusters alone: what a process knew is lost without harm when it dies. */
export async function openKafkaFlow(
  move: KafkaMove,
  flow: 'forward' | 'reverse',
  options: KafkaFlowOptions = {},
): Promise<KafkaFlow> {
  return new Flow(move, flow, options);
}

class Flow implements KafkaFlow {
  readonly #move: KafkaMove;
  readonly #flow: 'forward' | 'reverse';
  readonly #source: Side;
  readonly #memoryBytes: number;
  readonly #progress = new FlowProgress();
  readonly #disposed = new AbortController();
  #mode: KafkaFlowStatus['mode'] = 'starting';
  #epoch = 0;
  /** Those that it carries now. */
  #carried: ReadonlyMap<string, OwnedTopic> = new Map();
  #running: Promise<void> | undefined;
  readonly #foreign: ForeignCarrier | undefined;
  #retiring: Promise<void> | undefined;

  constructor(
    move: KafkaMove,
    flow: 'forward' | 'reverse',
    { memoryBytes = defaultMemoryBytes, foreign }: KafkaFlowOptions,
  ) {
    this.#foreign = foreign;
    this.#move = move;
    this.#flow = flow;
    this.#source = flow === 'forward' ? 'blue' : 'green';
    this.#memoryBytes = memoryBytes;
  }

  async run(signal: AbortSignal): Promise<void> {
    const ends = AbortSignal.any([signal, this.#disposed.signal]);
    this.#running = this.#run(ends);
    await this.#running;
  }

  status(): KafkaFlowStatus {
    const { size } = this.#carried;
    const of = this.#move.topics.length;
    const part = size > 0 && size < of ? { part: { topics: size, of } } : {};
    return { mode: this.#mode, epoch: this.#epoch, ...part, ...this.#progress.status() };
  }

  async caughtUp(signal: AbortSignal): Promise<void> {
    const hasEnded = this.#running ?? Promise.resolve();
    await using sides = await openSides(this.#move, `${this.#flow}-end`, signal);
    const { places, ends } = await settled('the ends of the source', signal, async () => {
      const all = await this.#places(sides);
      return { places: all, ends: await sides[this.#source].cluster.offsetsOf(all, 'stable') };
    });
    const isReached = (place: LedPartition, at: number): boolean =>
      !this.#carried.has(place.topic) || this.#progress.hasReached(place, ends[at] ?? 0n);
    const isThere = (): true | undefined => (this.#mode !== 'starting' && places.every(isReached) ? true : undefined);
    const waiting = { what: 'the mirror to catch up', timeoutMs: Number.POSITIVE_INFINITY, everyMs: 20, signal };
    const untilEnded = async (): Promise<void> => {
      await hasEnded;
      if (isThere() === undefined) throw new TealError('TEAL-KERNEL-003', 'the flow has ended before');
    };
    await Promise.race([waitFor(waiting, isThere), untilEnded()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed.abort();
    // How it ended is the concern of who called `run`.
    await this.#running?.catch(() => undefined);
    await this.#retiring;
  }

  async #run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) {
        await using sides = await openSides(this.#move, this.#flow, signal);
        const task = await this.#read(sides, signal);
        this.#epoch = task.epoch;
        this.#carried = task.mode === 'live' ? task.topics : new Map();
        // Once green has decided nothing comes by the other way any more; that it is still there is in nobody's way.
        if (task.epoch > 0) this.#retiring ??= this.#foreign?.retire(this.#disposed.signal);
        if (task.mode === 'shadow') {
          this.#mode = 'shadow';
          await this.#untilChanged(sides, task, signal);
        } else await this.#live(sides, task, signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #read(sides: OpenSides, signal: AbortSignal): Promise<FlowTask> {
    return settled('the control topics', signal, async () => {
      const states: Readonly<Record<Side, ControlState>> = {
        blue: await sides.blue.control.state(signal),
        green: await sides.green.control.state(signal),
      };
      return taskOf(this.#source, this.#move.topics, states);
    });
  }

  /** Mirrors until the task is another one: other topics are the source's, a cut was taken back, a cut was asked for another place. */
  async #live(sides: OpenSides, task: LiveTask, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const ends = AbortSignal.any([signal, over.signal]);
    if (!(await this.#isLetThrough(sides, task, signal))) return;
    const all = await this.#places(sides);
    const carried = numbered(all).filter(({ place }) => task.topics.has(place.topic));
    const maps = await this.#makeMaps(sides, task, all.length, signal);
    this.#progress.begin(carried.map(({ place }) => place));
    this.#mode = 'live';
    const stop: Stop = { ends: task.stop?.ends };
    const foreign = task.epoch === 0 ? this.#foreign : undefined;
    const openSession = foreign === undefined ? undefined : await this.#followed(sides, foreign, carried.length, ends);
    const ended = new Ended();
    const mirrors = carried.map(async ({ place, at }) => {
      const { epoch, origin } = must(task.topics.get(place.topic), 'a topic of the source');
      const { topic, partitions } = must(maps.get(epoch), 'the map of an epoch');
      const map = { topic, partition: at % partitions };
      const options = { ...this.#optionsOf(place, origin, at, carried.length), map, until: () => endOf(stop, place) };
      await mirrorPartition(options, ends, openSession);
      if (!ends.aborted) ended.add(keyOf(place.topic, place.partition));
    });
    const carrying = foreign === undefined ? Promise.all(mirrors) : watched(foreign, Promise.all(mirrors), ends);
    carrying.catch((error: unknown) => ended.fail(error));
    try {
      await this.#watch(sides, task, { stop, ended, all }, ends);
    } finally {
      over.abort();
      await Promise.allSettled(mirrors);
    }
  }

  /** One topic of the target for each epoch by which topics are the source's. Their partitions are dealt out by the number of all partitions of the move: a mirror finds its map where it was. */
  async #makeMaps(
    sides: OpenSides,
    task: LiveTask,
    places: number,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, { readonly topic: string; readonly partitions: number }>> {
    const { cluster } = sides[otherSide(this.#source)];
    const partitions = Math.min(mostMapPartitions, Math.max(1, places));
    const made = new Map<number, { readonly topic: string; readonly partitions: number }>();
    for (const epoch of new Set([...task.topics.values()].map((it) => it.epoch))) {
      const topic = mapTopicOf(this.#move.migration, epoch);
      await createTopic(cluster, { topic, partitions, configs: mapConfigs });
      const led = await settled('the topic of the map', signal, async () => {
        const found = (await cluster.partitionsOf([topic])).get(topic);
        if (found !== undefined) return found.length;
        throw new TealError('TEAL-SYSTEMS-401', 'no such topic', { answer: 'UNKNOWN_TOPIC_OR_PARTITION' });
      });
      made.set(epoch, { topic, partitions: led });
    }
    return made;
  }

  /** Writes the token on the target when all is there that lies before the cut. Ends when the task is another; throws what a mirror threw. */
  async #watch(sides: OpenSides, begun: LiveTask, { stop, ended, all }: Watched, signal: AbortSignal): Promise<void> {
    let lookedAt = monotonicMs();
    for (;;) {
      const task = await this.#read(sides, signal);
      if (task.mode !== 'live' || !sameTopics(task.topics, begun.topics)) return;
      // Told, not acted on: a decision about topics that are the other side's before and after it.
      this.#epoch = task.epoch;
      if (monotonicMs() - lookedAt > growthEveryMs) {
        requireSame(all, await settled('the topics', signal, async () => this.#places(sides)));
        lookedAt = monotonicMs();
      }
      const asked = JSON.stringify(task.stop?.ends);
      // Where it is to end was said once: whoever has ended there does not go on by itself.
      if (stop.ends !== undefined && JSON.stringify(stop.ends) !== asked) return;
      stop.ends = task.stop?.ends;
      const cut = all.filter(({ topic }) => stop.ends?.[topic] !== undefined);
      const isCarried = task.stop !== undefined && cut.every((it) => ended.has(keyOf(it.topic, it.partition)));
      if (isCarried && task.stop !== undefined) {
        this.#mode = 'at cut';
        if (!task.isThere) await this.#writeToken(sides, task.stop, { all, cut }, signal);
      }
      await ended.next(watchEveryMs.live, signal);
    }
  }

  async #writeToken(
    sides: OpenSides,
    { cut, token, ends }: NonNullable<LiveTask['stop']>,
    { all, cut: places }: { readonly all: readonly LedPartition[]; readonly cut: readonly LedPartition[] },
    signal: AbortSignal,
  ): Promise<void> {
    // Nobody would ever miss what a partition holds that no mirror knows of.
    requireSame(all, await this.#places(sides));
    const target = sides[otherSide(this.#source)];
    const there = await target.cluster.partitionsOf(Object.keys(ends));
    const led = places.map(({ topic, partition }) =>
      must(there.get(topic)?.[partition], 'the partition on the target'),
    );
    const latest = await target.cluster.offsetsOf(led, 'latest');
    // Of what somebody else has carried, as far as it was followed: what comes behind is of clients.
    const reached = offsetsOf(
      led,
      places.map((place, at) => this.#progress.seen(place) ?? must(latest[at], 'an end of the target')),
    );
    await target.control.append(`flow-${this.#flow}`, [{ kind: 'arrived', cut, token, ends, reached }], signal);
  }

  async #followed(
    sides: OpenSides,
    foreign: ForeignCarrier,
    partitions: number,
    signal: AbortSignal,
  ): Promise<OpenSession> {
    const compacted = await settled('the topics', signal, async () =>
      compactedOf(sides[this.#source].cluster, this.#move.topics),
    );
    const hooks = {
      together: new Together(foreign, partitions, signal),
      isCompacted: (topic: string) => compacted.has(topic),
    };
    return async (places, identity) => FollowSession.open(places, identity, signal, hooks);
  }

  /** All partitions of all topics, by name and number. TEAL-SYSTEMS-653 where the source lacks one. */
  async #places(sides: OpenSides): Promise<readonly LedPartition[]> {
    const found = await sides[this.#source].cluster.partitionsOf(this.#move.topics);
    const missing = this.#move.topics.find((topic) => !found.has(topic));
    if (missing === undefined) return this.#move.topics.toSorted().flatMap((topic) => found.get(topic) ?? []);
    throw new TealError('TEAL-SYSTEMS-653', `${missing} is not on ${this.#source}`, { topic: missing });
  }

  async #untilChanged(sides: OpenSides, begun: FlowTask, signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(watchEveryMs.shadow, signal);
      const task = await this.#read(sides, signal);
      if (task.mode !== begun.mode || task.epoch !== begun.epoch) return;
    }
  }

  /**
   * A side that lost its records to the other lets the mirror through: rules do by themselves; a limit stops it too until clients are led away (`Fence.letThrough`), which is waited for. False where the task is
   * another one by now.
   */
  async #isLetThrough(sides: OpenSides, task: LiveTask, signal: AbortSignal): Promise<boolean> {
    const lost = [...task.topics].filter(([, { epoch }]) => epoch > 0).map(([topic]) => topic);
    if (lost.length === 0) return true;
    // What it has carried until now says nothing of what it is to carry.
    this.#mode = 'shadow';
    const target = sides[otherSide(this.#source)];
    const closing = await closingOf(target.cluster, heldSettings(target, signal));
    if (closing.kind === 'acl') return true;
    for (;;) {
      const closed = await settled('the limits of the topics', signal, async () =>
        closedByBroker(target.cluster, closing, lost),
      );
      if (closed.every((count) => count === 0)) return true;
      await sleep(watchEveryMs.shadow, signal);
      const now = await this.#read(sides, signal);
      if (now.mode !== task.mode || now.epoch !== task.epoch) return false;
    }
  }

  #optionsOf(
    place: LedPartition,
    originOf: readonly string[] | undefined,
    at: number,
    of: number,
  ): Omit<MirrorOptions, 'map'> {
    const { urls, migration } = this.#move;
    const { topic, partition } = place;
    const origin = originOf?.[partition];
    const share = Math.floor(this.#memoryBytes / 2 / of);
    return {
      sourceUrl: urls[this.#source],
      targetUrl: urls[otherSide(this.#source)],
      source: { topic, partition },
      transactionalId: mirrorIdOf(migration, this.#flow, topic, partition),
      clientId: `teal-${migration}-${this.#flow}-${at}`,
      fetchBytes: Math.max(leastFetchBytes, Math.min(mostFetchBytes, share)),
      ...(origin === undefined ? {} : { origin: BigInt(origin) }),
      tell: (state) => this.#progress.tell(keyOf(topic, partition), state, monotonicMs()),
    };
  }
}

/** Partitions that were added to a topic, or a topic that was made anew: TEAL-SYSTEMS-653. */
function requireSame(begun: readonly LedPartition[], now: readonly LedPartition[]): void {
  const before = new Map(begun.map((place) => [keyOf(place.topic, place.partition), place]));
  const other = now.find(
    ({ topic, partition, topicId }) => before.get(keyOf(topic, partition))?.topicId.equals(topicId) !== true,
  );
  if (other === undefined) return;
  const { topic, partition } = other;
  throw new TealError('TEAL-SYSTEMS-653', 'a topic has a partition that is not mirrored', { topic, partition });
}

/** The same, but it rejects too when the carrier cannot go on by itself. */
async function watched<T>(foreign: ForeignCarrier, carrying: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    carrying.then(resolve, reject);
    foreign.watch(signal).catch(reject);
  });
}

interface Stop {
  ends: KafkaOffsets | undefined;
}

interface Watched {
  readonly stop: Stop;
  readonly ended: Ended;
  /** Every partition of the move. */
  readonly all: readonly LedPartition[];
}

function endOf({ ends }: Stop, { topic, partition }: LedPartition): bigint | undefined {
  const end = ends?.[topic]?.[partition];
  return end === undefined ? undefined : BigInt(end);
}

function numbered(all: readonly LedPartition[]): readonly { readonly place: LedPartition; readonly at: number }[] {
  return all.map((place, at) => ({ place, at }));
}

function sameTopics(a: ReadonlyMap<string, OwnedTopic>, b: ReadonlyMap<string, OwnedTopic>): boolean {
  return a.size === b.size && [...a].every(([topic, { epoch }]) => b.get(topic)?.epoch === epoch);
}
