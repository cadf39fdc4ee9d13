import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { TestProject } from 'vitest/node';
import { describeError } from '../../src/kernel/errors.ts';
import { asPostgresMajor } from '../../tools/servers/install-postgres.ts';
import type { KafkaOptions } from '../../tools/servers/kafka-instance.ts';
import { startKafka } from '../../tools/servers/kafka.ts';
import { startPostgres } from '../../tools/servers/postgres.ts';

declare module 'vitest' {
  interface ProvidedContext {
    serverDesk: string;
  }
}

/** What a test file asks the desk for; one server runs for each different request. */
export type ServerRequest = PostgresRequest | KafkaRequest;

export interface PostgresRequest {
  readonly major: string | number;
  readonly settings: Readonly<Record<string, string>>;
}

export interface KafkaRequest extends Pick<KafkaOptions, 'settings' | 'users'> {
  /** Which of several that are otherwise alike. */
  readonly kafka: string;
}

interface SharedServer extends AsyncDisposable {
  /** What the test file is told: a URL, or for Kafka `host:port`. */
  readonly address: string;
}

/**
 * Vitest runs test files in processes of their own. The servers that they share belong to the process that outlives them all, which starts each one
 * when the first file asks for it: a run of unit tests starts none.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const servers = new Map<string, Promise<SharedServer>>();
  const desk = createServer((request, response) => void serve(servers, request, response));
  desk.listen(0, '127.0.0.1');
  await once(desk, 'listening');
  const { port } = desk.address() as AddressInfo;
  project.provide('serverDesk', `http://127.0.0.1:${port}`);
  return async () => {
    desk.close();
    desk.closeAllConnections();
    const started = await Promise.allSettled(servers.values());
    await Promise.all(
      started.map(async (each) => (each.status === 'fulfilled' ? each.value[Symbol.asyncDispose]() : undefined)),
    );
  };
}

type Servers = Map<string, Promise<SharedServer>>;

async function serve(servers: Servers, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const wanted = JSON.parse(await text(request)) as ServerRequest;
    const { address } = await serverFor(servers, wanted);
    response.end(address);
  } catch (error) {
    response.statusCode = 500;
    response.end(describeError(error));
  }
}

async function serverFor(servers: Servers, wanted: ServerRequest): Promise<SharedServer> {
  const key = keyOf(wanted);
  let server = servers.get(key);
  if (server === undefined) {
    server = 'kafka' in wanted ? sharedKafka(wanted) : sharedPostgres(wanted);
    servers.set(key, server);
  }
  return server;
}

function keyOf(wanted: ServerRequest): string {
  const kind = 'kafka' in wanted ? ['kafka', wanted.kafka, Object.entries(wanted.users ?? {})] : [String(wanted.major)];
  return JSON.stringify([...kind, Object.entries(wanted.settings ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))]);
}

async function sharedPostgres({ major, settings }: PostgresRequest): Promise<SharedServer> {
  const server = await startPostgres({ major: asPostgresMajor(major), settings });
  return { address: server.url, [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose]() };
}

async function sharedKafka({ settings, users }: KafkaRequest): Promise<SharedServer> {
  const server = await startKafka({
    ...(settings === undefined ? {} : { settings }),
    ...(users === undefined ? {} : { users }),
  });
  return { address: server.bootstrap, [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose]() };
}
