import type { Side } from '../../../model/catalog.ts';
import { describeError } from '../../../kernel/errors.ts';
import { placeOf } from '../client-numbers.ts';
import { Capture } from '../capture/capture.ts';
import { Director, type DirectorOptions } from '../director.ts';
import type { Peers } from '../peers.ts';
import { MysqlCanary } from './canary/canary.ts';
import { mysqlCapture, type MysqlCapture, type MysqlRecorded } from './capture/dialect.ts';
import type { MysqlRecorder } from './capture/recorder.ts';
import { connectMysql, type MysqlConnectResult, type MysqlLogin } from './connector.ts';
import type { MysqlDesk } from './desk.ts';
import type { MysqlLink } from './link.ts';
import type { SeenOfSession } from './mover.ts';
import type { MysqlSession } from './session.ts';
import type { MysqlShadowDesk } from './shadow/desk.ts';
import type { MysqlSessionFacts } from './shadow/sample.ts';
import { MysqlShadow } from './shadow/shadow.ts';
import type { MysqlTap } from './shadow/tap.ts';
import type { MysqlTraffic } from './traffic.ts';

export interface MysqlHubOptions extends DirectorOptions {
  readonly desks: Readonly<Record<Side, MysqlDesk>>;
  readonly connectTimeoutMs: number;
  readonly peers: Peers | undefined;
  /** What shadow reads ask of the servers. */
  readonly shadowDesk: MysqlShadowDesk;
  /** The same for a canary. */
  readonly canaryDesk: MysqlShadowDesk;
}

/** Clients' numbers are from here up to, not with, 2³¹-1: far from the small ones that servers give, so that one of theirs is not taken for one of the proxy's. */
export const firstClientNumber = 2 ** 30;

const nothing: SeenOfSession = Object.freeze({ userVariables: [], userLocks: [] });

/** Directs the sessions of MySQL and MariaDB. */
export class MysqlHub extends Director<MysqlSession> implements MysqlTraffic<MysqlSession> {
  readonly desks: MysqlHubOptions['desks'];
  readonly shadow: MysqlShadow;
  readonly capture: MysqlCapture;
  /** `sql_mode` of the server, as a capture has found it. */
  #serverMode = '';
  readonly canary: MysqlCanary;
  readonly #canaryDesk: MysqlShadowDesk;
  readonly #connectTimeoutMs: number;
  readonly #peers: Peers | undefined;

  constructor(options: Omit<MysqlHubOptions, 'processes'>) {
    super({ ...options, processes: options.peers?.count });
    this.#peers = options.peers;
    this.desks = options.desks;
    this.#connectTimeoutMs = options.connectTimeoutMs;
    this.shadow = new MysqlShadow({
      desk: options.shadowDesk,
      connect: async (side, login, signal) => this.connect(side, login, signal),
      isOpen: () => this.side === 'blue' && !this.holding,
      isOverByCut: () => this.side === 'green',
      sessions: () => this.sessions,
      log: (event, facts) => this.log(event, facts),
    });
    this.capture = new Capture({
      dialect: mysqlCapture,
      place: options.peers?.place ?? 0,
      sessions: () => this.sessions,
      learn: async () => this.#learnMode(),
      log: (event, facts) => this.log(event, facts),
    });
    this.#canaryDesk = options.canaryDesk;
    this.canary = new MysqlCanary({
      desk: options.canaryDesk,
      connect: async (login, signal) => this.connect('green', login, signal),
      isOpen: () => this.side === 'blue' && !this.holding,
      isBlueLive: () => this.side === 'blue',
      sessions: () => this.sessions,
      log: (event, facts) => this.log(event, facts),
    });
  }

  recorder(session: Omit<MysqlRecorded, 'serverMode'>): MysqlRecorder | undefined {
    return this.capture.recorder({ ...session, serverMode: this.#serverMode });
  }

  async #learnMode(): Promise<void> {
    try {
      this.#serverMode = (await this.desks[this.side].rows('select @@global.sql_mode'))[0]?.[0] ?? '';
    } catch (error) {
      this.log('sql_mode of the server is not known', { side: this.side, because: describeError(error) });
    }
  }

  tap(session: MysqlSessionFacts): MysqlTap | undefined {
    return this.shadow.tap(session);
  }

  override async stop(graceMs: number): Promise<void> {
    this.canary.stop();
    this.#canaryDesk.stop();
    await Promise.all([this.shadow.stop(), super.stop(graceMs)]);
    await this.capture.end();
  }

  async connect(side: Side, login: MysqlLogin, signal: AbortSignal): Promise<MysqlConnectResult> {
    return connectMysql(this.desks[side].target, login, this.#connectTimeoutMs, signal);
  }

  async seen(link: MysqlLink): Promise<SeenOfSession> {
    // MariaDB tells each session what it has of its own.
    if (link.greeted.flavour === 'mariadb') return nothing;
    try {
      return await this.desks[link.side].seen(link.greeted.connectionId);
    } catch (error) {
      this.log('user variables and locks are known from statements alone', {
        side: link.side,
        because: describeError(error),
      });
      return nothing;
    }
  }

  isElsewhere(id: number): boolean {
    const peers = this.#peers;
    if (peers === undefined || id < firstClientNumber) return false;
    const place = placeOf(id);
    return place !== peers.place && place < peers.count;
  }

  async backendElsewhere(side: Side, client: number, isKilled: boolean): Promise<number | undefined> {
    return this.#peers?.backendOn(side, client, isKilled);
  }

  backendHere(side: Side, client: number, isKilled: boolean): number | undefined {
    const session = this.find(client);
    if (session?.backend?.side !== side) return undefined;
    if (isKilled) session.beKilled();
    else session.lane.cancel();
    return session.backend.greeted.connectionId;
  }

  protected async learn(): Promise<void> {
    // Each session is asked for all that there is to know.
  }
}
