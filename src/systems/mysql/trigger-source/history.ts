import { TealError } from '../../../kernel/errors.ts';
import type { MysqlConnection } from '../connection.ts';
import { isTealTableThere } from '../teal-schema.ts';
import { recordName } from './recorder.ts';

/**
 * Names what positions mean something in: the server, and this making of the record. MariaDB has no name for a server but its number. Errors: TEAL-SYSTEMS-040 there is no record, or another one than
 * before, -023 another server: it may lack what was read, and have made other ticks in its place.
 */
export async function historyOf(connection: MysqlConnection, expected?: string): Promise<string> {
  const name = (await isTealTableThere(connection, 'ticks')) ? await recordOf(connection) : undefined;
  if (name === undefined) throw new TealError('TEAL-SYSTEMS-040', 'there is no record of changes');
  const { rows } = await connection.query(
    `select ${connection.flavour === 'mysql' ? '@@server_uuid' : '@@global.server_id'} as server`,
  );
  const server = rows[0]?.['server'] ?? '';
  const identity = `${server}/${name}`;
  if (expected === undefined || expected === identity) return identity;
  const [expectedServer] = expected.split('/');
  if (server !== expectedServer) {
    throw new TealError('TEAL-SYSTEMS-023', 'the source is another server than before', { is: identity, expected });
  }
  throw new TealError('TEAL-SYSTEMS-040', 'the record of changes was made anew since');
}

async function recordOf(connection: MysqlConnection): Promise<string | undefined> {
  const { rows } = await connection.query('select value from teal.meta where name = ?', [recordName]);
  return rows[0]?.['value'] ?? undefined;
}
