import { describeError, TealError } from '../../kernel/errors.ts';
import { encodeBind, encodeExecute, encodeParse, encodeSync } from '../../wire/postgres/frontend.ts';
import type { Side } from '../../model/catalog.ts';
import { fenceSigns } from '../../ports/fence.ts';
import type { BackendLink } from './backend-link.ts';
import { connectBackend } from './connector.ts';
import type { SideEvidence } from './owner.ts';
import type { LentRows } from './tenants/place.ts';
import type { AdminLogin, BackendTarget } from './target.ts';

type TextRow = readonly (string | null)[];

/** The second: whether the function that the fence's triggers call is the closed one. */
const evidenceSql = `select pg_catalog.to_regclass('teal.owner') is not null,
  exists (select from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where n.nspname = 'teal' and p.proname = 'fence' and p.prosrc like '%${fenceSigns.closedWord}%')`;
const ownerSql = 'select owner, epoch from teal.owner order by epoch desc limit 1';
const lentThereSql = `select pg_catalog.to_regclass('teal.lent') is not null`;
const lentSql = 'select tenant, session from teal.lent';
const verifierSql = 'select rolpassword from pg_catalog.pg_authid where rolname = $1';
const mayReadSql = `select pg_catalog.has_column_privilege('pg_catalog.pg_authid', 'rolname', 'select')
  and pg_catalog.has_column_privilege('pg_catalog.pg_authid', 'rolpassword', 'select')`;
const settingNamesSql = `select distinct m[1] from pg_catalog.pg_proc p,
  lateral pg_catalog.regexp_matches(p.prosrc, '''([a-zA-Z_][a-zA-Z0-9_]*\\.[a-zA-Z0-9_.]+)''', 'g') m
  where p.prosrc ilike '%set_config%' limit 1000`;
const userTypesSql = `select t.oid::text, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(t.typname)
  from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace where t.oid >= 16384`;

/** The proxy's own questions to one side, over one connection that is made when needed and made again when lost. */
export class SideDesk {
  readonly target: BackendTarget;
  readonly #admin: AdminLogin;
  readonly #timeoutMs: number;
  readonly #stopped = new AbortController();
  #link: BackendLink | undefined;
  /** Questions are asked one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(target: BackendTarget, admin: AdminLogin, timeoutMs: number) {
    this.target = target;
    this.#admin = admin;
    this.#timeoutMs = timeoutMs;
  }

  /** Owner row and fence, or why the side could not be asked. Never throws. */
  async evidence(): Promise<SideEvidence> {
    try {
      const [there, fenced] = (await this.ask(evidenceSql))[0] ?? [];
      const [owner, epoch] = there === 't' ? ((await this.ask(ownerSql))[0] ?? []) : [];
      const row = ownerOf(owner ?? null, epoch ?? null);
      return { reached: true, fenced: fenced === 't', ...(row === undefined ? {} : { owner: row }) };
    } catch (error) {
      return { reached: false, reason: describeError(error) };
    }
  }

  /** Tenants whose rows this side refuses (blue) or takes (green), or why it could not be asked. Never throws. */
  async lentRows(): Promise<LentRows> {
    try {
      const [there] = (await this.ask(lentThereSql))[0] ?? [];
      const rows = there === 't' ? await this.ask(lentSql) : [];
      return { reached: true, session: rows[0]?.[1] ?? '', tenants: rows.map(([tenant]) => tenant ?? '') };
    } catch (error) {
      return { reached: false, reason: describeError(error) };
    }
  }

  /** `rolpassword` of a role; undefined for a role without one and for no role. */
  async verifier(user: string): Promise<string | undefined> {
    const rows = await this.ask(verifierSql, [user]);
    return rows[0]?.[0] ?? undefined;
  }

  async mayReadVerifiers(): Promise<boolean> {
    return (await this.ask(mayReadSql))[0]?.[0] === 't';
  }

  /** Dotted names in the bodies of functions that set settings. */
  async settingNames(): Promise<readonly string[]> {
    return (await this.ask(settingNamesSql)).map((row) => row[0] ?? '');
  }

  /** Number and qualified name of every type that is not built in. */
  async userTypes(): Promise<ReadonlyMap<number, string>> {
    return new Map((await this.ask(userTypesSql)).map(([oid, name]) => [Number(oid), name ?? '']));
  }

  async ask(sql: string, parameters: readonly string[] = []): Promise<readonly TextRow[]> {
    const mine = this.#last.then(async () => this.#ask(sql, parameters));
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  stop(): void {
    this.#stopped.abort(new TealError('TEAL-KERNEL-003', 'the proxy stops'));
    this.#link?.end();
  }

  async #ask(sql: string, parameters: readonly string[]): Promise<readonly TextRow[]> {
    const link = await this.#open();
    const values = parameters.map((value) => Buffer.from(value, 'utf8'));
    const message = Buffer.concat([encodeParse('', sql), encodeBind('', values), encodeExecute(), encodeSync()]);
    const deadline = AbortSignal.timeout(this.#timeoutMs);
    const late = (): void => link.destroy();
    deadline.addEventListener('abort', late, { once: true });
    try {
      const reply = await link.ask(message);
      if (reply.error !== undefined) throw refusedBy(this.target.side, reply.error.code, reply.error.message);
      return reply.rows.map((row) => row.map((value) => value?.toString('utf8') ?? null));
    } finally {
      deadline.removeEventListener('abort', late);
    }
  }

  async #open(): Promise<BackendLink> {
    if (this.#link !== undefined && !this.#link.closed) return this.#link;
    const { user, password } = this.#admin;
    const parameters = new Map([
      ['application_name', 'teal proxy'],
      ['client_encoding', 'UTF8'],
      ['options', '-c statement_timeout=0 -c idle_session_timeout=0 -c default_transaction_read_only=off'],
    ]);
    const credential = password === undefined ? ({ kind: 'none' } as const) : ({ kind: 'password', password } as const);
    const login = { user, credential, parameters };
    const result = await connectBackend(this.target, login, this.#timeoutMs, this.#stopped.signal);
    if ('refused' in result) throw refusedBy(this.target.side, '', 'the administrator was refused');
    this.#link = result.link;
    return result.link;
  }
}

function ownerOf(owner: string | null, epoch: string | null): { side: Side; epoch: number } | undefined {
  return owner === 'blue' || owner === 'green' ? { side: owner, epoch: Number(epoch) } : undefined;
}

function refusedBy(side: Side, sqlState: string, message: string): TealError {
  return new TealError('TEAL-TRAFFIC-003', `${side}: ${message}`, { side, sqlState });
}
