import type { Side } from '../../../model/catalog.ts';
import { describeError } from '../../../kernel/errors.ts';
import { Director, type DirectorOptions } from '../director.ts';
import { connectMysql, type MysqlConnectResult, type MysqlLogin } from './connector.ts';
import type { MysqlDesk } from './desk.ts';
import type { MysqlLink } from './link.ts';
import type { SeenOfSession } from './mover.ts';
import type { MysqlSession } from './session.ts';
import type { MysqlTraffic } from './traffic.ts';

export interface MysqlHubOptions extends DirectorOptions {
  readonly desks: Readonly<Record<Side, MysqlDesk>>;
  readonly connectTimeoutMs: number;
}

const nothing: SeenOfSession = Object.freeze({ userVariables: [], userLocks: [] });

/** Directs the sessions of MySQL and MariaDB. */
export class MysqlHub extends Director<MysqlSession> implements MysqlTraffic<MysqlSession> {
  readonly desks: MysqlHubOptions['desks'];
  readonly #connectTimeoutMs: number;

  constructor(options: MysqlHubOptions) {
    super(options);
    this.desks = options.desks;
    this.#connectTimeoutMs = options.connectTimeoutMs;
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

  protected async learn(): Promise<void> {
    // Each session is asked for all that there is to know.
  }
}
