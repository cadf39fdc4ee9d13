import { TealError } from '../../../kernel/errors.ts';
import { must } from '../../../kernel/assert.ts';
import type { SystemIdentity } from '../../../ports/introspector.ts';
import { askRows, type Querier } from './querier.ts';

interface IdentityRow {
  readonly version_number: string;
  readonly version: string;
  readonly user: string;
  readonly database: string;
  readonly database_oid: string;
  readonly in_recovery: boolean;
  readonly host: string | null;
  readonly port: string | null;
  readonly started_at: string;
  readonly timeline: string | null;
  readonly may_read_control: boolean;
}

// pg_walfile_name refuses during recovery; its first eight digits are the timeline that is written now, which the control file learns only later.
const identitySql = `
  select current_setting('server_version_num') as version_number, current_setting('server_version') as version,
    current_user as user, d.datname as database, d.oid::text as database_oid, pg_is_in_recovery() as in_recovery,
    host(inet_server_addr()) as host, current_setting('port') as port,
    extract(epoch from pg_postmaster_start_time())::text as started_at,
    case when not pg_is_in_recovery() then substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) end as timeline,
    has_function_privilege('pg_catalog.pg_control_system()', 'execute')
      and has_function_privilege('pg_catalog.pg_control_checkpoint()', 'execute') as may_read_control
  from pg_database d where d.datname = current_database()`;

interface ControlRow {
  readonly cluster: string;
  readonly timeline: number;
}

// A query of its own: the right to call a function is checked when a query starts, whether or not it comes to the call.
const controlSql = `
  select s.system_identifier::text as cluster, c.timeline_id as timeline from pg_control_system() s, pg_control_checkpoint() c`;

/**
 * Who the server says it is. A role that may not call `pg_control_system` gets a cluster name that starts with `start-`: it is the same through every address
 * of the server, but not after a restart.
 *
 * A physical copy of a cluster keeps the system identifier, so a promoted standby answers as its former primary, with another timeline.
 */
export async function readIdentity(querier: Querier, address?: string): Promise<SystemIdentity> {
  const row = must((await askRows<IdentityRow>(querier, identitySql))[0], 'the identity of the server');
  const control = row.may_read_control ? (await askRows<ControlRow>(querier, controlSql))[0] : undefined;
  return Object.freeze({
    kind: 'postgres',
    major: majorOf(row.version_number),
    version: row.version,
    identity: {
      cluster: control?.cluster ?? `start-${row.started_at}-${row.port ?? ''}`,
      database: `${row.database_oid}/${row.database}`,
    },
    address: address ?? `${row.host ?? 'local'}:${row.port ?? ''}/${row.database}`,
    timeline: row.timeline === null ? (control?.timeline ?? 0) : Number.parseInt(row.timeline, 16),
    role: row.in_recovery ? 'replica' : 'primary',
    user: row.user,
  });
}

/** False for a cluster name that was made from the time of the server's start. */
export function isLastingCluster(cluster: string): boolean {
  return !cluster.startsWith('start-');
}

function majorOf(versionNumber: string): number {
  const number = Number(versionNumber);
  if (!Number.isInteger(number) || number < 100_000) {
    throw new TealError('TEAL-SYSTEMS-302', 'the server gives no version of PostgreSQL', { versionNumber });
  }
  return Math.floor(number / 10_000);
}
