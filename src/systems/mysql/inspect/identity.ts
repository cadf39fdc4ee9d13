import { must } from '../../../kernel/assert.ts';
import type { MysqlIdentity } from '../../../model/mysql-facts.ts';
import { factOf } from './fact.ts';
import { readUpstreams } from './facts.ts';
import { askRows, type Querier } from './querier.ts';

/**
 * Who the server says it is. MySQL has a server_uuid; a MariaDB server is known by its host, its port and its server_id, so that it is the same through every address, and another
 * one after it has moved. Whether it is a replica is asked of its replication; where the account may not ask, a server that is read-only counts as one.
 */
export async function readIdentity(querier: Querier, database?: string, address?: string): Promise<MysqlIdentity> {
  const isMysql = querier.flavour === 'mysql';
  const cluster = isMysql
    ? '@@global.server_uuid'
    : `concat_ws(':', @@global.hostname, @@global.port, @@global.server_id)`;
  const [row] = await askRows(
    querier,
    `select version() as version, current_user() as user, @@global.hostname as host, @@global.port as port,
      @@global.read_only as read_only, ${cluster} as cluster`,
  );
  const found = must(row, 'the identity of the server');
  const upstreams = await factOf(async () => readUpstreams(querier));
  const isReplica = upstreams.known ? upstreams.value.length > 0 : found['read_only'] !== '0';
  const named = database ?? '*';
  return Object.freeze({
    kind: querier.flavour,
    major: querier.version[0],
    minor: querier.version[1],
    version: found['version'] ?? '',
    identity: { cluster: found['cluster'] ?? '', database: named },
    address: address ?? `${found['host']}:${found['port']}/${database ?? ''}`,
    timeline: 0,
    role: isReplica ? 'replica' : 'primary',
    user: found['user'] ?? '',
  });
}
