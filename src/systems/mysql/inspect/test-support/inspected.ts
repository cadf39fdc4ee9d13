import { startMysql, type MysqlServer } from '../../../../../tools/servers/mysql.ts';
import type { MysqlSeries } from '../../../../../tools/servers/install-mysql.ts';
import { connect, type MysqlConnection } from '../../connection.ts';
import { richSchema } from './rich-schema.ts';

export interface Inspected extends AsyncDisposable {
  readonly server: MysqlServer;
  /** As root, or as another account without a password. */
  open(user?: string, database?: string): Promise<MysqlConnection>;
  run(...statements: readonly string[]): Promise<void>;
}

/** For tests: a server with the rich schema. */
export async function startInspected(
  series: MysqlSeries,
  settings: Readonly<Record<string, string>> = {},
): Promise<Inspected> {
  const server = await startMysql({ series, settings });
  const open = async (user = 'root', database = ''): Promise<MysqlConnection> =>
    connect({ url: `mysql://${user}@127.0.0.1:${server.port}/${database}`, applicationName: 'teal-inspect' });
  const run = async (...statements: readonly string[]): Promise<void> => {
    await using connection = await open();
    for (const statement of statements) await connection.query(statement);
  };
  await run(...richSchema(server.flavour));
  return { server, open, run, [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose]() };
}
