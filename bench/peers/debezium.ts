import { waitFor } from '../../src/kernel/clock.ts';
import { pathNames, sinkConfig, sourceConfig, type PathPlan } from '../../src/carriers/connect/connectors.ts';
import { ConnectRest } from '../../src/carriers/connect/rest.ts';
import type { TableName } from '../../src/model/catalog.ts';
import { startConnect } from '../../tools/servers/connect.ts';
import { startKafka } from '../../tools/servers/kafka.ts';
import { execute } from '../../tools/servers/with-client.ts';

export interface DebeziumOptions {
  readonly sourceUrl: string;
  /** Its tables are there. */
  readonly targetUrl: string;
  readonly tables: readonly TableName[];
}

export interface Debezium {
  /** Of the one worker. */
  readonly workerPid: () => number | undefined;
  readonly brokerPid: () => number | undefined;
}

const name = 'bench_debezium';
/** A worker that a benchmark has stopped is not dead. The broker's longest. */
const patience = '1800000';

/**
 * Debezium's source, a broker and Debezium's JDBC sink, one task each, one worker for both: the connectors that `carrier: connect` makes, without the signs and heartbeats that Teal has in
 * them. What it starts ends with `stack`; publication and slot stay with the source. Resolves when its tasks run and the slot is there; the snapshot may still be under way.
 */
export async function startDebezium(stack: AsyncDisposableStack, options: DebeziumOptions): Promise<Debezium> {
  const { sourceUrl, targetUrl, tables } = options;
  const kafka = stack.use(await startKafka({ isMeasured: true }));
  const connect = stack.use(
    await startConnect({
      bootstrap: kafka.bootstrap,
      isMeasured: true,
      plugins: ['debezium-postgres', 'debezium-jdbc'],
      settings: { 'session.timeout.ms': patience },
    }),
  );
  const list = tables.map((table) => `only ${table.schema}.${table.name}`).join(', ');
  await execute(sourceUrl, [`create publication ${name} for table ${list}`]);
  const plan: PathPlan = {
    migration: name,
    run: 'r1',
    topicPrefix: '',
    replicationFactor: 1,
    sourceUrl,
    targetUrl,
    publication: name,
    slot: name,
    tables,
    computed: [],
    signs: [],
    heartbeatEveryMs: 0,
    sinkApplication: name,
  };
  const rest = new ConnectRest({ url: connect.urls });
  const names = pathNames(plan);
  await rest.put(names.sink, {
    ...sinkConfig(plan),
    'consumer.override.session.timeout.ms': patience,
    'consumer.override.max.poll.interval.ms': patience,
  });
  await rest.put(names.source, sourceConfig(plan));
  for (const connector of [names.source, names.sink]) await runs(rest, connector);
  const [worker] = connect.workers;
  return { workerPid: () => worker?.pid, brokerPid: () => kafka.pid };
}

async function runs(rest: ConnectRest, connector: string): Promise<void> {
  await waitFor({ what: `${connector} to run`, timeoutMs: 120_000, everyMs: 100 }, async () => {
    const tasks = (await rest.status(connector))?.tasks ?? [];
    if (tasks.some(({ state }) => state === 'FAILED')) throw new Error(`a task of ${connector} has failed`);
    return tasks.some(({ state }) => state === 'RUNNING') ? true : undefined;
  });
}
