import type { API, Connection, ConnectionPool } from '@platformatic/kafka';
import { monotonicMs } from '../../kernel/clock.ts';
import { TealError } from '../../kernel/errors.ts';
import { untilAborted } from '../../kernel/kept-session.ts';
import type { KafkaApi, KafkaBroker } from '../../model/kafka-facts.ts';
import { parseAddress, type KafkaAddress } from './address.ts';
import { asTealError } from './errors.ts';
import { ifGiven, loadLibrary, type KafkaLibrary } from './library.ts';

export interface ConnectOptions {
  /** See `address.ts`. */
  readonly url: string;
  /** `client.id`: says in the brokers' logs and quotas which part of Teal asks. */
  readonly clientId: string;
  readonly signal?: AbortSignal | undefined;
  readonly connectTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
}

/** A kind of request in several of its versions, the newest first, that all take the same arguments. */
export type Versions<Arguments extends unknown[], Answer> = readonly API<Arguments, Answer>[];

/**
 * One client of one cluster, with a connection to each broker that is asked. Requests go to the broker that they are for and are answered or refused once: nothing is repeated here.
 * Disposal closes all connections.
 */
export interface KafkaConnection extends AsyncDisposable {
  readonly library: KafkaLibrary;
  readonly clusterId: string;
  /** In the order of their ids, as they were when the connection was made. */
  readonly brokers: readonly KafkaBroker[];
  /**
   * The answer to one request, in the newest version that this broker has too. Errors: TEAL-SYSTEMS-402 it has none of them, -010 not permitted, -401 any other refusal, -001 and -006
   * of the connection.
   */
  ask<Arguments extends unknown[], Answer>(
    broker: KafkaBroker,
    versions: Versions<Arguments, Answer>,
    ...request: Arguments
  ): Promise<Answer>;
  /** The versions that this broker takes. */
  apisOf(broker: KafkaBroker): Promise<readonly KafkaApi[]>;
  /** Twice is harmless. Never throws. */
  close(): Promise<void>;
}

const defaultConnectTimeoutMs = 10_000;
const defaultRequestTimeoutMs = 30_000;

/**
 * Opens a client of the cluster that the address leads to. Errors: TEAL-SYSTEMS-001 no broker of the address is reachable, -002 the login was refused, -004 encryption, -006 lost, -009 not
 * an address, -402 older than Kafka 2.4.
 */
export async function connect(options: ConnectOptions): Promise<KafkaConnection> {
  options.signal?.throwIfAborted();
  const address = parseAddress(options.url);
  const library = await loadLibrary();
  const client = new Client(library, poolOf(library, address, options));
  try {
    await untilAborted(client, options.signal, async () => client.learn(address));
    return client;
  } catch (error) {
    await client.close();
    throw error;
  }
}

function poolOf(library: KafkaLibrary, { sasl, tls }: KafkaAddress, options: ConnectOptions): ConnectionPool {
  return new library.ConnectionPool(options.clientId, {
    connectTimeout: options.connectTimeoutMs ?? defaultConnectTimeoutMs,
    requestTimeout: options.requestTimeoutMs ?? defaultRequestTimeoutMs,
    ...(tls === undefined ? {} : { tls }),
    ...(sasl === undefined ? {} : { sasl: { ...sasl } }),
  });
}

class Client implements KafkaConnection {
  readonly library: KafkaLibrary;
  clusterId = '';
  brokers: readonly KafkaBroker[] = [];
  readonly #pool: ConnectionPool;
  readonly #apis = new Map<string, Promise<readonly KafkaApi[]>>();
  readonly #heard = new WeakSet<Connection>();
  #abandoned: Error | undefined;

  constructor(library: KafkaLibrary, pool: ConnectionPool) {
    this.library = library;
    this.#pool = pool;
  }

