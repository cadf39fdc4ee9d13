import { TealError } from '../kernel/errors.ts';
import { storedTables } from '../model/catalog.ts';
import { flowNames } from '../carriers/embedded/config.ts';
import { postgresPath, type PathPlan } from '../carriers/connect/connectors.ts';
import { ConnectPath } from '../carriers/connect/path.ts';
import { ConnectRest } from '../carriers/connect/rest.ts';
import type { Carrier, FlowStatus } from '../ports/carrier.ts';
import { foreignSinkApplication } from '../systems/postgres/foreign-sink.ts';
import { publishedTealTables } from '../systems/postgres/teal-schema.ts';
import { PostgresBlue } from './connect-blue-postgres.ts';
import { ConnectEnds } from './connect-ends.ts';
import type { ConnectFlow, ConnectWay } from './connect-way.ts';
import { keptCatalog, selectedCatalog } from './kept-catalog.ts';

const postgresWay: ConnectWay = (flow, { common }) => {
  const slot = `teal_${flow.migration}_connect`;
  const catalog = keptCatalog(flow.stateDir);
  const tables =
    catalog === undefined
      ? []
      : storedTables(selectedCatalog(catalog, flow.tables)).filter(({ persistence }) => persistence === 'permanent');
  const plan: Omit<PathPlan, 'run'> = {
    ...common,
    publication: flowNames(flow.migration, 'forward').publication,
    slot,
    tables,
    computed: tables.flatMap(({ schema, name, columns }) =>
      columns.flatMap((column) => (column.generated === 'no' ? [] : [{ schema, name, column: column.name }])),
    ),
  };
  return {
    blue: new PostgresBlue({ url: flow.blueUrl, slot }),
    connectors: (run) => postgresPath({ ...plan, run }),
  };
};

interface Opened {
  readonly ends: ConnectEnds;
  readonly path: ConnectPath;
}

async function open(flow: ConnectFlow): Promise<Opened> {
  const { connect, systems } = flow;
  const rest = new ConnectRest({ url: connect.workers });
  const way = systems.blue === 'postgres' ? postgresWay : (await import('./connect-way-mysql.ts')).mysqlWay;
  const { blue, connectors } = way(flow, {
    rest,
    common: {
      migration: flow.migration,
      topicPrefix: connect.topicPrefix,
      replicationFactor: connect.replicationFactor,
      sourceUrl: connect.blue,
      targetUrl: connect.green,
      signs: publishedTealTables.map((name) => ({ schema: 'teal', name })),
      // The lag is told by the age of the newest: it must not be much of what a cut may take.
      heartbeatEveryMs: Math.max(100, Math.round(flow.heartbeatEveryMs / 4)),
      sinkApplication: foreignSinkApplication,
    },
  });
  const { kafka } = connect;
  const ends = new ConnectEnds({
    blue,
    greenUrl: flow.greenUrl,
    ...(kafka === undefined ? {} : { kafkaUrl: kafka }),
  });
  return { ends, path: new ConnectPath({ rest, ends, connectors }) };
}

/**
 * Blue to green by Kafka Connect until green owns the data for the first time; from then on by Teal's own carrier, as the way back always. `embedded` carries all that Connect does
 * not.
 */
export function carrierOverConnect(flow: ConnectFlow, embedded: Carrier): Carrier {
  const names = flowNames(flow.migration, 'forward');
  // When it is first asked for anything: what moves has been written down by then. A failure is not kept.
  let opening: Promise<Opened> | undefined;
  const opened = async (): Promise<Opened> => {
    opening ??= open(flow);
    try {
      return await opening;
    } catch (error) {
      opening = undefined;
      throw error;
    }
  };
  const path = async (): Promise<ConnectPath> => (await opened()).path;
  const decided = async (): Promise<boolean> => (await opened()).ends.decided();

  /** Its slot, its topics and its connectors are of no use any more, and Teal's own worker takes its place. */
  const handOver = async (): Promise<void> => {
    const { now } = await embedded.status('forward');
    if (now.state === 'failed' && now.code === 'TEAL-CARRIERS-001') {
      await (await path()).retire();
      await (await opened()).ends.prepareShadow(names);
    }
    await embedded.deploy('forward');
  };

  const status = async (): Promise<FlowStatus> =>
    (await decided()) ? embedded.status('forward') : (await path()).status();

  return {
    async deploy(which, options) {
      if (which === 'reverse') return embedded.deploy(which, options);
      return (await decided()) ? handOver() : (await path()).deploy();
    },
    status: async (which) => (which === 'reverse' ? embedded.status(which) : status()),
    async caughtUp(which, signal) {
      if (which === 'reverse' || (await decided())) return embedded.caughtUp(which, signal);
      return (await path()).caughtUp(signal);
    },
    async stopAt(which, position, leaseMs, signal) {
      if (which === 'reverse' || (await decided())) return embedded.stopAt(which, position, leaseMs, signal);
      throw new TealError('TEAL-CARRIERS-015', 'the flow blue to green is carried by Kafka Connect');
    },
    async resume(which) {
      if (which === 'reverse' || (await decided())) return embedded.resume(which);
    },
    async halt(which) {
      if (which === 'forward' && !(await decided())) await (await path()).pause();
      await embedded.halt(which);
    },
    async retire(which) {
      if (which === 'forward') await (await path()).retire();
      await embedded.retire(which);
    },
  };
}
