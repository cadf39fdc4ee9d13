/** The two servers keep what they count in tables of other names. */
export type VitalsDialect = 'mysql' | 'mariadb';

const statusTable = { mysql: 'performance_schema.global_status', mariadb: 'information_schema.global_status' } as const;
const tablespaces = {
  mysql: 'information_schema.innodb_tablespaces',
  mariadb: 'information_schema.innodb_sys_tablespaces',
} as const;

/** Of one name in any case; null where the server has none. */
function status(name: string): string {
  return `cast(max(case when lower(variable_name) = '${name}' then variable_value end) as unsigned)`;
}

/**
 * What a server of the family tells of itself at one moment, as JSON of the form of `ports/vitals.ts`. `commits` are those inside of the engines (`Handler_commit`): `Com_commit` has none of autocommit.
 * Manual: Server Status Variables. Needs PROCESS for transactions of others.
 */
export function lookAtMysql(dialect: VitalsDialect): string {
  return `
  select json_object(
    'counters', json_object(
      'commits', ${status('handler_commit')}, 'rollbacks', ${status('handler_rollback')},
      ${dialect === 'mariadb' ? `'deadlocks', ${status('innodb_deadlocks')},` : ''}
      'logBytes', ${status('innodb_os_log_written')},
      'cacheHits', ${status('innodb_buffer_pool_read_requests')}, 'cacheMisses', ${status('innodb_buffer_pool_reads')}),
    'gauges', json_object(
      'connections', ${status('threads_connected')},
      'active', greatest(cast(${status('threads_running')} as signed) - 1, 0),
      'lockWaits', ${status('innodb_row_lock_current_waits')},
      'longestTransactionSeconds',
        (select coalesce(max(timestampdiff(second, trx_started, now())), 0) from information_schema.innodb_trx)),
    'limits', json_object('connections', @@max_connections))
  from ${statusTable[dialect]}
  where lower(variable_name) in ('handler_commit', 'handler_rollback', 'innodb_deadlocks', 'innodb_os_log_written',
    'innodb_buffer_pool_read_requests', 'innodb_buffer_pool_reads', 'threads_connected', 'threads_running',
    'innodb_row_lock_current_waits')`;
}

/** The same of what grows: files of tables, without those of the log. */
export function sizesOfMysql(dialect: VitalsDialect): string {
  return `
  select json_object(
    'counters', json_object(),
    'gauges', json_object('databaseBytes',
      (select coalesce(sum(file_size), 0) from ${tablespaces[dialect]} where name like concat(replace(database(), '_', '\\\\_'), '/%'))),
    'limits', json_object())`;
}
