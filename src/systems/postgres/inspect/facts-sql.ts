import { userRelations } from './catalog-sql.ts';

/** Settings that the assessment reads or the inventory lists. */
const settingNames = [
  'wal_level',
  'max_replication_slots',
  'max_wal_senders',
  'max_worker_processes',
  'max_locks_per_transaction',
  'max_connections',
  'superuser_reserved_connections',
  'max_prepared_transactions',
  'wal_keep_size',
  'max_slot_wal_keep_size',
  'idle_replication_slot_timeout',
  'wal_sender_timeout',
  'statement_timeout',
  'lock_timeout',
  'transaction_timeout',
  'idle_in_transaction_session_timeout',
  'default_transaction_read_only',
  'default_transaction_isolation',
  'synchronous_commit',
  'synchronous_standby_names',
  'synchronized_standby_slots',
  'track_commit_timestamp',
  'server_encoding',
  'lc_monetary',
  'TimeZone',
  'DateStyle',
  'IntervalStyle',
  'standard_conforming_strings',
  'search_path',
  'shared_preload_libraries',
  'session_preload_libraries',
  'shared_buffers',
  'max_wal_size',
  'block_size',
  'data_checksums',
  'fsync',
  'full_page_writes',
];

const settingList = settingNames.map((name) => `'${name}'`).join(', ');

/** A value that the asking session brought along says nothing about the server's own: it is left out here. */
export const settingsSql = `
  select name, unit, boot_val as "bootValue", source in ('client', 'session') as hidden,
    case when source not in ('client', 'session') then setting end as value
  from pg_settings where name in (${settingList})`;

/** What the files say of the settings that a session hides (not what the server's command line says: nothing tells that). */
export const settingFilesSql = `
  select lower(name) as name, setting as value from pg_file_settings where error is null order by seqno`;

export const capacitySql = `
  select current_setting('max_replication_slots')::int as "slotsTotal",
    (select count(*)::int from pg_replication_slots) as "slotsUsed",
    current_setting('max_wal_senders')::int as "sendersTotal",
    (select count(*)::int from pg_stat_replication) as "sendersUsed",
    current_setting('max_connections')::int as "connectionsTotal",
    (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as "connectionsUsed",
    current_setting('max_locks_per_transaction')::int as "locksPerTransaction",
    current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int as "lockHolders",
    (select count(*)::int from pg_locks where not fastpath) as "locksUsed"`;

/** Cloud vendors give these in place of the attribute or of superuser, which they keep for themselves. */
const replicationRoles = "'rds_replication'";
const almostSuperusers = "'rds_superuser', 'cloudsqlsuperuser', 'azure_pg_admin'";

function isMemberOf(roles: string): string {
  return `exists (select from pg_roles r where r.rolname in (${roles}) and pg_has_role(r.oid, 'usage'))`;
}

const originFunctions = [
  'create',
  'drop',
  'advance',
  'oid',
  'progress',
  'session_setup',
  'session_reset',
  'xact_setup',
];

