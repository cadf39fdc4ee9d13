import { sleep, waitFor } from '../../../kernel/clock.ts';
import { TealError, isTealError } from '../../../kernel/errors.ts';
import type { Side } from '../../../model/catalog.ts';
import { asPosition, type Position } from '../../../model/position.ts';
import type { FenceRows, FenceState, FenceTold, OwnerRow, RaiseOptions } from '../../../ports/fence.ts';
import { openSide, openSides, signalOr, type OpenSide, type OpenSides } from '../both-sides.ts';
import { decidedOn, newestOwner, ownerOf, sameOffsets, type ControlState } from '../control/control-state.ts';
import { controlTopicOf, mapTopicPrefixOf } from '../names.ts';
import type { KafkaFence, KafkaMove, KafkaOffsets, UnroutedRecords } from '../roles.ts';
import { settled } from '../settled.ts';
import { deleteTopics } from '../topics/make-topic.ts';
import { offsetsOf, untilAtRest } from './at-rest.ts';
import { closedByBroker, closingOf, type Closing } from './closing.ts';
import { heldSettings } from './held-settings.ts';
import { UnroutedWatch } from './unrouted.ts';

const writer = 'fence';
/** Between the moment when producers are led away and the one when nothing refuses them on the side that has lost. */
const lastRefusedMs = 2_000;

export interface KafkaFenceOptions {
  /** Of the move's topics those that this fence is about: the others keep what they have. Default: all. */
  readonly only?: readonly string[];
}

/**
 * Closes the topics of one side to producers. Crash order: the side is closed, is seen at rest, and then the token is written with the ends: a token stands for a side that had taken its last record.
 * Opening for a new owner comes before the owner record, which is the decision: nobody was pointed to that side before it.
 */
export function kafkaFence(move: KafkaMove, side: Side, { only }: KafkaFenceOptions = {}): KafkaFence {
  const topics = only ?? move.topics;
  const watch = new UnroutedWatch(move.migration, side);
  const within = async <T>(signal: AbortSignal | undefined, work: (job: Job) => Promise<T>): Promise<T> => {
    await using open = await openSide(move, side, writer, signal);
    const job = { move, topics, only, open, signal: signalOr(signal) };
    return await work({ ...job, closing: await closingOf(open.cluster, heldSettings(open, job.signal)) });
  };
  return Object.freeze({
    told: (): FenceTold => told(topics.length, side),
    kind: async () => within(undefined, async ({ closing }) => closing.kind),
    install: async (closed: boolean) => within(undefined, async (job) => install(job, closed)),
    raise: async (options: RaiseOptions) => within(options.signal, async (job) => raise(job, options)),
    lower: async (owner?: OwnerRow, signal?: AbortSignal) => within(signal, async (job) => lower(job, owner)),
    letThrough: async (signal?: AbortSignal) => within(signal, letThrough),
    probe: async (signal?: AbortSignal) => within(signal, async (job) => probe(job, side)),
    written: async (signal?: AbortSignal) => within(signal, written),
    remove: async () => within(undefined, async (job) => remove(job, true)),
    forget: async () => within(undefined, async (job) => remove(job, false)),
    unrouted: async (signal?: AbortSignal): Promise<readonly UnroutedRecords[]> => {
      await using sides = await openSides(move, writer, signal);
      const from = await partOfTeal(sides, side, topics, {
        isForeign: move.foreign === true,
        signal: signalOr(signal),
      });
      return await watch.look(sides[side], from, signalOr(signal));
    },
  });
}

interface Job {
  readonly move: KafkaMove;
  /** What is closed and opened. */
  readonly topics: readonly string[];
  /** The same where it is not all: what is written down names them then. */
  readonly only: readonly string[] | undefined;
  readonly open: OpenSide;
  readonly closing: Closing;
  readonly signal: AbortSignal;
}

