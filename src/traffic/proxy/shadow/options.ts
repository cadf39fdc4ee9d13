import type { Position } from '../../../model/position.ts';
import type { BackendLogin, ConnectResult } from '../connector.ts';
import type { ActingNames } from './judge-write.ts';
import type { VolatileFunctions } from './judge.ts';
import type { LinkConnect } from './reader-link.ts';

/** What the proxy itself asks of the databases for shadow reads and writes. Errors: TEAL-TRAFFIC-002, -003, -008. */
export interface ShadowDesk {
  /** Of blue. */
  volatileFunctions(): Promise<VolatileFunctions>;
  /** Of green, or of a database of its server. Errors of the latter: TEAL-TRAFFIC-070 where nothing may be committed there. */
  actingNames(scratch: string | undefined): Promise<ActingNames>;
  /** The end of blue's log. */
  written(): Promise<Position>;
  /** How far green has applied blue's log; undefined when nothing flows there. */
  applied(): Promise<Position | undefined>;
  stop(): void;
}

/** A client that may be watched. */
export interface WatchableSession {
  readonly isWatched: boolean;
  /** Asks its backend for its state, and watches from there on when nothing hinders. */
  watch(): Promise<void>;
}

export interface ShadowOptions {
  readonly desk: ShadowDesk;
  readonly connect: LinkConnect;
  /** Of green's server. */
  readonly connectScratch: (database: string, login: BackendLogin, signal: AbortSignal) => Promise<ConnectResult>;
  /** Blue is live and nobody is held. */
  readonly isOpen: () => boolean;
  readonly sessions: () => Iterable<WatchableSession>;
  /** What has to be known before sessions are asked for their state. Never throws. */
  readonly learn: () => Promise<void>;
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void;
  /** How long one read may take; default 10 000. */
  readonly limitMs?: number;
  /** How long green may need to apply what blue has shown, before a difference is left untold; default 30 000. */
  readonly lagLimitMs?: number;
}
