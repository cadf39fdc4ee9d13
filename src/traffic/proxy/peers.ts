import type { Side } from '../../model/catalog.ts';

/** The other processes of the same proxy, as one of them sees them. */
export interface Peers {
  /** Its own place among all, from 0. */
  readonly place: number;
  /** Of all, itself included. */
  readonly count: number;
  /** A CancelRequest with a key that another gave out. One that nobody knows is ignored. */
  cancel(pid: number, secret: Buffer): Promise<void>;
  /** Of MySQL and MariaDB: the number by which the server of this side knows the client of another; undefined where there is none. `isKilled`: it is not given another backend. */
  backendOn(side: Side, client: number, isKilled: boolean): Promise<number | undefined>;
  /** Somebody gave a wrong password: all count it. */
  tellFailure(user: string, address: string): void;
}

/** What the others ask of one. */
export interface ForPeers {
  cancel(pid: number, secret: Buffer): Promise<void>;
  backendOn(side: Side, client: number, isKilled: boolean): number | undefined;
}
