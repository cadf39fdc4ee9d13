import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface Received {
  readonly id: string;
  readonly aggregate: string;
  readonly type: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

export interface Receiver extends AsyncDisposable {
  readonly url: string;
  /** What was answered with 2xx, in the order of the answers. */
  readonly taken: readonly Received[];
  /** Everything that came. */
  readonly asked: readonly Received[];
  /** The most of one aggregate that ran side by side. */
  readonly most: { ofOne: number };
  answer: (event: Received) => number;
}

/** A webhook's server that answers as the test says: a status, or 0 for none at all and a lost connection. */
export async function openReceiver(port = 0): Promise<Receiver> {
  const taken: Received[] = [];
  const asked: Received[] = [];
  const running = new Map<string, number>();
  const most = { ofOne: 0 };
  const server = createServer((request, response) => {
    void (async () => {
      const { headers } = request;
      const subject = String(headers['ce-subject']);
      running.set(subject, (running.get(subject) ?? 0) + 1);
      most.ofOne = Math.max(most.ofOne, running.get(subject) ?? 0);
      const event: Received = {
        id: String(headers['ce-id']),
        aggregate: `${String(headers['ce-source']).replace('/outbox/', '')} ${subject}`,
        type: String(headers['ce-type']),
        body: (await buffer(request)).toString('utf8'),
        headers,
      };
      asked.push(event);
      const status = receiver.answer(event);
      running.set(subject, (running.get(subject) ?? 1) - 1);
      if (status === 0) {
        request.socket.destroy();
        return;
      }
      if (status < 300) taken.push(event);
      response.writeHead(status).end('said');
    })();
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`,
    taken,
    asked,
    most,
    answer: () => 204,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return receiver;
}

/** The first time that each event came, by aggregate: what a receiver has that drops what it knows. */
export function firstTimes(received: readonly Pick<Received, 'id' | 'aggregate' | 'body'>[]): Map<string, string[]> {
  const known = new Set<string>();
  const fresh = received.filter(({ id }) => !known.has(id) && known.add(id));
  return new Map(
    [...Map.groupBy(fresh, ({ aggregate }) => aggregate)].map(([aggregate, all]) => [
      aggregate,
      all.map(({ body }) => body),
    ]),
  );
}