function told(topics: number, side: Side): FenceTold {
  const all = topics === 1 ? 'its topic' : `its ${topics} topics`;
  return {
    raising: {
      does: `denies WRITE on ${all} of ${side} to everybody but super users (without an authorizer: sets max.message.bytes so low that no record passes), and sees every partition come to rest`,
      locks: `producers of ${side} are refused from then on`,
      costs: 'a rule or a setting for each topic, known to every broker in a moment; 100 ms for two looks at every end',
    },
    lowering: { locks: 'nothing', costs: 'the same rules or settings are taken away' },
    strays: {
      what: 'records',
      mend: `end who writes there (a super user is not refused); a log is not mended: ${side} can become live no more in this migration`,
    },
  };
}

async function install(job: Job, closed: boolean): Promise<void> {
  const { open, closing, topics, signal } = job;
  await open.control.create(signal);
  const { begun } = await open.control.state(signal);
  if (begun === undefined) {
    const ends = await settled('the ends of the topics', signal, async () => {
      const places = [...(await open.cluster.partitionsOf(topics)).values()].flat();
      return offsetsOf(places, await open.cluster.offsetsOf(places, 'latest'));
    });
    await open.control.append(writer, [{ kind: 'begun', ends }], signal);
  }
  if (closing.kind === 'limit') return;
  await closeAll(job, [open.control.name]);
  try {
    await open.control.proveWriting(writer, signal);
  } catch (error) {
    if (!isTealError(error, 'TEAL-SYSTEMS-010')) throw error;
    await closing.open([open.control.name]);
    throw new TealError(
      'TEAL-SYSTEMS-662',
      'Teal itself is refused by the rule that would refuse producers',
      {},
      error,
    );
  }
  if (closed) await closeAll(job, await topicsThere(job));
}

async function raise(job: Job, { cut, token, epoch, lockTimeoutMs }: RaiseOptions): Promise<Position> {
  const { open, topics, signal } = job;
  const position = asPosition(`${String(epoch).padStart(10, '0')}/${token}`);
  const before = await open.control.state(signal);
  const raised = topics.map((topic) => before.raised.get(topic)).find((it) => it?.token === token);
  await closeAll(job, topics);
  let ends: KafkaOffsets;
  try {
    ends = await untilAtRest(open.cluster, topics, { timeoutMs: lockTimeoutMs, signal });
    // Raised by this very call in a life before: the ends that were written then are those that the mirror goes by.
    if (raised !== undefined) {
      if (sameOffsets(raised.ends, ends)) return position;
      throw new TealError('TEAL-SYSTEMS-663', 'records came after the token was written', { cut });
    }
  } catch (error) {
    await lower(job, undefined);
    throw error;
  }
  await open.control.append(writer, [{ kind: 'raised', cut, token, epoch, ends }], signal);
  return position;
}

async function lower(job: Job, owner: OwnerRow | undefined): Promise<void> {
  const { open, topics, only, signal } = job;
  const state = await open.control.state(signal);
  const named = only === undefined ? {} : { topics: only };
  if (owner === undefined) {
    // Before it is opened: the token stands for a side that takes no more records.
    const isRaised = topics.some((topic) => state.raised.has(topic));
    if (isRaised) await open.control.append(writer, [{ kind: 'reopened', ...named }], signal);
    await openAll(job, await topicsThere(job));
    return;
  }
  await openAll(job, await topicsThere(job));
  const decided = decidedOn(state, topics);
  if (decided?.epoch === owner.epoch && decided.cut === owner.cut) return;
  await open.control.append(writer, [{ kind: 'owner', ...owner, ...named }], signal);
}

/**
 * Rules let the mirror pass, and stay. A limit goes, and only when producers that asked for their brokers just before they were led away have been refused: who is refused asks again, where it is led now. One that
 * comes later all the same is found (`unrouted`).
 */
async function letThrough(job: Job): Promise<void> {
  if (job.closing.kind === 'acl') return;
  const topics = await topicsThere(job);
  const closed = await closedByBroker(job.open.cluster, job.closing, topics);
  if (closed.every((count) => count === 0)) return;
  await sleep(lastRefusedMs, job.signal);
  await openAll(job, topics);
}

async function written({ open, topics, signal }: Job): Promise<FenceRows> {
  if (!(await open.control.exists())) return { tokens: [] };
  const state = await open.control.state(signal);
  const { tokens } = state;
  const owner = decidedOn(state, topics);
  return { tokens, ...(owner === undefined ? {} : { owner }) };
}

