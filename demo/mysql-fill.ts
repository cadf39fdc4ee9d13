import { readFile } from 'node:fs/promises';
import { createConnection, type RowDataPacket } from 'mysql2/promise';

/** Loads the shop and fills it, past the log: whoever follows it begins later. Returns how many rows there are. */
export async function fillMysqlShop(uri: string, rows: number): Promise<number> {
  const client = await createConnection({ uri, charset: 'utf8mb4' });
  try {
    await client.query('set sql_log_bin = 0, unique_checks = 0, foreign_key_checks = 0');
    for (const file of ['mysql-shop.sql', 'mysql-fill.sql']) {
      const text = await readFile(new URL(file, import.meta.url), 'utf8');
      for (const statement of text
        .replaceAll(/^--.*\n/gm, '')
        .replaceAll(':rows', String(rows))
        .split(/;\s*\n/)) {
        if (statement.trim() !== '') await client.query(statement);
      }
    }
    const [counted] = await client.query<RowDataPacket[]>(
      `select sum(n) as n from (select count(*) as n from shop.customers union all select count(*) from shop.products union all select count(*) from shop.orders
       union all select count(*) from shop.items union all select count(*) from shop.payments union all select count(*) from shop.events
       union all select count(*) from shop.documents) each_table`,
    );
    return Number(counted[0]?.['n']);
  } finally {
    client.destroy();
  }
}