export function rightsSql(): string {
  const mayCall = (names: readonly string[]): string => `(
    select bool_and(has_function_privilege(p.oid, 'execute')) from pg_proc p
    where p.pronamespace = 'pg_catalog'::regnamespace and p.proname in (${names.map((name) => `'${name}'`).join(', ')}))`;
  const tables = (condition: string, more = ''): string => `(
    select coalesce(json_agg(json_build_object('schema', r.nspname, 'name', r.relname${more}) order by r.nspname, r.relname), '[]')
    from user_relation r where r.relkind in ('r', 'p') and ${condition})`;
  return `${userRelations}
  select current_user as "user", u.rolsuper as superuser,
    u.rolsuper or u.rolreplication or ${isMemberOf(replicationRoles)} as replication,
    u.rolsuper or u.rolcreaterole as "createRole", u.rolsuper or u.rolbypassrls as "bypassRowSecurity",
    has_database_privilege(current_database(), 'create') as "createInDatabase",
    (select pg_has_role(datdba, 'usage') from pg_database where datname = current_database()) as "ownsDatabase",
    u.rolsuper or ${isMemberOf(almostSuperusers)} as "createEventTriggers",
    has_table_privilege('pg_catalog.pg_authid', 'select') as "readPasswords",
    ${mayCall(originFunctions.map((name) => `pg_replication_origin_${name}`))} as "useOrigins",
    u.rolsuper or pg_has_role('pg_read_all_stats', 'usage') as "readAllStatistics",
    ${mayCall(['pg_control_system', 'pg_control_checkpoint'])} as "identifyCluster",
    (select coalesce(json_agg(distinct r.rolname), '[]') from pg_shdepend d join pg_roles r on r.oid = d.refobjid
     where d.refclassid = 'pg_authid'::regclass and d.deptype = 'o' and d.dbid = (select oid from pg_database where datname = current_database())) as owners,
    (select json_agg(r.rolname order by r.rolname) from pg_roles r where r.rolname !~ '^pg_' and pg_has_role(r.oid, 'usage')) as "actsAs",
    ${tables("not (has_schema_privilege(r.relnamespace, 'usage') and has_table_privilege(r.oid, 'select'))")} as unreadable,
    ${tables("not pg_has_role(r.relowner, 'usage')", ", 'owner', pg_get_userbyid(r.relowner)")} as "notOwned",
    ${tables('row_security_active(r.oid)')} as filtered
  from pg_roles u where u.rolname = current_user`;
}

export function encodingSql(major: number): string {
  const provider = major >= 15 ? 'd.datlocprovider' : `'c'`;
  const locale = major >= 17 ? 'd.datlocale' : major >= 15 ? 'd.daticulocale' : 'null';
  // Before 15 a database kept no version: the library's own is found through a collation of the same name.
  const version =
    major >= 15
      ? 'pg_database_collation_actual_version(d.oid)'
      : `(select pg_collation_actual_version(c.oid) from pg_collation c
          where c.collprovider = 'c' and c.collcollate = d.datcollate limit 1)`;
  return `
  select pg_encoding_to_char(d.encoding) as encoding, d.datcollate as collate, d.datctype as ctype, ${provider} as provider,
    ${locale} as locale, ${version} as "collationVersion"
  from pg_database d where d.datname = current_database()`;
}

export const databaseSizeSql = `select pg_database_size(current_database())::text as bytes`;

export const systemTypesSql = `
  select format_type(t.oid, null) as name from pg_type t
  where t.typnamespace = 'pg_catalog'::regnamespace and t.typtype in ('b', 'r', 'm')`;

export const availableExtensionsSql = `
  select name, default_version as version from pg_available_extensions where default_version is not null order by name`;

export const extensionDataSql = `
  select n.nspname as schema, c.relname as name, e.extname as extension, pg_total_relation_size(c.oid)::text as bytes
  from pg_extension e, unnest(e.extconfig) as config (oid)
  join pg_class c on c.oid = config.oid join pg_namespace n on n.oid = c.relnamespace
  where c.relkind = 'r' and pg_relation_size(c.oid) > 0 order by 1, 2`;

export const rolesSql = `
  select r.rolname as name, r.rolsuper as superuser, r.rolcanlogin as login, r.rolinherit as inherits, r.rolreplication as replication,
    r.rolbypassrls as "bypassRowSecurity", r.rolcreatedb as "createDatabase", r.rolcreaterole as "createRole",
    r.rolconnlimit as "connectionLimit", (
      select coalesce(json_agg(json_build_object('role', g.rolname, 'admin', m.admin_option) order by g.rolname), '[]')
      from pg_auth_members m join pg_roles g on g.oid = m.roleid where m.member = r.oid) as "memberOf"
  from pg_roles r where r.rolname !~ '^pg_' order by r.rolname`;