async function probe(job: Job, side: Side): Promise<FenceState> {
  const { open, closing, signal } = job;
  if (!(await open.control.exists())) return { fence: 'absent', tokens: [] };
  const state = await open.control.state(signal);
  const { tokens, raised } = state;
  const owner = decidedOn(state, job.topics);
  const topics = await topicsThere(job);
  const closed = await closedByBroker(open.cluster, closing, topics);
  const isAll = topics.length > 0 && closed.every((count) => count === topics.length);
  const isNone = closed.every((count) => count === 0);
  // Nothing can refuse producers there and let the mirror pass: who writes is found by `unrouted`.
  const isOthers = topics.some((topic) => raised.has(topic)) || (side === 'green' && owner === undefined);
  const isWatched = closing.kind === 'limit' && isNone && isOthers;
  return {
    fence: isAll ? 'raised' : isWatched ? 'watched' : isNone ? 'installed' : 'partly',
    tokens,
    ...(owner === undefined ? {} : { owner }),
  };
}

/** `isOpened`: clients may write there again; without it what refuses them stays as it is, where it is a rule. */
async function remove(job: Job, isOpened: boolean): Promise<void> {
  const { open, closing, move, signal } = job;
  const { cluster } = open;
  if (isOpened || closing.kind === 'limit') await openAll(job, await topicsThere(job));
  const name = controlTopicOf(move.migration);
  if (closing.kind === 'acl') await openAll(job, [name]);
  const maps = await cluster.topicsBeginning(mapTopicPrefixOf(move.migration));
  await deleteTopics(cluster, [...maps, name]);
  await known('the topics of Teal to be gone', signal, async () => {
    const left = await cluster.topicsBeginning(`teal.${move.migration}.`);
    return !left.some((topic) => topic === name || maps.includes(topic));
  });
}

async function topicsThere({ open, topics }: Job): Promise<readonly string[]> {
  return [...(await open.cluster.partitionsOf(topics)).keys()];
}

/** Resolves when every broker refuses. */
async function closeAll({ closing, open, signal }: Job, topics: readonly string[]): Promise<void> {
  await closing.close(topics);
  for (const broker of open.cluster.connection.brokers) {
    await known(`the word of broker ${broker.id}`, signal, async () => {
      const closed = await closing.closedOn(broker, topics);
      return closed.length === topics.length;
    });
  }
}

async function openAll({ closing, open, signal }: Job, topics: readonly string[]): Promise<void> {
  await closing.open(topics);
  for (const broker of open.cluster.connection.brokers) {
    await known(`the word of broker ${broker.id}`, signal, async () => {
      const closed = await closing.closedOn(broker, topics);
      return closed.length === 0;
    });
  }
}

async function known(what: string, signal: AbortSignal, look: () => Promise<boolean>): Promise<void> {
  await waitFor({ what, timeoutMs: 30_000, everyMs: 10, signal }, async () => ((await look()) ? true : undefined));
}

/** Of those that this side does not own: from where on everything of a topic is Teal's, by partition; of one that is not named, all. */
async function partOfTeal(
  { blue, green }: OpenSides,
  side: Side,
  topics: readonly string[],
  { isForeign, signal }: { readonly isForeign: boolean; readonly signal: AbortSignal },
): Promise<ReadonlyMap<string, readonly string[]>> {
  const states: Readonly<Record<Side, ControlState>> = {
    blue: await blue.control.state(signal),
    green: await green.control.state(signal),
  };
  // Nobody knows the writers of somebody else: whoever follows them finds what is no copy, and ends by it (TEAL-SYSTEMS-672).
  if (newestOwner(states).epoch === 0 && isForeign) return new Map();
  const { closedBy, begun } = states[side];
  const others = topics.map((topic) => [topic, ownerOf(topic, states)] as const);
  return new Map(
    others
      .filter(([, { owner }]) => owner !== side)
      .map(([topic, { cut }]) => [topic, closedBy.get(cut)?.[topic] ?? begun?.[topic] ?? []]),
  );
}
