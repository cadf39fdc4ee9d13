import { createHash } from 'node:crypto';
import { TealError } from '../../kernel/errors.ts';
import type { Probed, StepProgress } from '../../ports/step.ts';
import { connect, type PgConnection } from './connection.ts';
import { sqlStateOf } from './errors.ts';
import { quoteIdent, quoteLiteral } from './quote.ts';
import { createRoleSql, joinSql, planRoles, type Role, type RoleState, type RolesPlan } from './roles-diff.ts';

export interface RolesOptions {
  readonly sourceUrl: string;
  readonly targetUrl: string;
  readonly signal: AbortSignal;
  readonly progress?: (report: StepProgress) => void;
}

export interface RolesReport {
  readonly created: readonly string[];
  /** Memberships, settings and rights on the database. */
  readonly statements: number;
  /** What Teal left as it is, and what it could not read. */
  readonly findings: readonly string[];
}

/**
 * Brings roles with their attributes, password verifiers, memberships, settings and rights on the database to the target; default privileges come with the schema.
 * One transaction, with a record of each role that Teal made in `teal.role_made` (`installTealSchema` must have run on the target). Roles of the system and
 * the bootstrap superuser stay out. Idempotent. TEAL-SYSTEMS-204 when the target refuses a role; nothing was changed then.
 */
export async function copyRoles(options: RolesOptions): Promise<RolesReport> {
  const { signal } = options;
  await using source = await connect({ url: options.sourceUrl, applicationName: 'teal roles', signal });
  await using target = await connect({ url: options.targetUrl, applicationName: 'teal roles', signal });
  const from = await readRoles(source);
  const report = await target.transaction(async () => {
    await keepOutOfLog(target);
    await target.query(`create table if not exists teal.role_made (name text primary key);
      create table if not exists teal.role_left (digest text primary key, what text not null)`);
    const to = await readRoles(target);
    const plan = withoutLeft(planRoles(from, to), await readLeft(target));
    const refused = await carryOut(target, plan, to, options);
    for (const what of plan.lessened) await keepLeft(target, what);
    return {
      created: plan.create.map((role) => role.name),
      statements: plan.statements.length - refused.length,
      findings: [...plan.findings, ...refused],
    };
  });
  return { ...report, findings: [...unreadable(from), ...report.findings] };
}

/** `done`: nothing is missing on the target; what differs there is not Teal's to change. */
export async function probeRoles(urls: Pick<RolesOptions, 'sourceUrl' | 'targetUrl'>): Promise<Probed> {
  await using source = await connect({ url: urls.sourceUrl, applicationName: 'teal roles' });
  await using target = await connect({ url: urls.targetUrl, applicationName: 'teal roles' });
  const from = await readRoles(source);
  const left = await readLeft(target);
  const plan = withoutLeft(planRoles(from, await readRoles(target)), left);
  const missing = plan.create.length + plan.statements.length;
  if (missing > 0) return { state: 'not done' };
  const told = [...unreadable(from), ...left.values()];
  const but = told.length === 0 ? '' : `; but ${told.join('; ')}`;
  return { state: 'done', evidence: `all roles are there, ${plan.findings.length} differ${but}`.slice(0, 2_000) };
}

/** What an earlier run was refused, and was told of: by the digest of the statement. */
async function readLeft(target: PgConnection): Promise<ReadonlyMap<string, string>> {
  const { rows: exists } = await target.query(`select to_regclass('teal.role_left') is not null as there`);
  if (exists[0]?.['there'] !== 't') return new Map();
  const { rows } = await target.query('select digest, what from teal.role_left order by what');
  return new Map(rows.map((row) => [row['digest'] ?? '', row['what'] ?? '']));
}

async function keepLeft(target: PgConnection, what: string, statement = what): Promise<void> {
  await target.query('insert into teal.role_left (digest, what) values ($1, $2) on conflict do nothing', [
    digestOf(statement),
    what,
  ]);
}

function digestOf(statement: string): string {
  return createHash('sha256').update(statement).digest('hex');
}

function withoutLeft(plan: RolesPlan, left: ReadonlyMap<string, string>): RolesPlan {
  return { ...plan, statements: plan.statements.filter((statement) => !left.has(digestOf(statement))) };
}

