import { plainMysqlTable } from '../../../../test/support/catalogs.ts';
import type { MysqlColumn, MysqlTable } from '../../../model/mysql-catalog.ts';
import type { MysqlConnection } from '../connection.ts';

/** A table as inspection would describe it, as far as a copy asks. `oid` tells the tables of one test apart. */
export async function describeTable(
  session: MysqlConnection,
  schema: string,
  name: string,
  oid: number,
): Promise<MysqlTable> {
  const tables = await session.query(
    'select engine as e, table_collation as c from information_schema.tables where table_schema = ? and table_name = ?',
    [schema, name],
  );
  const { rows } = await session.query(
    `select column_name as name, column_type as type, character_set_name as cs, column_key as k, extra as extra, is_nullable as n
     from information_schema.columns where table_schema = ? and table_name = ? order by ordinal_position`,
    [schema, name],
  );
  const columns = rows.map((row): MysqlColumn => ({
    name: row['name'] ?? '',
    typeOid: 0,
    type: row['type'] ?? '',
    builtIn: false,
    notNull: row['n'] === 'NO',
    generated:
      /GENERATED/i.test(row['extra'] ?? '') && !/DEFAULT_GENERATED/i.test(row['extra'] ?? '') ? 'stored' : 'no',
    identity: 'no',
    hasDefault: false,
    autoIncrement: /auto_increment/i.test(row['extra'] ?? ''),
    setOnUpdate: false,
    invisible: false,
    comment: '',
    ...(row['cs'] === null || row['cs'] === undefined ? {} : { characterSet: row['cs'] }),
  }));
  const key = rows.filter((row) => row['k'] === 'PRI').map((row) => row['name'] ?? '');
  return plainMysqlTable(
    { schema, name },
    {
      oid,
      columns,
      ...(key.length === 0 ? {} : { primaryKey: key }),
      replicaIdentity: key.length === 0 ? { kind: 'full' } : { kind: 'key', index: 'PRIMARY', columns: key },
      engine: tables.rows[0]?.['e'] ?? '',
      collation: tables.rows[0]?.['c'] ?? '',
    },
  );
}
