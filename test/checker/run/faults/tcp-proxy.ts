import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Link } from '../world.ts';
import { CarriedConnection } from './carried-connection.ts';
import { FaultLink } from './fault-link.ts';
import type { Sorter } from './sorter.ts';

export interface FaultProxyOptions {
  /** On loopback, as the proxy itself. */
  readonly upstreamPort: number;
  /** For each connection: tells to which link it belongs, by the first packet that says more than "let us encrypt". */
  readonly sorter: () => Sorter;
}

/** Stands before a server and carries every byte, until one of its links is told otherwise. */
export interface FaultProxy extends AsyncDisposable {
  readonly port: number;
  /** Of those connections, now and later, that `classify` gives this name. */
  link(name: string): Link;
  /** How many connections belong to it now. */
  count(name: string): number;
  /** New connections go there; those that are keep theirs. */
  retarget(port: number): void;
}

export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const server = createServer({ allowHalfOpen: true });
  const proxy = new TcpFaultProxy(server, options);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return proxy;
}

class TcpFaultProxy implements FaultProxy {
  readonly #server: Server;
  readonly #sorter: () => Sorter;
  readonly #links = new Map<string, FaultLink>();
  readonly #connections = new Set<CarriedConnection>();
  #upstreamPort: number;

  constructor(server: Server, { upstreamPort, sorter }: FaultProxyOptions) {
    this.#server = server;
    this.#sorter = sorter;
    this.#upstreamPort = upstreamPort;
    server.on('connection', (client: Socket) => this.#accept(client));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  link(name: string): FaultLink {
    const known = this.#links.get(name) ?? new FaultLink();
    this.#links.set(name, known);
    return known;
  }

  count(name: string): number {
    return this.link(name).connections.size;
  }

  retarget(port: number): void {
    this.#upstreamPort = port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    await Promise.all([...this.#connections].map(async (connection) => connection.gone()));
    await closed;
  }

  #accept(client: Socket): void {
    const server = connect({ port: this.#upstreamPort, host: '127.0.0.1', allowHalfOpen: true });
    const connection = new CarriedConnection({ client, server }, this.#sorter(), (name) => this.link(name));
    this.#connections.add(connection);
    const forget = (): void => {
      if (client.destroyed && server.destroyed) this.#connections.delete(connection);
    };
    client.on('close', forget);
    server.on('close', forget);
  }
}
