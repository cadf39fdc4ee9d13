import { readFile } from 'node:fs/promises';
import { Client } from 'pg';

/** Loads the shop and fills it; returns how many rows it has. */
export async function fillShop(url: string, rows: number): Promise<number> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(await readFile(new URL('shop.sql', import.meta.url), 'utf8'));
    const fill = await readFile(new URL('fill.sql', import.meta.url), 'utf8');
    await client.query('set synchronous_commit = off; set session_replication_role = replica');
    for (const statement of fill.replaceAll(':rows', String(rows)).split(/;\s*\n/)) {
      if (statement.trim() !== '') await client.query(statement);
    }
    const { rows: counted } = await client.query<{ rows: string }>(
      `select sum(n_live_tup)::text as rows from pg_stat_user_tables where schemaname = 'shop'`,
    );
    return Number(counted[0]?.rows ?? 0);
  } finally {
    await client.end();
  }
}
