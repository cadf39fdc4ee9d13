import type { CarrierConfig } from '../carriers/embedded/config.ts';
import type { MirrorDeps, MirroredFlow, MirrorNow } from '../carriers/embedded/mirror-worker.ts';
import { must } from '../kernel/assert.ts';
import type { ConnectSpec } from '../spec/spec.ts';
import { flowSource } from '../ports/carrier.ts';
import { kafkaFence } from '../systems/kafka/fence/kafka-fence.ts';
import { openKafkaFlow } from '../systems/kafka/flow/kafka-flow.ts';
import { loadLibrary } from '../systems/kafka/library.ts';
import type { ForeignCarrier, KafkaFlow, KafkaFlowStatus, KafkaMove } from '../systems/kafka/roles.ts';
import type { FlowUrls } from './carrier-parts.ts';

/** What the worker of a mirror between two clusters is composed of. `connect`: where MirrorMaker carries blue to green until the first cut. */
export async function composeMirror(
  config: CarrierConfig,
  { source, target }: FlowUrls,
  log: (text: string) => void,
  connect?: ConnectSpec,
): Promise<MirrorDeps> {
  // A second of work in which nobody would be answered: before anybody asks.
  await loadLibrary();
  const { migration, flow } = config;
  const side = flowSource(flow);
  const move: KafkaMove = {
    urls: side === 'blue' ? { blue: source, green: target } : { blue: target, green: source },
    migration,
    topics: must(config.topics, 'the topics of a mirror'),
    foreign: connect !== undefined,
  };
  const foreign = connect === undefined || flow === 'reverse' ? {} : { foreign: await foreignOf(move, connect, log) };
  const fence = kafkaFence(move, side);
  return {
    open: async () => mirrored(await openKafkaFlow(move, flow, foreign)),
    strays: async (signal) => (await fence.unrouted(signal)).reduce((sum, { records }) => sum + records, 0),
    log,
  };
}

async function foreignOf(move: KafkaMove, connect: ConnectSpec, log: (text: string) => void): Promise<ForeignCarrier> {
  const { foreignCarrierOf, mirrorMakerOf } = await import('./mirror-maker.ts');
  return foreignCarrierOf(mirrorMakerOf(move, connect, log));
}

function mirrored(flow: KafkaFlow): MirroredFlow {
  return {
    run: async (signal) => flow.run(signal),
    caughtUp: async (signal) => flow.caughtUp(signal),
    status: () => nowOf(flow.status()),
    [Symbol.asyncDispose]: async () => flow[Symbol.asyncDispose](),
  };
}

function nowOf({ mode, epoch, part, partitions, records, bytes, lag, lagMs }: KafkaFlowStatus): MirrorNow {
  const ends = partitions.map(({ end }) => end);
  return {
    mode: mode === 'at cut' ? 'live' : mode,
    epoch,
    ...(part === undefined ? {} : { part }),
    reached: partitions.reduce((sum, { reached }) => sum + reached.source, 0n),
    end: ends.reduce(
      (sum, end) => (sum === undefined || end === undefined ? undefined : sum + end),
      0n as bigint | undefined,
    ),
    lag,
    lagMs,
    records,
    bytes,
  };
}
