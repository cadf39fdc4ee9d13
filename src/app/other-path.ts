import { randomBytes } from 'node:crypto';
import { TealError } from '../kernel/errors.ts';
import type { TableName } from '../model/catalog.ts';
import {
  OtherPath,
  type ConnectorLook,
  type ConnectorMistake,
  type OtherPathLook,
} from '../carriers/connect/other-path.ts';
import { otherSourceOf } from '../carriers/connect/other-sources.ts';
import { ConnectRest } from '../carriers/connect/rest.ts';
import { connect as connectKafka } from '../systems/kafka/connection.ts';
import { Cluster } from '../systems/kafka/mirror/cluster.ts';
import { deleteTopics } from '../systems/kafka/topics/make-topic.ts';
import { expand } from './outbox/address.ts';

export type { ConnectorLook, ConnectorMistake, OtherPathLook };

export interface OtherPathOptions {
  /** Of its connectors and topics: a-z, 0-9 and -. */
  readonly name: string;
  /** Addresses of the workers' REST API. `${NAME}` in these, `from` and `to` stands for a variable of the environment. */
  readonly workers: readonly string[];
  readonly from: string;
  readonly to: string;
  /** `schema.table`; of MySQL and MariaDB `database.table`. */
  readonly tables: readonly string[];
  /** `host:port,…` as the workers reach them, and this machine where topics are to go. */
  readonly brokers: string;
  readonly replicationFactor: number;
  readonly topicPrefix: string;
  readonly serverId: number;
  /** Default: the environment of the process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
}

const heartbeatEveryMs = 1_000;

/** Source and target of `teal connectors`. Error TEAL-CARRIERS-044 for what cannot be used. */
function openOtherPath(options: OtherPathOptions): OtherPath {
  const { env = process.env } = options;
  const given = (text: string): string => expand(text, env, wrong);
  const [sourceUrl, targetUrl] = [given(options.from), given(options.to)];
  otherSourceOf(sourceUrl);
  if (!/^postgres(ql)?:\/\/[^/]/.test(targetUrl)) throw wrong('the address of the target begins with postgres://');
  if (!/^[a-z][a-z0-9-]{0,40}$/.test(options.name)) throw wrong('a name has up to 41 of a-z, 0-9 and -');
  return new OtherPath({
    rest: new ConnectRest({ url: options.workers.map(given) }),
    plan: {
      // Names of migrations have no dash here: those of `carrier: connect` are other ones, whatever it is called.
      migration: `connectors-${options.name}`,
      topicPrefix: options.topicPrefix,
      replicationFactor: options.replicationFactor,
      sourceUrl,
      targetUrl,
      brokers: options.brokers,
      serverId: options.serverId,
      heartbeatEveryMs,
      tables: options.tables.map(tableOf),
    },
  });
}

/** What the plugins take for wrong; empty when nothing is. Deploys nothing. Errors: TEAL-CARRIERS-010, -013, -044. */
export async function checkConnectors(options: OtherPathOptions): Promise<readonly ConnectorMistake[]> {
  return openOtherPath(options).check();
}

/** Errors: TEAL-CARRIERS-010, -011 a configuration is refused, -013, -044. */
export async function deployConnectors(options: OtherPathOptions): Promise<OtherPathLook> {
  return openOtherPath(options).deploy(() => randomBytes(4).toString('hex'), options.signal);
}

/** Undefined where they are not there. Errors: TEAL-CARRIERS-010, -044. */
export async function lookAtConnectors(options: OtherPathOptions): Promise<OtherPathLook | undefined> {
  return openOtherPath(options).look();
}

/** Deletes both connectors, and then their topics. Answers those. Errors: TEAL-CARRIERS-010, -044, those of reaching Kafka. */
export async function retireConnectors(options: OtherPathOptions): Promise<readonly string[]> {
  const topics = await openOtherPath(options).retire(options.signal);
  if (topics.length === 0) return [];
  await using connection = await connectKafka({
    url: `kafka://${options.brokers}`,
    clientId: 'teal',
    signal: options.signal,
  });
  await deleteTopics(new Cluster(connection), topics);
  return topics;
}

function tableOf(text: string): TableName {
  const [schema = '', name = '', ...more] = text.split('.');
  if (schema === '' || name === '' || more.length > 0) throw wrong(`${text}: a table is named as schema.table`);
  return { schema, name };
}

function wrong(what: string): TealError {
  return new TealError('TEAL-CARRIERS-044', what);
}
