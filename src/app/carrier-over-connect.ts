import { TealError } from '../kernel/errors.ts';
import { storedTables } from '../model/catalog.ts';
import type { TableSelection } from '../model/table-selection.ts';
import { flowNames } from '../carriers/embedded/config.ts';
import { ConnectPath } from '../carriers/connect/path.ts';
import { ConnectRest } from '../carriers/connect/rest.ts';
import type { Carrier, FlowStatus } from '../ports/carrier.ts';
import type { ConnectSpec } from '../spec/spec.ts';
import { foreignSinkApplication } from '../systems/postgres/foreign-sink.ts';
import { publishedTealTables } from '../systems/postgres/teal-schema.ts';
import { ConnectEnds } from './connect-ends.ts';
import { keptCatalog, selectedCatalog } from './kept-catalog.ts';

export interface ConnectFlow {
  readonly connect: ConnectSpec;
  /** As in names on the servers. */
  readonly migration: string;
  readonly stateDir: string;
  readonly blueUrl: string;
  readonly greenUrl: string;
  readonly tables: TableSelection;
  readonly heartbeatEveryMs: number;
}

/**
 * Blue to green by Kafka Connect until green owns the data for the first time; from then on by Teal's own carrier, as the way back always. `embedded` carries all that Connect does
 * not.
 */
export function carrierOverConnect(flow: ConnectFlow, embedded: Carrier): Carrier {
  const { connect, migration } = flow;
  const { kafka } = connect;
  const slot = `teal_${migration}_connect`;
  const ends = new ConnectEnds({
    blueUrl: flow.blueUrl,
    greenUrl: flow.greenUrl,
    slot,
    ...(kafka === undefined ? {} : { kafkaUrl: kafka }),
  });
  const catalog = keptCatalog(flow.stateDir);
  const tables =
    catalog === undefined
      ? []
      : storedTables(selectedCatalog(catalog, flow.tables)).filter(({ persistence }) => persistence === 'permanent');
  const names = flowNames(migration, 'forward');
  const path = new ConnectPath({
    rest: new ConnectRest({ url: connect.workers }),
    ends,
    plan: {
      migration,
      topicPrefix: connect.topicPrefix,
      replicationFactor: connect.replicationFactor,
      sourceUrl: connect.blue,
      targetUrl: connect.green,
      publication: names.publication,
      slot,
      tables,
      computed: tables.flatMap(({ schema, name, columns }) =>
        columns.flatMap((column) => (column.generated === 'no' ? [] : [{ schema, name, column: column.name }])),
      ),
      signs: publishedTealTables.map((name) => ({ schema: 'teal', name })),
      // The lag is told by the age of the newest: it must not be much of what a cut may take.
      heartbeatEveryMs: Math.max(100, Math.round(flow.heartbeatEveryMs / 4)),
      sinkApplication: foreignSinkApplication,
    },
  });

  /** Its slot, its topics and its connectors are of no use any more, and Teal's own worker takes its place. */
  const handOver = async (): Promise<void> => {
    const { now } = await embedded.status('forward');
    if (now.state === 'failed' && now.code === 'TEAL-CARRIERS-001') {
      await path.retire();
      await ends.prepareShadow(names);
    }
    await embedded.deploy('forward');
  };

  const status = async (): Promise<FlowStatus> => ((await ends.decided()) ? embedded.status('forward') : path.status());

  return {
    async deploy(which, options) {
      if (which === 'reverse') return embedded.deploy(which, options);
      return (await ends.decided()) ? handOver() : path.deploy();
    },
    status: async (which) => (which === 'reverse' ? embedded.status(which) : status()),
    async caughtUp(which, signal) {
      if (which === 'reverse' || (await ends.decided())) return embedded.caughtUp(which, signal);
      return path.caughtUp(signal);
    },
    async stopAt(which, position, leaseMs, signal) {
      if (which === 'reverse' || (await ends.decided())) return embedded.stopAt(which, position, leaseMs, signal);
      throw new TealError('TEAL-CARRIERS-015', 'the flow blue to green is carried by Kafka Connect');
    },
    async resume(which) {
      if (which === 'reverse' || (await ends.decided())) return embedded.resume(which);
    },
    async halt(which) {
      if (which === 'forward' && !(await ends.decided())) await path.pause();
      await embedded.halt(which);
    },
    async retire(which) {
      if (which === 'forward') await path.retire();
      await embedded.retire(which);
    },
  };
}
