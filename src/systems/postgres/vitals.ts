/**
 * What a PostgreSQL server tells of itself at one moment, as JSON of the form of `ports/vitals.ts`; what the role may not see is null. Cheap: no table and no file is looked at. Manual: The
 * Cumulative Statistics System.
 */
export const lookAtPostgres = `
  select json_build_object(
    'counters', json_build_object(
      'commits', d.xact_commit, 'rollbacks', d.xact_rollback, 'deadlocks', d.deadlocks, 'temporaryBytes', d.temp_bytes,
      'cacheHits', d.blks_hit, 'cacheMisses', d.blks_read,
      'logBytes', case when pg_catalog.pg_is_in_recovery() then null
        else pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), '0/0') end),
    'gauges', json_build_object(
      'connections', a.connections, 'active', a.active, 'lockWaits', a.waiting, 'longestTransactionSeconds', a.oldest),
    'limits', json_build_object('connections',
      current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int))::text
  from pg_catalog.pg_stat_database as d,
    (select count(*) as connections,
        count(*) filter (where state = 'active' and pid <> pg_catalog.pg_backend_pid()) as active,
        count(*) filter (where wait_event_type = 'Lock') as waiting,
        -- Of Teal's own one holds a snapshot for as long as a copy takes.
        coalesce(max(extract(epoch from clock_timestamp() - xact_start))
          filter (where application_name not like 'teal%'), 0) as oldest
      from pg_catalog.pg_stat_activity where backend_type = 'client backend') as a
  where d.datname = current_database()`;

/** The same of what grows: its files are looked at (`pg_database_size`), so once a minute is enough. The last three million transactions before the numbers come round are refused (manual: Preventing Transaction ID Wraparound Failures). */
export const sizesOfPostgres = `
  select json_build_object(
    'counters', json_build_object(),
    'gauges', json_build_object(
      'databaseBytes', pg_catalog.pg_database_size(current_database()),
      'deadShare', (select sum(n_dead_tup)::float8 / nullif(sum(n_live_tup + n_dead_tup), 0) from pg_catalog.pg_stat_user_tables),
      'retainedLogBytes', case when pg_catalog.pg_is_in_recovery() then null else
        (select coalesce(max(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), restart_lsn)), 0)
          from pg_catalog.pg_replication_slots) end,
      'transactionAge', (select max(age(datfrozenxid)) from pg_catalog.pg_database)),
    'limits', json_build_object(
      'transactionAge', 2144483648,
      'retainedLogBytes', (select case when setting::bigint < 0 then null else setting::bigint * 1048576 end
        from pg_catalog.pg_settings where name = 'max_slot_wal_keep_size')))::text`;
