import type { MysqlConnection } from './connection.ts';

/** Threads of the server itself, replicas that read its log, and who has not said who he is. */
const nobodys = `user in ('system user', 'event_scheduler', 'unauthenticated user')
  or command in ('Daemon', 'Binlog Dump', 'Binlog Dump GTID')`;

/**
 * Sessions of the whole server that are not Teal's, by account, the most first. Where the server names programs (`performance_schema`), other programs that use Teal's account count; where not, none of that
 * account does. Errors: TEAL-SYSTEMS-010 without PROCESS, where one is shown oneself alone.
 */
export async function readClientSessions(
  connection: MysqlConnection,
): Promise<readonly { readonly user: string; readonly sessions: number }[]> {
  await requireProcess(connection);
  const programs = await readPrograms(connection);
  const areNamed = programs.has(String(connection.processId));
  const { rows } = await connection.query(
    `select id as id, user as account, user = substring_index(user(), '@', 1) as own
     from information_schema.processlist where not (${nobodys})`,
  );
  const counts = new Map<string, number>();
  for (const { id, account, own } of rows) {
    const isTeals = own === '1' && (!areNamed || (programs.get(id ?? '') ?? '').startsWith('teal'));
    if (!isTeals) counts.set(account ?? '', (counts.get(account ?? '') ?? 0) + 1);
  }
  return [...counts]
    .map(([user, sessions]) => ({ user, sessions }))
    .toSorted((one, other) => other.sessions - one.sessions || one.user.localeCompare(other.user));
}

/** Without it the list of sessions is short, and says so by nothing; this table is refused. A role that is active counts, as it does for the list. */
async function requireProcess(connection: MysqlConnection): Promise<void> {
  await connection.query('select trx_id as id from information_schema.innodb_trx limit 1');
}

/** What programs call themselves, by session: of this one's account alone, and of nobody where the server does not keep it. */
export async function readPrograms(connection: MysqlConnection): Promise<ReadonlyMap<string, string>> {
  const { rows } = await connection.query(
    `select processlist_id as id, attr_value as program from performance_schema.session_account_connect_attrs where attr_name = 'program_name'`,
  );
  return new Map(rows.map((row) => [row['id'] ?? '', row['program'] ?? '']));
}
