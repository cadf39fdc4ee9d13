import { getRequestListener, RequestError } from '@hono/node-server';
import { once } from 'node:events';
import type { RequestListener, Server, ServerOptions } from 'node:http';
import { isIP, type AddressInfo } from 'node:net';
import { TealError } from '../kernel/errors.ts';
import { nodeHttp, nodeHttps } from '../kernel/node-http.ts';
import { problemOf, RequestMistakes } from './problems.ts';
import { strict } from './strict-headers.ts';

export interface ListenOptions {
  readonly host: string;
  /** 0: one that is free. */
  readonly port: number;
  /** PEM. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  readonly fetch: Parameters<typeof getRequestListener>[0];
}

export interface Listening {
  readonly port: number;
  /** Ends every connection: what is being answered is cut off. */
  stop(): Promise<void>;
}

/** Small: whoever asks sends a token and little else. A client that is slow to say what it wants holds no connection for long. */
const limits: ServerOptions = {
  maxHeaderSize: 16 << 10,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 5_000,
  // Judged with everything else that a request says of where it comes from.
  requireHostHeader: false,
};
const connectionsLimit = 512;

/** Only this machine can reach it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** `host:port`, an IPv6 address in brackets. TEAL-SERVER-003. */
export function parseListen(text: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-f:]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || port === undefined || Number(port) > 65_535) {
    throw new TealError('TEAL-SERVER-003', `${text} is not host:port, as in 127.0.0.1:7480`);
  }
  return { host, port: Number(port) };
}

/** Opens the port. TEAL-SERVER-003. */
export async function listen({ host, port, tls, fetch }: ListenOptions): Promise<Listening> {
  const answer = getRequestListener(fetch, { overrideGlobalObjects: false, errorHandler: tellUnjudged });
  const onRequest: RequestListener = (incoming, outgoing) => void answer(incoming, outgoing);
  const server = tlsServer(tls, onRequest) ?? nodeHttp().createServer(limits, onRequest);
  server.maxConnections = connectionsLimit;
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    throw new TealError('TEAL-SERVER-003', `cannot listen on ${host}:${port}`, { host, port }, error);
  }
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

const unreadable = [{ at: 'request', what: 'its first line or its Host cannot be read' }] as const;

/** Where there is no request that routes could judge: nobody was asked who sends it. What fails in a route is told there, with the log. */
function tellUnjudged(error: unknown): Response {
  const problem = problemOf(error instanceof RequestError ? new RequestMistakes(unreadable) : error);
  const headers = { ...strict, 'Content-Type': 'application/problem+json' };
  return Response.json(problem, { status: problem.status, headers });
}

function tlsServer(tls: ListenOptions['tls'], onRequest: RequestListener): Server | undefined {
  if (tls === undefined) return undefined;
  try {
    return nodeHttps().createServer(
      { ...limits, cert: tls.certificate, key: tls.key, minVersion: 'TLSv1.2' },
      onRequest,
    );
  } catch (error) {
    throw new TealError('TEAL-SERVER-003', 'the certificate and its key cannot be used', {}, error);
  }
}
