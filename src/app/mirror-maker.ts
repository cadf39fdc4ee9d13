import {
  heartbeatsTopic,
  mirrorMakerTopics as topicsOfConnectors,
  offsetsTopic,
  type MirrorMakerPlan,
} from '../carriers/connect/mirror-maker.ts';
import { MirrorMaker } from '../carriers/connect/mirror-maker-path.ts';
import { ConnectRest } from '../carriers/connect/rest.ts';
import type { Carrier } from '../ports/carrier.ts';
import type { ConnectSpec } from '../spec/spec.ts';
import { mirrorMakerTopics } from '../systems/kafka/follow/mirror-maker-topics.ts';
import { javaClientSettings } from '../systems/kafka/java-client.ts';
import { mirrorMakerAlias } from '../systems/kafka/names.ts';
import type { ForeignCarrier, KafkaMove } from '../systems/kafka/roles.ts';

const defaultTasks = 4;

/** MirrorMaker 2 on the cluster of Kafka Connect that the file names, for this move. */
export function mirrorMakerOf(move: KafkaMove, connect: ConnectSpec, log: (text: string) => void): MirrorMaker {
  const { migration } = move;
  const plan = (run: string, exactlyOnce: boolean): MirrorMakerPlan => ({
    migration,
    run,
    alias: mirrorMakerAlias(migration, run),
    source: javaClientSettings(connect.blue),
    target: javaClientSettings(connect.green),
    topics: move.topics,
    replicationFactor: connect.replicationFactor,
    tasks: connect.tasks ?? defaultTasks,
    exactlyOnce,
  });
  return new MirrorMaker({
    rest: new ConnectRest({ url: connect.workers }),
    ends: mirrorMakerTopics(move, {
      own: (run) => topicsOfConnectors(mirrorMakerAlias(migration, run)),
      offsets: (run) => offsetsTopic(mirrorMakerAlias(migration, run)),
      shared: heartbeatsTopic,
      replicationFactor: connect.replicationFactor,
    }),
    plan,
    migration,
    log,
  });
}

/** As a flow of Kafka uses it. */
export function foreignCarrierOf(maker: MirrorMaker): ForeignCarrier {
  return {
    begin: async (signal) => maker.begin(signal),
    halt: async (signal) => maker.halt(signal),
    watch: async (signal) => maker.watch(signal),
    retire: async (signal) => maker.retireInTime(signal),
  };
}

/**
 * Blue to green by MirrorMaker until the first cut. Teal's worker follows it over both clusters, makes and watches the connectors, and carries itself from the cut on; what it can do for itself while the worker does not run is
 * here: nothing is copied while the flow is halted, and what is retired leaves nothing on the workers.
 */
export function carrierOverMirrorMaker(maker: MirrorMaker, embedded: Carrier): Carrier {
  return {
    ...embedded,
    async halt(which) {
      await embedded.halt(which);
      if (which === 'forward') await maker.halt();
    },
    async retire(which) {
      await embedded.retire(which);
      if (which === 'forward') await maker.retire();
    },
  };
}