/** Drops the roles that Teal made; after the schema was reverted, because a role that owns something cannot go. Idempotent. */
export async function dropCreatedRoles(url: string, signal: AbortSignal): Promise<readonly string[]> {
  await using connection = await connect({ url, applicationName: 'teal roles', signal });
  const { rows: exists } = await connection.query(`select to_regclass('teal.role_made') is not null as there`);
  if (exists[0]?.['there'] !== 't') return [];
  return await connection.transaction(async () => {
    const { rows } = await connection.query(
      'select m.name, current_database() as database from teal.role_made m join pg_roles r on r.rolname = m.name order by 1',
    );
    const names = rows.map((row) => row['name'] ?? '');
    for (const row of rows) {
      const [role, database] = [quoteIdent(row['name'] ?? ''), quoteIdent(row['database'] ?? '')];
      await connection.query(`revoke all on database ${database} from ${role}; drop role ${role}`);
    }
    await connection.query('delete from teal.role_made');
    return names;
  });
}

/** Returns in words what the target refused to a role that is no superuser: memberships in roles that it may not give, settings that it may not make. */
async function carryOut(
  target: PgConnection,
  plan: RolesPlan,
  to: RoleState,
  options: RolesOptions,
): Promise<readonly string[]> {
  const refused: string[] = [];
  const total = plan.create.length + plan.statements.length;
  let done = 0;
  for (const role of plan.create) {
    options.signal.throwIfAborted();
    await createRole(target, role);
    options.progress?.({ text: `created role ${role.name}`, done: ++done, total, unit: 'items' });
  }
  for (const role of plan.join) await target.query(joinSql(role, to));
  for (const statement of plan.statements) {
    options.signal.throwIfAborted();
    const what = await grantOrSet(target, statement, to);
    if (what !== undefined) refused.push(what);
    options.progress?.({ text: 'granting and setting', done: ++done, total, unit: 'items' });
  }
  return refused;
}

async function grantOrSet(target: PgConnection, statement: string, to: RoleState): Promise<string | undefined> {
  if (to.giver.superuser) {
    await target.query(statement);
    return undefined;
  }
  await target.query('savepoint role_statement');
  try {
    await target.query(`${statement}; release savepoint role_statement`);
    return undefined;
  } catch (error) {
    if (sqlStateOf(error) !== '42501') throw error;
    await target.query('rollback to savepoint role_statement; release savepoint role_statement');
    // Of a setting the value stays out: it may be a secret of an extension.
    const what = `${statement.replace(/ to '.*$/s, ' …').replace(/^select .*?; (alter .*? from current).*$/s, '$1')} is refused to Teal's role`;
    await keepLeft(target, what, statement);
    return what;
  }
}

async function createRole(target: PgConnection, role: Role): Promise<void> {
  try {
    await target.query(`${createRoleSql(role)}; insert into teal.role_made (name) values (${quoteLiteral(role.name)})`);
  } catch (error) {
    const sqlState = sqlStateOf(error);
    if (sqlState === undefined) throw error;
    // Without the cause: nothing that has seen the statement goes further than this.
    throw new TealError('TEAL-SYSTEMS-204', `role ${role.name} cannot be created`, { role: role.name, sqlState });
  }
}

/** Statements with verifiers in them must not be in the server's log. Only a superuser may say so; others rely on the server's own settings. */
async function keepOutOfLog(target: PgConnection): Promise<void> {
  const { rows } = await target.query(`select current_setting('is_superuser') as superuser`);
  if (rows[0]?.['superuser'] !== 'on') return;
  await target.query(
    `set local log_statement = 'none'; set local log_min_duration_statement = -1; set local log_min_error_statement = 'panic'`,
  );
}

function unreadable(state: RoleState): readonly string[] {
  const some = state.roles.some((role) => role.login && role.verifier === undefined);
  return some ? ['passwords cannot be read on the source (pg_authid): set them on the target'] : [];
}

