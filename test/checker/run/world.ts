import type { Side } from '../../../src/model/catalog.ts';
import type { MysqlServer } from '../../../tools/servers/mysql.ts';
import type { PostgresServer } from '../../../tools/servers/postgres.ts';
import type { pairs, PlannedFault } from '../faults.ts';
import type { Random } from '../random.ts';
import type { Store } from '../stores/store.ts';

export type Pair = (typeof pairs)[number];

/** What goes between two processes of a run, in a fault's hands. Each resolves as soon as it is so; it stays so until `heal`. */
export interface Link {
  /** Resets what is there and accepts nothing. */
  cut(): Promise<void>;
  /** Bytes take so much longer, in both directions. */
  delay(ms: number): Promise<void>;
  /** Swallows all bytes of both directions and says nothing; what was swallowed never arrives, so `heal` resets those connections. */
  halfOpen(): Promise<void>;
  heal(): Promise<void>;
}

export type ProcessName = 'controller' | 'supervisor' | 'worker forward' | 'worker reverse' | 'proxy' | 'holder';

export type RunServer = PostgresServer | MysqlServer;

/** For what only PostgreSQL can. */
export function postgresOf(server: RunServer): PostgresServer {
  if ('url' in server) return server;
  throw new Error(`${server.series} is not PostgreSQL`);
}

/** What a fault may touch. */
export interface World {
  /** The fault's own: what it chooses is the seed's. */
  readonly random: Random;
  /** Of the migration; every process of Teal that is not the controller names it in its arguments. */
  readonly folder: string;
  readonly stateDir: string;
  /** The servers themselves, past the links. */
  readonly servers: Readonly<Record<Side, RunServer>>;
  /** What is asked of a side, whatever system it is. */
  store(side: Side): Store;
  /** From now on this server is that side, past the links and through them. It is the run's from now on, and ends with it. */
  replace(side: Side, server: PostgresServer): void;
  readonly links: Readonly<Record<Pair, Link>>;
  /** Where the migration's tables are; past the links, as a superuser. */
  url(side: Side): string;
  /** For clients, through Teal's proxy. */
  readonly clientUrl: string;
  /** Clients of the first group's kind at another address; they end when what it resolves with is called, or with the run. */
  moreClients(url: string): Promise<() => Promise<void>>;
  /** The side that the owner row names now; blue without one. */
  live(): Promise<Side>;
  /** Those that run now. */
  pids(of: ProcessName): readonly number[];
}

export interface Injection {
  /** As it came to pass, for the seed's report: `kill -9 of process 4711`. */
  readonly what: string;
  /** Ends what lasts, and waits until that has ended (a server is up again); nothing for what is over at once. */
  heal(): Promise<void>;
}

/** Does one fault now, and resolves when it is done. Throws where it could not be done. */
export type Injector = (world: World, fault: PlannedFault) => Promise<Injection>;