export const sessionDefaultsSql = `
  select d.datname as database, r.rolname as role, split_part(item, '=', 1) as name,
    case when split_part(item, '=', 1) !~ '\\.' then substr(item, strpos(item, '=') + 1) end as value
  from pg_db_role_setting s left join pg_database d on d.oid = s.setdatabase left join pg_roles r on r.oid = s.setrole,
    unnest(s.setconfig) as item
  where s.setdatabase = 0 or d.datname = current_database() order by 1 nulls first, 2 nulls first, 3`;

export const defaultPrivilegesSql = `
  select r.rolname as role, n.nspname as schema,
    case a.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types'
      when 'n' then 'schemas' when 'L' then 'large objects' else a.defaclobjtype::text end as objects,
    array_to_string(a.defaclacl, ', ') as acl
  from pg_default_acl a join pg_roles r on r.oid = a.defaclrole left join pg_namespace n on n.oid = a.defaclnamespace
  where n.nspname is distinct from 'teal' order by 1, 2 nulls first, 3`;

export const sequencePositionsSql = `
  select schemaname as schema, sequencename as name, last_value::text as "lastValue"
  from pg_sequences where schemaname !~ '^pg_' and schemaname not in ('information_schema', 'teal') order by 1, 2`;

export const largeObjectsSql = `
  select (select count(*) from pg_largeobject_metadata)::text as count,
    pg_relation_size('pg_catalog.pg_largeobject')::text as bytes`;

export const publicationsSql = `select pubname as name, puballtables as "allTables" from pg_publication order by 1`;

export const subscriptionsSql = `
  select s.subname as name, s.subenabled as enabled from pg_subscription s join pg_database d on d.oid = s.subdbid
  where d.datname = current_database() order by 1`;

export const slotsSql = `
  select slot_name as name, slot_type as kind, database, active, temporary, wal_status as "walStatus",
    case when not pg_is_in_recovery() then pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::int8::text end as "retainedBytes"
  from pg_replication_slots order by 1`;

export const eventTriggersSql = `
  select t.evtname as name, t.evtevent as event, t.evtenabled <> 'D' as enabled, e.extname as extension
  from pg_event_trigger t
  left join pg_depend d on d.classid = 'pg_event_trigger'::regclass and d.objid = t.oid and d.deptype = 'e'
  left join pg_extension e on e.oid = d.refobjid
  where t.evtname !~ '^teal_' order by 1`;

/** Which schedulers keep their jobs in this database, and whether the role may read them. */
export const schedulersSql = `
  select s.scheduler, has_table_privilege(s.oid, 'select') and has_schema_privilege(s.schema, 'usage') as readable
  from (values ('pg_cron', 'cron', to_regclass('cron.job')), ('pgAgent', 'pgagent', to_regclass('pgagent.pga_job')))
    as s (scheduler, schema, oid)
  where s.oid is not null`;

export const jobsSql: Readonly<Record<string, string>> = {
  pg_cron: `
    select coalesce(jobname, 'job ' || jobid) as name, schedule, active from cron.job where database = current_database() order by 1`,
  pgAgent: `select jobname as name, '' as schedule, jobenabled as active from pgagent.pga_job order by 1`,
};

export const foreignServersSql = `
  select s.srvname as name, w.fdwname as wrapper,
    (select count(*)::int from pg_user_mappings m where m.srvid = s.oid) as "userMappings"
  from pg_foreign_server s join pg_foreign_data_wrapper w on w.oid = s.srvfdw order by 1`;

export const foreignTablesSql = `${userRelations}
  select r.nspname as schema, r.relname as name from user_relation r where r.relkind = 'f' order by 1, 2`;

export const preparedTransactionsSql = `
  select gid, owner, extract(epoch from clock_timestamp() - prepared)::int as "ageSeconds"
  from pg_prepared_xacts where database = current_database() order by prepared`;

