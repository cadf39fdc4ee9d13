import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isTealError } from '../../kernel/errors.ts';
import { nodeHttp } from '../../kernel/node-http.ts';
import { exposeOutbox } from '../../outbox/metrics.ts';
import type { OutboxLook } from '../../ports/outbox.ts';
import { wrong } from './address.ts';

export interface ServedMetrics extends AsyncDisposable {
  readonly port: number;
}

/** Answers GET /metrics, and nothing else, with what the database says at that moment; 503 with a code where it cannot be asked. TEAL-OUTBOX-002 for what is no `host:port`. */
export async function serveMetrics(listen: string, look: () => Promise<OutboxLook>): Promise<ServedMetrics> {
  const groups = /^(?<host>\[[0-9a-f:]+\]|[^:]+):(?<port>\d{1,5})$/i.exec(listen)?.groups;
  if (groups === undefined) throw wrong('--metrics is host:port');
  const server = nodeHttp().createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') response.writeHead(404).end();
    else void answer(response, look);
  });
  server.requestTimeout = 10_000;
  server.listen(Number(groups['port']), groups['host']?.replace(/^\[(.*)\]$/, '$1'));
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function answer(response: ServerResponse, look: () => Promise<OutboxLook>): Promise<void> {
  try {
    const text = exposeOutbox(await look());
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text);
  } catch (error) {
    response.writeHead(503).end(isTealError(error) ? `${error.code}\n` : 'no answer\n');
  }
}
