import type { SchemaWork } from '../../ports/schema-driver.ts';
import type { MysqlConnection } from './connection.ts';
import { askRows } from './inspect/querier.ts';
import { quoteIdent, quoteTable } from './quote.ts';
import { isTealTableThere } from './teal-schema.ts';

interface MadeRow extends Readonly<Record<string, string>> {
  readonly id: string;
  readonly kind: string;
  readonly db: string;
  readonly name: string;
}

/** What leans on others goes before them. */
const order = ['event', 'trigger', 'view', 'procedure', 'function', 'table', 'sequence', 'database'];

/**
 * Drops what the records say is Teal's, made or begun, and forgets it; nothing that was there before. A database in which somebody has made something else meanwhile stays.
 */
export async function dropMade(connection: MysqlConnection, { signal, progress }: SchemaWork): Promise<void> {
  if (!(await isTealTableThere(connection, 'schema_item'))) return;
  const rows = await askRows<MadeRow>(
    connection,
    `select id, kind, \`schema\` as db, name from teal.schema_item where state in ('making', 'made') order by \`schema\`, name`,
  );
  const made = rows.toSorted((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
  let done = 0;
  for (const { id, kind, db, name } of made) {
    signal.throwIfAborted();
    const target = kind === 'database' ? quoteIdent(db) : quoteTable({ schema: db, name });
    if (kind !== 'database' || (await isEmpty(connection, db)))
      await connection.query(`drop ${kind} if exists ${target}`);
    await connection.query('delete from teal.schema_item where id = ?', [id]);
    done += 1;
    progress?.({ text: 'dropping what was created', done, total: made.length, unit: 'items' });
  }
  await connection.query('delete from teal.schema_item');
}

async function isEmpty(connection: MysqlConnection, database: string): Promise<boolean> {
  const { rows } = await connection.query(
    `select (select count(*) from information_schema.tables where table_schema = ?)
          + (select count(*) from information_schema.routines where routine_schema = ?)
          + (select count(*) from information_schema.events where event_schema = ?) as n`,
    [database, database, database],
  );
  return rows[0]?.['n'] === '0';
}