/** Of the whole cluster: the creation of a slot waits for transactions of other databases, too. */
export const longTransactionsSql = `
  select pid, coalesce(usename, '') as "user", coalesce(application_name, '') as "applicationName", coalesce(state, '') as state,
    extract(epoch from clock_timestamp() - xact_start)::int as "ageSeconds", backend_xid is not null as "hasWritten"
  from pg_stat_activity
  where xact_start < clock_timestamp() - interval '10 seconds' and pid <> pg_backend_pid()
    and backend_type in ('client backend', 'walsender')
  order by xact_start limit 50`;

export const tablespacesSql = `${userRelations}
  select t.spcname as name, count(*)::int as tables
  from user_relation r join pg_tablespace t on t.oid = r.reltablespace group by 1 order by 1`;

export const walOnDiskSql = `select coalesce(sum(size), 0)::text as bytes from pg_ls_waldir()`;

export const writesSql = `
  select extract(epoch from clock_timestamp() - d.stats_reset)::int8::text as "sinceSeconds", (
    select coalesce(json_agg(json_build_object('schema', s.schemaname, 'name', s.relname, 'inserted', s.n_tup_ins::text,
      'updated', s.n_tup_upd::text, 'deleted', s.n_tup_del::text) order by s.schemaname, s.relname), '[]')
    from pg_stat_user_tables s
    where s.schemaname !~ '^pg_' and s.schemaname <> 'teal' and s.n_tup_ins + s.n_tup_upd + s.n_tup_del > 0) as tables
  from pg_stat_database d where d.datname = current_database()`;

export const walRateSql = `
  select wal_bytes::float8 as bytes, extract(epoch from clock_timestamp() - stats_reset)::float8 as seconds from pg_stat_wal`;

export const stateOutsideTablesSql = `
  select (select count(*)::int from pg_locks l join pg_database d on d.oid = l.database
      where l.locktype = 'advisory' and d.datname = current_database()) as "advisoryLocks",
    (select count(*)::int from pg_class c where c.relpersistence = 't' and c.relkind in ('r', 'p')) as "temporaryTables", (
    select coalesce(json_agg(json_build_object('sign', found.sign, 'names', found.names) order by found.sign), '[]')
    from (
      select s.sign, array_agg(distinct n.nspname || '.' || p.proname) as names
      from (values ('advisory locks', 'pg_(try_)?advisory_'), ('NOTIFY', '\\mpg_notify\\M|\\mnotify\\M'), ('dblink', '\\mdblink'),
        ('large objects', '\\mlo_(create|creat|from_bytea|put|import|unlink|open)\\M|\\mlowrite\\M'),
        ('temporary tables', '\\mcreate\\s+(local\\s+)?temp(orary)?\\M')) as s (sign, pattern)
      join pg_proc p on p.prosrc ~* s.pattern join pg_namespace n on n.oid = p.pronamespace
      where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'teal')
        and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
      group by s.sign) found) as functions`;

export const otherObjectsSql = `
  with user_schema as (
    select n.oid, n.nspname from pg_namespace n
    where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'teal')
      and not exists (select from pg_depend d where d.classid = 'pg_namespace'::regclass and d.objid = n.oid and d.deptype = 'e'))
  select array(select nspname from user_schema where nspname <> 'public' order by 1) as schemas,
    (select count(*)::int from pg_proc p join user_schema n on n.oid = p.pronamespace where not exists (
      select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')) as functions,
    (select count(*)::int from pg_type t join user_schema n on n.oid = t.typnamespace
      where t.typtype in ('d', 'e', 'r') or t.typrelid in (select c.oid from pg_class c where c.relkind = 'c') and not exists (
        select from pg_depend d where d.classid = 'pg_type'::regclass and d.objid = t.oid and d.deptype = 'e')) as types,
    to_regnamespace('teal') is not null as "hasTealSchema"`;
