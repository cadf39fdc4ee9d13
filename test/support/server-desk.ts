import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { TestProject } from 'vitest/node';
import { describeError } from '../../src/kernel/errors.ts';
import { asPostgresMajor } from '../../tools/servers/install-postgres.ts';
import { startPostgres, type PostgresServer } from '../../tools/servers/postgres.ts';

declare module 'vitest' {
  interface ProvidedContext {
    serverDesk: string;
  }
}

/** What a test file asks the desk for; one server runs for each different request. */
export interface ServerRequest {
  readonly major: string | number;
  readonly settings: Readonly<Record<string, string>>;
}

/**
 * Vitest runs test files in processes of their own. The servers that they share belong to the process that outlives them all, which starts each one
 * when the first file asks for it: a run of unit tests starts none.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const servers = new Map<string, Promise<PostgresServer>>();
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

type Servers = Map<string, Promise<PostgresServer>>;

async function serve(servers: Servers, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const wanted = JSON.parse(await text(request)) as ServerRequest;
    const { url } = await serverFor(servers, wanted);
    response.end(url);
  } catch (error) {
    response.statusCode = 500;
    response.end(describeError(error));
  }
}

async function serverFor(servers: Servers, { major, settings }: ServerRequest): Promise<PostgresServer> {
  const key = JSON.stringify([String(major), Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1))]);
  let server = servers.get(key);
  if (server === undefined) {
    server = startPostgres({ major: asPostgresMajor(major), settings });
    servers.set(key, server);
  }
  return server;
}
