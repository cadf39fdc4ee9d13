import { causesOf, ConnectRest } from '../../src/carriers/connect/rest.ts';
import { pathNames, sinkConfig, sourceConfig, type PathPlan } from '../../src/carriers/connect/connectors.ts';
import { waitFor } from '../../src/kernel/clock.ts';
import { execute } from '../../tools/servers/with-client.ts';
import { literalOf } from './postgres-types.ts';

export interface Stop {
  readonly type: string;
  readonly value: string;
}

/** Where the values are, and the cluster that is to carry them. */
export interface StopPlace {
  readonly blueUrl: string;
  readonly greenUrl: string;
  readonly workers: readonly string[];
  readonly prefix: string;
}

const patienceMs = 120_000;

/**
 * The class of the innermost error with which a task ends, for each of the values, in their order. Each has a topic and a sink of its own, so that none hides another; else the connectors are as the
 * product deploys them.
 */
export async function errorsOfStops(place: StopPlace, stops: readonly Stop[]): Promise<readonly string[]> {
  const rest = new ConnectRest({ url: place.workers });
  for (const url of [place.blueUrl, place.greenUrl]) {
    await execute(
      url,
      stops.map(({ type }, at) => `create table public.stop_${at} (id int primary key, v ${type})`),
    );
  }
  await execute(
    place.blueUrl,
    stops.map(({ value }, at) => `insert into public.stop_${at} values (0, ${literalOf(value)})`),
  );
  const { prefix } = pathNames(planOf(place, 0));
  await deploySource(rest, place, stops.length);
  const sinks = stops.map((_, at) => {
    const plan = planOf(place, at);
    const topics = `${prefix}.public.stop_${at}`;
    // Its topic comes when the source has read its table.
    const config = { ...sinkConfig(plan), topics, 'consumer.override.metadata.max.age.ms': '500' };
    return { name: pathNames(plan).sink, config };
  });
  for (const { name, config } of sinks) await rest.put(name, config);
  return Promise.all(sinks.map(async ({ name }) => errorOf(rest, name)));
}

async function deploySource(rest: ConnectRest, place: StopPlace, count: number): Promise<void> {
  const tables = Array.from({ length: count }, (_, at) => ({ schema: 'public', name: `stop_${at}` }));
  const plan = { ...planOf(place, 0), tables };
  const names = tables.map(({ name }) => `public.${name}`).join(', ');
  await execute(place.blueUrl, [`create publication ${plan.publication} for table ${names}`]);
  // A topic for each table.
  const config = Object.entries(sourceConfig(plan)).filter(([name]) => !name.startsWith('transforms'));
  await rest.put(pathNames(plan).source, Object.fromEntries(config));
}

/** Of the sink of one table; of the source the same, with all of them. */
function planOf({ blueUrl, greenUrl, prefix }: StopPlace, at: number): PathPlan {
  return {
    migration: 'stops',
    run: `r${at}`,
    topicPrefix: prefix,
    replicationFactor: 1,
    sourceUrl: blueUrl,
    targetUrl: greenUrl,
    publication: 'stops',
    slot: 'stops',
    tables: [],
    computed: [],
    signs: [],
    heartbeatEveryMs: 1_000,
    sinkApplication: 'a sink of a test',
  };
}

/** The class of the innermost error of a task that has failed. */
export async function errorOf(rest: ConnectRest, connector: string): Promise<string> {
  const trace = await waitFor({ what: `${connector} to fail`, timeoutMs: patienceMs, everyMs: 200 }, async () => {
    const status = await rest.status(connector);
    return status?.tasks.find(({ state }) => state === 'FAILED')?.trace;
  });
  return causesOf(trace).at(-1)?.replace(/^.*\./, '') ?? 'none';
}