async function readRoles(connection: PgConnection): Promise<RoleState> {
  const asked = await connection.query(
    `select has_table_privilege('pg_catalog.pg_authid', 'select') as verifiers, current_database() as database, u.rolname as giver,
            (select pg_get_userbyid(datdba) from pg_database where datname = current_database()) as owner,
            u.rolsuper as superuser, u.rolcreatedb as createdb, u.rolreplication as replication, u.rolbypassrls as bypassrls
     from pg_roles u where u.rolname = current_user`,
  );
  const mayRead = asked.rows[0]?.['verifiers'] === 't';
  const roles = await connection.query(
    `select r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication, r.rolbypassrls,
            r.rolconnlimit, r.rolvaliduntil, ${mayRead ? 'r.rolpassword' : 'null'} as verifier
     from ${mayRead ? 'pg_authid' : 'pg_roles'} r where r.rolname !~ '^pg_' and r.oid <> 10 order by 1`,
  );
  const names = await connection.query('select rolname as name from pg_roles');
  const owners = await connection.query(
    `select distinct r.rolname as name from pg_shdepend d join pg_roles r on r.oid = d.refobjid
     where d.refclassid = 'pg_authid'::regclass and d.deptype = 'o'
     and d.dbid = (select oid from pg_database where datname = current_database())`,
  );
  return {
    major: connection.serverMajor,
    database: asked.rows[0]?.['database'] ?? '',
    roles: roles.rows.map((row) => ({
      name: row['rolname'] ?? '',
      superuser: row['rolsuper'] === 't',
      inherit: row['rolinherit'] === 't',
      createRole: row['rolcreaterole'] === 't',
      createDb: row['rolcreatedb'] === 't',
      login: row['rolcanlogin'] === 't',
      replication: row['rolreplication'] === 't',
      bypassRls: row['rolbypassrls'] === 't',
      connectionLimit: Number(row['rolconnlimit']),
      validUntil: row['rolvaliduntil'] ?? null,
      verifier: mayRead ? (row['verifier'] ?? null) : undefined,
    })),
    databaseOwner: asked.rows[0]?.['owner'] ?? '',
    giver: {
      name: asked.rows[0]?.['giver'] ?? '',
      superuser: asked.rows[0]?.['superuser'] === 't',
      createDb: asked.rows[0]?.['createdb'] === 't',
      replication: asked.rows[0]?.['replication'] === 't',
      bypassRls: asked.rows[0]?.['bypassrls'] === 't',
    },
    owners: new Set(owners.rows.map((row) => row['name'] ?? '')),
    names: new Set(names.rows.map((row) => row['name'] ?? '')),
    memberships: await readMemberships(connection),
    settings: await readSettings(connection),
    grants: await readGrants(connection),
  };
}

async function readMemberships(connection: PgConnection): Promise<RoleState['memberships']> {
  // As JSON, because two of the columns came with 16. Since 16 one membership may have several grantors: the widest counts.
  const { rows } = await connection.query(
    `select r.rolname as role, m.rolname as member, bool_or(a.admin_option) as admin,
            bool_or((to_jsonb(a) ->> 'inherit_option')::boolean) as inherit, bool_or((to_jsonb(a) ->> 'set_option')::boolean) as set
     from pg_auth_members a join pg_roles r on r.oid = a.roleid join pg_roles m on m.oid = a.member
     where m.oid <> 10 and m.rolname !~ '^pg_' group by 1, 2 order by 1, 2`,
  );
  return rows.map((row) => {
    const membership = { role: row['role'] ?? '', member: row['member'] ?? '', admin: row['admin'] === 't' };
    if (typeof row['inherit'] !== 'string') return membership;
    return Object.assign(membership, { inherit: row['inherit'] === 't', set: row['set'] === 't' });
  });
}

async function readSettings(connection: PgConnection): Promise<RoleState['settings']> {
  const { rows } = await connection.query(
    `select r.rolname as role, s.setdatabase <> 0 as database, split_part(c.item, '=', 1) as name, substr(c.item, strpos(c.item, '=') + 1) as value
     from pg_db_role_setting s cross join lateral unnest(s.setconfig) as c (item)
     left join pg_roles r on r.oid = s.setrole
     where (s.setdatabase = 0 or s.setdatabase = (select oid from pg_database where datname = current_database()))
       and (s.setrole = 0 or (r.oid <> 10 and r.rolname !~ '^pg_')) order by 1, 2, 3`,
  );
  return rows
    .map((row) => ({
      role: row['role'] ?? null,
      database: row['database'] === 't',
      name: row['name'] ?? '',
      value: row['value'] ?? '',
    }))
    .filter((setting) => setting.role !== null || setting.database);
}

async function readGrants(connection: PgConnection): Promise<RoleState['grants']> {
  const { rows } = await connection.query(
    `select r.rolname as grantee, lower(a.privilege_type) as privilege, bool_or(a.is_grantable) as grantable
     from pg_database d cross join lateral aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
     left join pg_roles r on r.oid = a.grantee
     where d.datname = current_database() and a.grantee <> d.datdba group by 1, 2 order by 1, 2`,
  );
  return rows.map((row) => ({
    grantee: row['grantee'] ?? null,
    privilege: row['privilege'] ?? '',
    grantable: row['grantable'] === 't',
  }));
}
