import type { Socket } from 'node:net';
import { FaultLink, type Carried } from './fault-link.ts';
import { Lane } from './lane.ts';
import type { Sorter } from './sorter.ts';

export interface Ends {
  readonly client: Socket;
  readonly server: Socket;
}

/** A client's connection and the one to the server that was made for it. Until it is sorted it is on a link of its own. */
export class CarriedConnection implements Carried {
  readonly #ends: Ends;
  readonly #toServer: Lane;
  readonly #toClient: Lane;
  readonly #links: (name: string) => FaultLink;
  #sorter: Sorter | undefined;
  #link = new FaultLink();
  #hasSwallowed = false;

  constructor(ends: Ends, sorter: Sorter, links: (name: string) => FaultLink) {
    const { client, server } = ends;
    this.#ends = ends;
    this.#sorter = sorter;
    this.#links = links;
    this.#toServer = new Lane(client, server, () => this.#link.delayMs);
    this.#toClient = new Lane(server, client, () => this.#link.delayMs);
    client.on('data', (chunk: Buffer) => this.#fromClient(chunk));
    server.on('data', (chunk: Buffer) => this.#carry(this.#toClient, chunk));
    client.on('end', () => this.#carry(this.#toServer, 'end'));
    server.on('end', () => this.#carry(this.#toClient, 'end'));
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => this.#broken());
      socket.on('close', () => this.#closed());
    }
  }

  get hasSwallowed(): boolean {
    return this.#hasSwallowed;
  }

  reset(): void {
    this.#ends.client.resetAndDestroy();
    this.#ends.server.resetAndDestroy();
  }

  swallow(): void {
    this.#toServer.forget();
    this.#toClient.forget();
  }

  async gone(): Promise<void> {
    this.reset();
    await Promise.all([this.#toServer.idle(), this.#toClient.idle()]);
  }

  #fromClient(chunk: Buffer): void {
    if (this.#sorter === undefined) return this.#carry(this.#toServer, chunk);
    const { pass, link } = this.#sorter.take(chunk);
    if (link !== undefined) this.#belongTo(this.#links(link));
    if (pass.length > 0) this.#carry(this.#toServer, pass);
  }

  #belongTo(link: FaultLink): void {
    this.#sorter = undefined;
    this.#link = link;
    link.connections.add(this);
    if (link.state === 'cut') this.reset();
  }

  #carry(lane: Lane, what: Buffer | 'end'): void {
    if (this.#link.state === 'half-open') this.#hasSwallowed = true;
    else lane.take(what);
  }

  /** A reset of one end is one of the other, unless nothing gets through. */
  #broken(): void {
    if (this.#link.state === 'half-open') this.#hasSwallowed = true;
    else this.reset();
  }

  #closed(): void {
    const { client, server } = this.#ends;
    if (client.destroyed && server.destroyed) this.#link.connections.delete(this);
  }
}
