import { monotonicMs, sleep } from '../../../kernel/clock.ts';
import { connect, type KafkaConnection } from '../connection.ts';
import { Cluster } from './cluster.ts';
import type { MapOwner } from './map-block.ts';
import { MirrorSession, type MirrorPlaces, type MirrorRun, type MirrorState } from './mirror-session.ts';
import { passesByItself } from './refusals.ts';
import type { ProducerIdentity } from './transactions.ts';

export interface MirrorOptions {
  /** Addresses of the clusters, as `connection.ts` reads them. */
  readonly sourceUrl: string;
  readonly targetUrl: string;
  /** The partition; the target has the same one, in a topic of the same number of partitions. */
  readonly source: MapOwner;
  /** Name of the topic on the target; default: as on the source. */
  readonly targetTopic?: string;
  /** Where on the target the map of this partition is kept: a topic with cleanup.policy=compact that nobody else writes into. Partitions of other topics may share it. */
  readonly map: { readonly topic: string; readonly partition: number };
  /** One a partition of the source and direction: who begins under it ends who had it before. */
  readonly transactionalId: string;
  readonly clientId: string;
  /** Default 60 s: how long the target waits for a writer that stands still before it undoes what that one began. */
  readonly transactionTimeoutMs?: number;
  /** Default 2 min: how long it tries, without a commit, what may pass by itself; then it is the worker's turn to begin anew, or a person's. */
  readonly patienceMs?: number;
  /** The first offset of the source that is carried, where there is no map yet. Default: the first that the source still has. */
  readonly origin?: bigint | undefined;
  /** Default 4 MiB: of one answer of the source, of which two are held. A batch that is larger comes nonetheless. */
  readonly fetchBytes?: number;
  /** Where it ends, and then resolves; see `MirrorRun`. */
  readonly until?: () => bigint | undefined;
  /** Told after every commit, and when there is nothing to carry. */
  readonly tell?: (state: MirrorState) => void;
}

/** What is done with one partition, from the taking of its transactional id to the first error. */
export interface PartitionSession extends AsyncDisposable {
  readonly state: MirrorState;
  run(run: MirrorRun): Promise<void>;
}

export type OpenSession = (
  places: MirrorPlaces,
  identity: { last: ProducerIdentity | undefined },
) => Promise<PartitionSession>;

const firstPauseMs = 100;
const longestPauseMs = 5_000;

const defaultTransactionTimeoutMs = 60_000;
const defaultPatienceMs = 120_000;
const defaultFetchBytes = 4 * 2 ** 20;

/**
 * Carries one partition until the signal is aborted or its end is reached: every committed record, in its order, once, with key, value, headers and time as they are, and beside them the map of
 * offsets, in the same transactions. Crash order: what the target has committed, and nothing else, says where to go on. So there is one way to begin, for the first start,
 * after a crash and after every error: take the transactional id, read the map, go on at its end.
 *
 * Resolves then, after the transaction at hand. Errors, after some attempts where they may pass: TEAL-SYSTEMS-650 a later mirror has taken over, -651 the map cannot
 * be read, -652 the source lacks records, -653 another topic, -654 times would be changed, and those of connections and refusals. `open`: what takes the mirror's place where somebody else carries.
 */
export async function mirrorPartition(
  options: MirrorOptions,
  signal: AbortSignal,
  open: OpenSession = async (places, identity) => MirrorSession.open(places, identity, signal),
): Promise<void> {
  const identity: { last: ProducerIdentity | undefined } = { last: undefined };
  const patienceMs = options.patienceMs ?? defaultPatienceMs;
  let [failures, wellAt] = [0, monotonicMs()];
  while (!signal.aborted) {
    try {
      await using clusters = await connectBoth(options, signal);
      await using session = await open(placesOf(options, clusters), identity);
      const tell = (state: MirrorState): void => {
        [failures, wellAt] = [0, monotonicMs()];
        options.tell?.(state);
      };
      options.tell?.(session.state);
      await session.run({ signal, tell, until: options.until ?? (() => undefined) });
      return;
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      if (!passesByItself(error) || monotonicMs() - wellAt >= patienceMs) throw error;
      await pause(failures, signal);
    }
  }
}

function placesOf(options: MirrorOptions, clusters: { source: Cluster; target: Cluster }): MirrorPlaces {
  return {
    ...clusters,
    owner: options.source,
    targetTopic: options.targetTopic ?? options.source.topic,
    map: options.map,
    transactionalId: options.transactionalId,
    transactionTimeoutMs: options.transactionTimeoutMs ?? defaultTransactionTimeoutMs,
    origin: options.origin,
    fetchBytes: options.fetchBytes ?? defaultFetchBytes,
  };
}

async function connectBoth(
  { sourceUrl, targetUrl, clientId }: MirrorOptions,
  signal: AbortSignal,
): Promise<AsyncDisposable & { readonly source: Cluster; readonly target: Cluster }> {
  const open = async (url: string): Promise<KafkaConnection> => connect({ url, clientId, signal });
  await using stack = new AsyncDisposableStack();
  const source = new Cluster(stack.use(await open(sourceUrl)));
  const target = new Cluster(stack.use(await open(targetUrl)));
  const both = stack.move();
  return { source, target, [Symbol.asyncDispose]: async () => both.disposeAsync() };
}

/** Longer each time, and never in step with others who fail by the same broker. Ends early when the signal is aborted. */
async function pause(failures: number, signal: AbortSignal): Promise<void> {
  const longest = Math.min(longestPauseMs, firstPauseMs * 2 ** failures);
  try {
    await sleep(longest * (0.5 + Math.random() / 2), signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
