import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface HttpDouble extends AsyncDisposable {
  readonly url: string;
  readonly asked: readonly Asked[];
  /** From now on: this status and text; `endless` never ends it, `broken` cuts it off in the middle. */
  answer(status: number, body?: string, how?: 'endless' | 'broken', headers?: Readonly<Record<string, string>>): void;
}

export interface TlsOfDouble {
  readonly certificate: string;
  readonly key: string;
}

/** A server on loopback that answers as it is told to. */
export async function httpDouble(tls?: TlsOfDouble): Promise<HttpDouble> {
  const asked: Asked[] = [];
  let say: (response: Parameters<RequestListener>[1]) => void = (response) => response.end();
  const take = async (request: IncomingMessage): Promise<void> => {
    const { method = '', url = '', headers } = request;
    asked.push({ method, path: url, headers, body: await text(request) });
  };
  const listener: RequestListener = (request, response) => {
    void take(request).then(
      () => say(response),
      // A client that went away in the middle of its question.
      () => response.destroy(),
    );
  };
  const server =
    tls === undefined ? createServer(listener) : createTlsServer({ cert: tls.certificate, key: tls.key }, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    asked,
    answer: (status, body = '', how, headers = {}) => {
      say = (response) => {
        response.writeHead(status, { ...headers, ...(how === 'broken' ? { 'content-length': body.length + 10 } : {}) });
        response.write(body);
        if (how === 'broken') setImmediate(() => response.destroy());
        else if (how === undefined) response.end();
      };
    },
    [Symbol.asyncDispose]: async () => {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