  /** Who is there, asked of the first broker that answers. */
  async learn(address: KafkaAddress): Promise<void> {
    const { metadataV12, metadataV9 } = this.library;
    const first = await this.#firstOf(address.brokers);
    const metadata = await this.ask(first, [metadataV12.api, metadataV9.api], [], false, false);
    this.clusterId = metadata.clusterId ?? '';
    this.brokers = metadata.brokers
      .map(({ nodeId, host, port, rack }) => ({ id: nodeId, host, port, ...ifGiven('rack', rack) }))
      .toSorted((a, b) => a.id - b.id);
  }

  async ask<Arguments extends unknown[], Answer>(
    broker: KafkaBroker,
    versions: Versions<Arguments, Answer>,
    ...request: Arguments
  ): Promise<Answer> {
    const apis = await this.apisOf(broker);
    const api = versions.find(({ key, version }) =>
      apis.some((each) => each.key === key && each.min <= version && version <= each.max),
    );
    const name = this.library.protocolAPIsById[versions[0]?.key ?? -1] ?? 'request';
    if (api === undefined) {
      throw new TealError('TEAL-SYSTEMS-402', `broker ${broker.id} has no version of ${name} that Teal speaks`, {
        broker: broker.id,
        request: name,
      });
    }
    return this.#send(broker, name, api, request);
  }

  async apisOf(broker: KafkaBroker): Promise<readonly KafkaApi[]> {
    const key = `${broker.host}:${broker.port}`;
    let apis = this.#apis.get(key);
    if (apis === undefined) {
      apis = this.#askApis(broker);
      this.#apis.set(key, apis);
      // A broker that did not answer once is asked anew.
      apis.catch(() => this.#apis.delete(key));
    }
    return apis;
  }

  abandon(reason: Error): void {
    this.#abandoned = reason;
    void this.close();
  }

  async close(): Promise<void> {
    // A connection that does not close in good order is closed all the same.
    await this.#pool.close().catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #firstOf(brokers: KafkaAddress['brokers']): Promise<KafkaBroker> {
    const errors: unknown[] = [];
    for (const [index, { host, port }] of brokers.entries()) {
      // No id is known yet; those of a cluster are not negative.
      const broker = { id: -1 - index, host, port };
      try {
        await this.#open(broker);
        return broker;
      } catch (error) {
        if (this.#abandoned !== undefined) throw this.#abandoned;
        errors.push(error);
      }
    }
    // The first one says most: the user wrote it first.
    throw errors[0];
  }

  async #open({ host, port }: KafkaBroker): Promise<Connection> {
    try {
      const connection = await this.#pool.get({ host, port });
      if (!this.#heard.has(connection)) {
        this.#heard.add(connection);
        // Whoever waits for an answer is told; without a listener an idle connection that dies would end the whole process.
        connection.on('error', () => undefined);
      }
      return connection;
    } catch (error) {
      throw asTealError(error, 'connecting', { host, port });
    }
  }

  async #askApis(broker: KafkaBroker): Promise<readonly KafkaApi[]> {
    const { apiVersionsV3, protocolAPIsById } = this.library;
    const { apiKeys } = await this.#send(broker, 'ApiVersions', apiVersionsV3.api, ['teal', '1']);
    return apiKeys.map(({ apiKey, minVersion, maxVersion }) => ({
      key: apiKey,
      name: protocolAPIsById[apiKey] ?? `api ${apiKey}`,
      min: minVersion,
      max: maxVersion,
    }));
  }

  async #send<Arguments extends unknown[], Answer>(
    broker: KafkaBroker,
    name: string,
    api: API<Arguments, Answer>,
    request: Arguments,
  ): Promise<Answer> {
    const connection = await this.#open(broker);
    const begun = monotonicMs();
    try {
      return await api.async(connection, ...request);
    } catch (error) {
      if (this.#abandoned !== undefined) throw this.#abandoned;
      const afterMs = Math.round(monotonicMs() - begun);
      throw asTealError(error, 'connected', { broker: `${broker.host}:${broker.port}`, request: name, afterMs });
    }
  }
}
