import { mysqlSchemas } from '../../app/compare-mysql-schemas.ts';
import { waitFor } from '../../kernel/clock.ts';
import type { Side } from '../../model/catalog.ts';
import { KeptSession } from '../../systems/mysql/kept-session.ts';
import { quoteIdent } from '../../systems/mysql/quote.ts';
import { keyed, keyless } from '../relational.ts';
import type { SchemasWorld } from '../schemas-contract.ts';
import { openClients, openSession, urlOf, type MysqlPair } from './mysql-worlds.ts';

export async function mysqlSchemasWorld(servers: MysqlPair): Promise<SchemasWorld> {
  const sides = { blue: await openClients(servers.blue), green: await openClients(servers.green) };
  for (const { clients } of Object.values(sides)) for (const shape of [keyed, keyless]) await clients.make(shape);
  const session = (side: Side): KeptSession =>
    new KeptSession({ url: urlOf(servers[side]), applicationName: 'teal test' });
  const sessions = { blue: session('blue'), green: session('green') };
  const { schema } = sides.blue.clients;
  const managed = [keyed, keyless].map(({ name }) => ({ schema, name }));
  return {
    clients: { blue: sides.blue.clients, green: sides.green.clients },
    schemas: mysqlSchemas({ sessions, selected: (table) => table.schema === schema, managed, database: schema }),
    addColumn: async (side, { name }, column) =>
      void (await sides[side].session.query(
        `alter table ${quoteIdent(name)} add column ${quoteIdent(column)} bigint null`,
      )),
    addIndex: async (side, { name }, index, column) =>
      void (await sides[side].session.query(
        `create index ${quoteIdent(index)} on ${quoteIdent(name)} (${quoteIdent(column)})`,
      )),
    async waitForTeal(side) {
      const [holder, waiter] = [await openSession(servers[side]), await openSession(servers[side])];
      await holder.query('begin');
      await holder.query(`select count(*) from ${quoteIdent(schema)}.keyed`);
      const refused = waiter.query(`alter table ${quoteIdent(schema)}.keyed add column never int`).then(
        () => false,
        () => true,
      );
      await waitFor({ what: 'somebody to wait', timeoutMs: 60_000 }, async () => {
        const { rows } = await sides[side].session.query(
          `select id as id from information_schema.processlist where id = ${waiter.processId} and state like 'Waiting for table metadata lock%'`,
        );
        return rows.length > 0 || undefined;
      });
      return async () => {
        await sides[side].session.query(`kill query ${waiter.processId}`);
        await refused;
        for (const each of [waiter, holder]) await each.close();
      };
    },
    async [Symbol.asyncDispose]() {
      for (const each of Object.values(sessions)) await each[Symbol.asyncDispose]();
      for (const opened of Object.values(sides)) await opened[Symbol.asyncDispose]();
    },
  };
}
