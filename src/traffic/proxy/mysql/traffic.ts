import type { Side } from '../../../model/catalog.ts';
import type { ServedCounter } from '../../../model/served.ts';
import type { RetiredLink } from '../retired-links.ts';
import type { Counters } from '../traffic.ts';
import type { MysqlCanary } from './canary/canary.ts';
import type { MysqlRecorded } from './capture/dialect.ts';
import type { MysqlRecorder } from './capture/recorder.ts';
import type { MysqlConnectResult, MysqlLogin } from './connector.ts';
import type { MysqlLink } from './link.ts';
import type { SeenOfSession } from './mover.ts';
import type { MysqlSessionFacts } from './shadow/sample.ts';
import type { MysqlTap } from './shadow/tap.ts';
import type { PacketChannel } from './packet-channel.ts';

/** A client has proven to be another user (COM_CHANGE_USER). */
export interface ChangedUser {
  readonly login: MysqlLogin;
  readonly link: MysqlLink;
}

/** What a session asks of those who direct the traffic. */
export interface MysqlTraffic<Session> {
  readonly side: Side;
  readonly holding: boolean;
  readonly counters: Counters;
  /** What clients meet on each side. */
  readonly served: Readonly<Record<Side, ServedCounter>>;
  /** How long a statement that met the fence may wait for an owner. */
  readonly stragglerMs: number;
  connect(side: Side, login: MysqlLogin, signal: AbortSignal): Promise<MysqlConnectResult>;
  /** What its administrator can see of one session of a server. Never throws: it may see nothing. */
  seen(link: MysqlLink): Promise<SeenOfSession>;
  /** The number by which the server of this side knows the client of this process; undefined where there is none. `isKilled`: it is not given another backend. */
  backendHere(side: Side, client: number, isKilled: boolean): number | undefined;
  /** The same of another process of this proxy. */
  backendElsewhere(side: Side, client: number, isKilled: boolean): Promise<number | undefined>;
  /** Whether a client of this process has the number. */
  has(client: number): boolean;
  /** Whether it would be a number of another process of this proxy. */
  isElsewhere(client: number): boolean;
  /** A backend that a session has left. It is ended when no client waits. */
  retire(link: RetiredLink): void;
  /** Watches what a client reads, where reads are compared. */
  tap(session: MysqlSessionFacts): MysqlTap | undefined;
  /** Records what a client asks, where that is recorded. */
  recorder(session: Omit<MysqlRecorded, 'serverMode'>): MysqlRecorder | undefined;
  /** Moves reads of clients to green, where that was asked for. */
  readonly canary: Pick<MysqlCanary, 'run'>;
  /** The session reached a boundary, became ready, moved or ended. */
  changed(session: Session): void;
  log(event: string, facts: Readonly<Record<string, unknown>>): void;
  /** The session's statement met the fence and waits: who owns the data must be looked up. */
  fenced(): void;
  /** A transaction met the fence, and its client was told. */
  strayed(): void;
}

/** Who lets clients in: asked again when one changes its user. */
export interface UserDesk {
  /** Rejects with what the client is to be told, as `Refusal`. */
  changeUser(
    payload: Buffer,
    channel: PacketChannel,
    session: { readonly login: MysqlLogin; readonly address: string; readonly isPrivate: boolean },
    signal: AbortSignal,
  ): Promise<ChangedUser>;
}

/** An answer that ends a login. */
export class Refusal extends Error {
  /** The payload of an ERR. */
  readonly payload: Buffer;

  constructor(payload: Buffer) {
    super('a login is refused');
    this.payload = payload;
  }
}
