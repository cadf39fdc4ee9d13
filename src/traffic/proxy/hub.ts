import { timingSafeEqual } from 'node:crypto';
import { describeError } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';
import type { BackendLink } from './backend-link.ts';
import { Canary } from './canary/canary.ts';
import { Capture } from './capture/capture.ts';
import { postgresCapture, type PostgresCapture } from './capture/postgres.ts';
import { connectBackend, sendCancel, type BackendLogin, type ConnectResult } from './connector.ts';
import { CustomSettings } from './custom-settings.ts';
import { Director, type DirectorOptions } from './director.ts';
import type { Session } from './session.ts';
import { Shadow } from './shadow/shadow.ts';
import type { ShadowDesk } from './shadow/options.ts';
import type { SideDesk } from './side-desk.ts';
import { Tenancy } from './tenants/tenancy.ts';
import type { Traffic } from './traffic.ts';
import { sameTypes, translateTypes, type TypeNumbers } from './type-numbers.ts';

export type { ProxyStats } from './director.ts';

export interface HubOptions extends DirectorOptions {
  readonly desks: Readonly<Record<Side, SideDesk>>;
  readonly connectTimeoutMs: number;
  /** What shadow reads ask of the databases. */
  readonly shadowDesk: ShadowDesk;
  /** Among the processes of the proxy. Default: 0. */
  readonly place?: number | undefined;
  /** The same for a canary. */
  readonly canaryDesk: ShadowDesk;
}

/** Directs the sessions of PostgreSQL. */
export class Hub extends Director<Session> implements Traffic<Session> {
  readonly settings = new CustomSettings();
  readonly shadow: Shadow;
  readonly capture: PostgresCapture;
  readonly canary: Canary;
  readonly tenancy: Tenancy<Session>;
  readonly #hubOptions: HubOptions;
  #types: Promise<TypeNumbers> | undefined;

  constructor(options: HubOptions) {
    super(options);
    this.#hubOptions = options;
    this.shadow = new Shadow({
      desk: options.shadowDesk,
      connect: async (side, login, signal) => this.connect(side, login, signal),
      connectScratch: async (database, login, signal) => this.#connectScratch(database, login, signal),
      isOpen: () => this.side === 'blue' && !this.holding,
      sessions: () => this.sessions,
      learn: async () => this.learn('look'),
      log: (event, facts) => this.log(event, facts),
    });
    this.canary = new Canary({
      desk: options.canaryDesk,
      connect: async (login, signal) => this.connect('green', login, signal),
      cancel: async (link) => this.#cancelOn(link),
      isOpen: () => this.side === 'blue' && !this.holding,
      isBlueLive: () => this.side === 'blue',
      types: async () => new Map([...(await this.types('blue', 'green')).kept].map(([blue, green]) => [green, blue])),
      sessions: () => this.sessions,
      learn: async () => this.learn('look'),
      log: (event, facts) => this.log(event, facts),
    });
    this.tenancy = new Tenancy({
      sessions: () => this.sessions,
      lentRows: async (side) => options.desks[side].lentRows(),
      log: (event, facts) => this.log(event, facts),
    });
    this.capture = new Capture({
      dialect: postgresCapture,
      place: options.place ?? 0,
      sessions: () => this.sessions,
      learn: async () => this.learn('look'),
      log: (event, facts) => this.log(event, facts),
    });
  }

  override async start(): Promise<void> {
    await super.start();
    await this.tenancy.start();
  }

  override add(session: Session): void {
    super.add(session);
    this.tenancy.joined(session);
  }

  override changed(session: Session): void {
    super.changed(session);
    this.tenancy.changed();
  }

  sideOf(parameters: ReadonlyMap<string, string>): Side {
    return this.tenancy.sideOf(parameters, this.side);
  }

  override async stop(graceMs: number): Promise<void> {
    this.tenancy.stop();
    this.canary.stop();
    this.shadow.stop();
    this.#hubOptions.canaryDesk.stop();
    await super.stop(graceMs);
    await this.capture.end();
  }

  /** A CancelRequest with the key that the proxy gave to a client. An unknown key is ignored, as a server does. */
  async cancel(pid: number, secret: Buffer): Promise<void> {
    const session = this.find(pid);
    if (session === undefined || secret.length !== session.key.secret.length) return;
    if (!timingSafeEqual(secret, session.key.secret) || session.cancel()) return;
    const link = session.backend;
    if (link !== undefined) await this.#cancelOn(link);
  }

  async #cancelOn(link: BackendLink): Promise<void> {
    await sendCancel(this.#hubOptions.desks[link.side].target, link.key, this.#hubOptions.connectTimeoutMs);
  }

  async connect(side: Side, login: BackendLogin, signal: AbortSignal): Promise<ConnectResult> {
    return connectBackend(this.#hubOptions.desks[side].target, login, this.#hubOptions.connectTimeoutMs, signal);
  }

  async #connectScratch(database: string, login: BackendLogin, signal: AbortSignal): Promise<ConnectResult> {
    const target = { ...this.#hubOptions.desks.green.target, database };
    return connectBackend(target, login, this.#hubOptions.connectTimeoutMs, signal);
  }

  async types(from: Side, to: Side): Promise<TypeNumbers> {
    const { desks } = this.#hubOptions;
    this.#types ??= Promise.all([desks[from].userTypes(), desks[to].userTypes()]).then(([here, there]) =>
      translateTypes(here, there),
    );
    try {
      return await this.#types;
    } catch (error) {
      this.#types = undefined;
      this.log('types unknown', { because: describeError(error) });
      return sameTypes;
    }
  }

  protected async learn(why: 'prepare' | 'look'): Promise<void> {
    if (why === 'prepare') this.#types = undefined;
    try {
      for (const name of await this.#hubOptions.desks[this.side].settingNames()) this.settings.add(name);
    } catch (error) {
      this.log('settings of functions unknown', { because: describeError(error) });
    }
  }
}
