import type { RowDataPacket } from 'mysql2/promise';
import { waitFor } from '../../src/kernel/clock.ts';
import type { MysqlServer } from '../../tools/servers/mysql.ts';
import { account, column, execute, withSession } from '../mysql-pair.ts';

/** The server's own replication, by GTID and from the beginning of the source's log. `workers`: 0 applies in one thread. */
export async function startReplica(replica: MysqlServer, source: MysqlServer, workers: number): Promise<void> {
  const { user, password } = account;
  await execute(
    replica,
    replica.flavour === 'mysql'
      ? [
          `set global replica_parallel_workers = ${workers}`,
          `change replication source to source_host = '${source.host}', source_port = ${source.port}, source_user = '${user}', source_password = '${password}', source_auto_position = 1`,
          'start replica',
        ]
      : [
          `set global slave_parallel_threads = ${workers}`,
          `change master to master_host = '${source.host}', master_port = ${source.port}, master_user = '${user}', master_password = '${password}', master_ssl = 0, master_ssl_verify_server_cert = 0, master_use_gtid = slave_pos`,
          'start slave',
        ],
  );
}

const arrivalTimeoutMs = 30 * 60_000;

/** Resolves when the replica has done all that the source has done so far; throws as soon as it tells an error. */
export async function caughtUp(replica: MysqlServer, source: MysqlServer): Promise<void> {
  const isMysql = replica.flavour === 'mysql';
  const [done = ''] = await column(source, `select @@global.${isMysql ? 'gtid_executed' : 'gtid_binlog_pos'}`);
  const wait = isMysql ? 'wait_for_executed_gtid_set' : 'master_gtid_wait';
  await waitFor({ what: 'a replica to come up', timeoutMs: arrivalTimeoutMs }, async () => {
    const [late] = await column(replica, `select ${wait}('${done}', 1)`);
    if (late === '0') return true;
    const error = await replicaError(replica);
    if (error !== undefined) throw new Error(`a replica did not come up: ${error}`);
    return undefined;
  });
}

/** What it stumbled over; undefined while it runs. */
export async function replicaError(replica: MysqlServer): Promise<string | undefined> {
  return withSession(replica, async (session) => {
    const [rows] = await session.query<RowDataPacket[]>(
      replica.flavour === 'mysql' ? 'show replica status' : 'show slave status',
    );
    const texts = ['Last_IO_Error', 'Last_SQL_Error'].map((name) => String(rows[0]?.[name] ?? ''));
    return texts.find((text) => text !== '');
  });
}
