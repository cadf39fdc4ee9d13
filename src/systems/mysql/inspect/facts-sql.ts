import { isAtLeast, placeholders, type Querier } from './querier.ts';
import { isNoRecorder } from '../trigger-source/names.ts';

/** Settings that the assessment reads or the inventory lists. What a server does not know is left out of its answer. */
export const settingNames = [
  'log_bin',
  'binlog_format',
  'binlog_row_image',
  'binlog_row_metadata',
  'binlog_row_value_options',
  'binlog_order_commits',
  'binlog_expire_logs_seconds',
  'binlog_expire_logs_auto_purge',
  'expire_logs_days',
  'binlog_transaction_compression',
  'log_bin_compress',
  'binlog_checksum',
  'binlog_encryption',
  'encrypt_binlog',
  'max_binlog_size',
  'max_binlog_total_size',
  'sync_binlog',
  'log_bin_trust_function_creators',
  'log_slave_updates',
  'log_replica_updates',
  'gtid_mode',
  'enforce_gtid_consistency',
  'gtid_domain_id',
  'gtid_strict_mode',
  'server_id',
  'server_uuid',
  'sql_mode',
  'old_mode',
  'explicit_defaults_for_timestamp',
  'lower_case_table_names',
  'character_set_server',
  'collation_server',
  'time_zone',
  'system_time_zone',
  'transaction_isolation',
  'tx_isolation',
  'autocommit',
  'read_only',
  'super_read_only',
  'max_allowed_packet',
  'max_connections',
  'wait_timeout',
  'local_infile',
  'event_scheduler',
  'default_storage_engine',
  'default_authentication_plugin',
  'require_secure_transport',
  'innodb_page_size',
  'innodb_autoinc_lock_mode',
  'innodb_flush_log_at_trx_commit',
  'auto_increment_increment',
  'auto_increment_offset',
  'performance_schema',
  'version_comment',
] as const;

export const settingsSql = `show global variables where variable_name in (${settingNames.map((name) => `'${name}'`).join(', ')})`;

export const statusSql = `show global status where variable_name in
  ('Threads_connected', 'Binlog_bytes_written', 'Uptime_since_flush_status', 'Uptime')`;

export function logPlaceSql({ flavour, version }: Querier): string {
  return flavour === 'mysql' && isAtLeast(version, 8, 4) ? 'show binary log status' : 'show master status';
}

export function gtidsSql({ flavour }: Querier): string {
  return flavour === 'mysql' ? 'select @@global.gtid_executed as gtids' : 'select @@global.gtid_binlog_pos as gtids';
}

/** One row for each server that this one is set up to read from. */
export function upstreamsSql({ flavour, version }: Querier): string {
  if (flavour === 'mariadb') return 'show all slaves status';
  return isAtLeast(version, 8, 0, 22) ? 'show replica status' : 'show slave status';
}

/** With the ids in a form that holds any bytes. */
export function preparedSql({ flavour }: Querier): string {
  return flavour === 'mysql' ? 'xa recover convert xid' : `xa recover format='SQL'`;
}

export function tableNamesSql(databases: readonly string[]): string {
  return `select table_schema as db, table_name as name, data_length + index_length as bytes from information_schema.tables
    where table_schema in (${placeholders(databases)}) and table_type in ('BASE TABLE', 'SYSTEM VERSIONED')`;
}

/** Privileges by which a write passes `read_only`. */
export function readOnlyPrivileges({ flavour, version }: Querier): readonly string[] {
  if (flavour === 'mysql') return ['SUPER', 'CONNECTION_ADMIN'];
  return isAtLeast(version, 10, 11) ? ['READ_ONLY ADMIN'] : ['READ_ONLY ADMIN', 'SUPER'];
}

export function privilegedSql(privileges: readonly string[]): string {
  return `select distinct grantee as grantee from information_schema.user_privileges where privilege_type in (${placeholders(privileges)})`;
}

export function accountsSql({ flavour }: Querier): string {
  return flavour === 'mysql'
    ? `select user as user, host as host, plugin as plugin, account_locked = 'Y' as locked from mysql.user`
    : `select user as user, host as host, coalesce(json_value(priv, '$.plugin'), '') as plugin,
        coalesce(json_value(priv, '$.account_locked'), '0') in ('1', 'true') or coalesce(json_value(priv, '$.is_role'), '0') in ('1', 'true') as locked
      from mysql.global_priv`;
}

/** With the names of the databases four times as parameters. */
export function definedObjectsSql(databases: readonly string[]): string {
  const within = placeholders(databases);
  return `
    select 'view' as kind, table_schema as db, table_name as name, definer as definer, null as state
      from information_schema.views where table_schema in (${within})
    union all select 'trigger', trigger_schema, trigger_name, definer, null from information_schema.triggers where trigger_schema in (${within}) and ${isNoRecorder('trigger_name')}
    union all select lower(routine_type), routine_schema, routine_name, definer, null from information_schema.routines
      where routine_schema in (${within}) and routine_type in ('PROCEDURE', 'FUNCTION')
    union all select 'event', event_schema, event_name, definer, status from information_schema.events where event_schema in (${within})`;
}

/** InnoDB writes times in the zone of the server, a session of Teal has another. */
export const longTransactionsSql = `
  select trx_mysql_thread_id as pid, trx_state as state, trx_rows_modified > 0 as has_written,
    timestampdiff(second, trx_started, convert_tz(now(), '+00:00', 'SYSTEM')) as age
  from information_schema.innodb_trx
  where timestampdiff(second, trx_started, convert_tz(now(), '+00:00', 'SYSTEM')) >= 10
  order by trx_started`;

export const sessionsSql = `
  select id as pid, user as user, command as command, coalesce(state, '') as state, time as age
  from information_schema.processlist where id <> connection_id()`;

export function writesSql(databases: readonly string[]): string {
  return `select object_schema as db, object_name as name, count_insert as inserted, count_update as updated, count_delete as deleted
    from performance_schema.table_io_waits_summary_by_table
    where object_type = 'TABLE' and object_schema in (${placeholders(databases)})`;
}
