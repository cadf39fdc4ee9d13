import { describeError, TealError } from '../../../kernel/errors.ts';
import { asAuthMethod, parseNativeVerifier, type AuthMethod } from '../../../wire/mysql/auth.ts';
import type { Side } from '../../../model/catalog.ts';
import type { EvidenceDesk } from '../director.ts';
import type { SideEvidence } from '../owner.ts';
import type { AdminLogin } from '../target.ts';
import { connectMysql, type MysqlLogin } from './connector.ts';
import type { Greeted, MysqlLink, Reply } from './link.ts';
import type { SeenOfSession } from './mover.ts';
import type { MysqlTarget } from './target.ts';

/** How one account, of those that a name has for different hosts, proves its password. */
export interface Account {
  /** Undefined: by a plugin that the proxy does not speak. */
  readonly method: AuthMethod | undefined;
  readonly plugin: string;
  readonly hasPassword: boolean;
  /** H(H(password)) of `mysql_native_password`. */
  readonly second: Buffer | undefined;
}

const ownerSql = 'select owner, epoch from teal.owner order by epoch desc limit 1';
const fencedSql = 'select @@global.read_only';
/** No such database, no such table. */
const notThere: ReadonlySet<number> = new Set([1049, 1146]);
const utf8mb4 = 45;

/** The proxy's own questions to one side, over one connection that is made when needed and made again when lost. */
export class MysqlDesk implements EvidenceDesk {
  readonly target: MysqlTarget;
  readonly #admin: AdminLogin;
  readonly #timeoutMs: number;
  readonly #stopped = new AbortController();
  #link: MysqlLink | undefined;
  #greeted: Greeted | undefined;
  /** Questions are asked one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(target: MysqlTarget, admin: AdminLogin, timeoutMs: number) {
    this.target = target;
    this.#admin = admin;
    this.#timeoutMs = timeoutMs;
  }

  async evidence(): Promise<SideEvidence> {
    try {
      const [fenced] = (await this.rows(fencedSql))[0] ?? [];
      const reply = await this.#ask(ownerSql);
      if (reply.error !== undefined && !notThere.has(reply.error.code))
        throw refusedBy(this.target.side, reply.error.code);
      const [owner, epoch] = textRows(reply)[0] ?? [];
      const row = ownerOf(owner ?? null, epoch ?? null);
      return { reached: true, fenced: fenced !== '0', ...(row === undefined ? {} : { owner: row }) };
    } catch (error) {
      return { reached: false, reason: describeError(error) };
    }
  }

  /** What the server says of itself, as last heard. Errors: TEAL-TRAFFIC-002, -003. */
  async greeted(): Promise<Greeted> {
    if (this.#greeted !== undefined) return this.#greeted;
    await this.rows('select 1');
    return this.#greeted ?? (await this.greeted());
  }

  /** Empty for a name that nobody has. */
  async accounts(user: string): Promise<readonly Account[]> {
    const name = `convert(x'${Buffer.from(user, 'utf8').toString('hex')}' using utf8mb4)`;
    const rows = await this.rows(
      `select plugin, hex(authentication_string) from mysql.user where user = ${name} order by host`,
    );
    return rows.map(([plugin, hex]) => accountOf(plugin ?? '', Buffer.from(hex ?? '', 'hex').toString('latin1')));
  }

  /**
   * Names of the user variables and of the locks by GET_LOCK that one session of this server has; none where `performance_schema` is off. MySQL only. Errors: TEAL-TRAFFIC-002, and -003
   * when the administrator may not read it.
   */
  async seen(connectionId: number): Promise<SeenOfSession> {
    const thread = `(select thread_id from performance_schema.threads where processlist_id = ${connectionId})`;
    const rows =
      await this.rows(`select 'variable', variable_name from performance_schema.user_variables_by_thread where thread_id = ${thread}
      union all select 'lock', object_name from performance_schema.metadata_locks
        where object_type = 'USER LEVEL LOCK' and lock_status = 'GRANTED' and owner_thread_id = ${thread}`);
    const namesOf = (kind: string): readonly string[] =>
      rows.flatMap(([of, name]) => (of === kind && typeof name === 'string' ? [name] : []));
    return { userVariables: namesOf('variable').map((name) => name.toLowerCase()), userLocks: namesOf('lock') };
  }

  stop(): void {
    this.#stopped.abort(new TealError('TEAL-KERNEL-003', 'the proxy stops'));
    this.#link?.end();
  }

  /** In text. Errors: TEAL-TRAFFIC-002, -003 refused, -008. */
  async rows(sql: string): Promise<readonly (readonly (string | null)[])[]> {
    const reply = await this.#ask(sql);
    if (reply.error !== undefined) throw refusedBy(this.target.side, reply.error.code);
    return textRows(reply);
  }

  async #ask(sql: string): Promise<Reply> {
    const mine = this.#last.then(async () => this.#askNow(sql));
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  async #askNow(sql: string): Promise<Reply> {
    const link = await this.#open();
    const deadline = AbortSignal.timeout(this.#timeoutMs);
    const late = (): void => link.destroy();
    deadline.addEventListener('abort', late, { once: true });
    try {
      return await link.query(sql);
    } finally {
      deadline.removeEventListener('abort', late);
    }
  }

  async #open(): Promise<MysqlLink> {
    if (this.#link !== undefined && !this.#link.closed) return this.#link;
    const { user, password } = this.#admin;
    const login: MysqlLogin = {
      user,
      credential: password === undefined ? { kind: 'none' } : { kind: 'password', password },
      database: undefined,
      capabilities: 0,
      collation: utf8mb4,
      maxPacketBytes: 1 << 24,
      attributes: new Map([['program_name', 'teal proxy']]),
    };
    const result = await connectMysql(this.target, login, this.#timeoutMs, this.#stopped.signal);
    if ('refused' in result) throw refusedBy(this.target.side, 1045);
    this.#link = result.link;
    this.#greeted = result.link.greeted;
    return result.link;
  }
}

function ownerOf(
  owner: string | null,
  epoch: string | null,
): { readonly side: Side; readonly epoch: number } | undefined {
  return owner === 'blue' || owner === 'green' ? { side: owner, epoch: Number(epoch) } : undefined;
}

/** MariaDB leaves the plugin of the oldest accounts empty. */
function accountOf(plugin: string, text: string): Account {
  const name = plugin === '' ? 'mysql_native_password' : plugin;
  const method = asAuthMethod(name);
  return {
    method,
    plugin: name,
    hasPassword: text !== '',
    second: method === 'mysql_native_password' ? parseNativeVerifier(text) : undefined,
  };
}

function textRows(reply: Reply): readonly (readonly (string | null)[])[] {
  return reply.rows.map((row) => row.map((value) => value?.toString('utf8') ?? null));
}

function refusedBy(side: Side, number: number): TealError {
  return new TealError('TEAL-TRAFFIC-003', `${side} refuses the administrator (${number})`, { side, number });
}
