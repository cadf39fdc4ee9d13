import { TealError } from '../../kernel/errors.ts';
import { readPrograms } from './client-sessions.ts';
import type { MysqlConnection, MysqlRow } from './connection.ts';

/**
 * Privileges that let a session write while `read_only` is on. MariaDB took it out of SUPER with 10.11 (manual: "READ ONLY ADMIN"); an account that has SUPER alone is told there too
 * only before.
 */
function passing(connection: MysqlConnection): readonly string[] {
  if (connection.flavour === 'mysql') return ['SUPER', 'CONNECTION_ADMIN'];
  const [major, minor] = connection.version;
  const isSplit = major > 10 || (major === 10 && minor >= 11);
  return isSplit ? ['READ_ONLY ADMIN', 'READ ONLY ADMIN'] : ['SUPER', 'READ_ONLY ADMIN', 'READ ONLY ADMIN'];
}

/** Accounts of shadow writes (traffic/proxy/mysql/shadow/scratch.ts), which pass `read_only` and may write to no database of a side. */
export const scratchUsers = '^teal_scratch_[0-9a-f]{8}_[0-9]+$';

/**
 * Who could write past `read_only` now, beside Teal; sentences. Sessions of accounts that have the privilege themselves (not by a role), events that run as such an account, and
 * threads that apply what another server sends. Other programs that use Teal's own account are told where the server names them (`performance_schema`); where not, nobody can: give
 * Teal an account of its own. Needs PROCESS, EVENT and SELECT on `mysql.*`.
 */
export async function readBypasses(connection: MysqlConnection): Promise<readonly string[]> {
  const privileged = await readPrivileged(connection);
  return [
    ...(await sessionsOf(connection, privileged)),
    ...(await strangersOf(connection)),
    ...(await eventsOf(connection, privileged)),
  ];
}

/** Sessions of this one's account that do not call themselves Teal. Nothing where this session itself is not named: then nobody is. */
async function strangersOf(connection: MysqlConnection): Promise<readonly string[]> {
  const programs = await readPrograms(connection);
  const mine = await connection.query(
    `select id as id from information_schema.processlist
     where id <> connection_id() and user = substring_index(user(), '@', 1) and command not like 'Binlog Dump%'`,
  );
  if (!programs.has(String(connection.processId))) return [];
  return mine.rows
    .filter((row) => !(programs.get(row['id'] ?? '') ?? '').startsWith('teal'))
    .map((row) => `session ${row['id']} uses the account of Teal, and is not Teal's`);
}

/**
 * Accounts stand as 'name'@'host'; sessions only by their name: of two accounts of one name both count. Errors: TEAL-SYSTEMS-010 where this account is shown none but itself, which
 * would look like a server without others.
 */
async function readPrivileged(connection: MysqlConnection): Promise<ReadonlySet<string>> {
  const words = passing(connection);
  const { rows } = await connection.query(
    `select distinct substr(grantee, 2, char_length(grantee) - locate('@', reverse(grantee)) - 2) as account,
            privilege_type in (${words.map(() => '?').join(', ')}) as passes
     from information_schema.user_privileges`,
    words,
  );
  const all = await connection.query('select count(distinct user) as accounts from mysql.user');
  const shown = new Set(rows.map((row) => row['account'] ?? ''));
  if (shown.size <= 1 && Number(all.rows[0]?.['accounts']) > 1) {
    throw new TealError(
      'TEAL-SYSTEMS-010',
      'the account may not see the privileges of others: GRANT SELECT ON mysql.*',
      {},
    );
  }
  return new Set(rows.filter((row) => row['passes'] === '1').map((row) => row['account'] ?? ''));
}

/** Threads that apply what another server sends; sentences. Needs PROCESS. */
export async function readAppliers(connection: MysqlConnection): Promise<readonly string[]> {
  const { rows } = await connection.query(
    `select id as id, command as command, coalesce(state, '') as state from information_schema.processlist where user = 'system user'`,
  );
  return rows.filter(isApplier).map((row) => `a thread applies what another server sends (${row['id']})`);
}

/** MariaDB names its threads by the command, MySQL the receiver by its state. */
function isApplier(row: MysqlRow): boolean {
  return (
    /^(Slave_SQL|Slave_worker|Connect$|Query$)/.test(row['command'] ?? '') &&
    !/send event|connect/i.test(row['state'] ?? '')
  );
}

async function sessionsOf(connection: MysqlConnection, privileged: ReadonlySet<string>): Promise<readonly string[]> {
  const { rows } = await connection.query(
    `select id as id, user as account, command as command from information_schema.processlist
     where id <> connection_id() and user not in (substring_index(user(), '@', 1), 'system user') and user not regexp '${scratchUsers}'`,
  );
  const sessions = rows.flatMap((row) => {
    const [id, account, command] = [row['id'] ?? '', row['account'] ?? '', row['command'] ?? ''];
    if (!privileged.has(account) || command.startsWith('Binlog Dump')) return [];
    return [`session ${id} of ${account} may write while the server is read-only`];
  });
  return [...(await readAppliers(connection)), ...sessions];
}

async function eventsOf(connection: MysqlConnection, privileged: ReadonlySet<string>): Promise<readonly string[]> {
  const { rows } = await connection.query(
    `select event_schema as \`schema\`, event_name as name, substring_index(definer, '@', 1) as account
     from information_schema.events where status = 'ENABLED' and upper(@@global.event_scheduler) in ('ON', '1')`,
  );
  return rows
    .filter((row) => privileged.has(row['account'] ?? ''))
    .map(
      (row) =>
        `event ${row['schema']}.${row['name']} runs as ${row['account']}, which may write while the server is read-only`,
    );
}
