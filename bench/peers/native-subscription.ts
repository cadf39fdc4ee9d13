import { waitFor } from '../../src/kernel/clock.ts';
import { runToEnd } from '../measure.ts';
import type { Pair } from '../pair.ts';
import { execute, withClient } from '../../tools/servers/with-client.ts';

export interface SubscriptionOptions {
  readonly sourceUrl: string;
  readonly targetUrl: string;
  /** Of publication, subscription and slot. */
  readonly name: string;
}

/** Not those that Teal may have made beside them. */
const ownTables = `
select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and c.relpersistence = 'p' and n.nspname not in ('pg_catalog', 'information_schema', 'teal')`;
const copyTimeoutMs = 30 * 60_000;

/** The whole schema with its indexes, as PostgreSQL's manual tells it: subscribe to tables that are there. */
export async function copySchema(pair: Pair, sourceUrl: string, targetUrl: string): Promise<void> {
  const { pgDump, psql } = pair.tools;
  const dump = `"${pgDump}" --schema-only --exclude-schema=teal --no-publications --no-subscriptions --dbname="$SOURCE"`;
  await runToEnd(
    '/bin/bash',
    ['-c', `set -o pipefail; ${dump} | "${psql}" -X -q -v ON_ERROR_STOP=0 --dbname="$TARGET"`],
    {
      env: { SOURCE: sourceUrl, TARGET: targetUrl, PGOPTIONS: '-c client_min_messages=error' },
    },
  );
}

/** PostgreSQL's own replication, with the settings that make it fastest: values in binary form, commits of the target not waited for (its default). */
export async function subscribe(options: SubscriptionOptions): Promise<void> {
  const { sourceUrl, targetUrl, name } = options;
  await withClient(sourceUrl, async (client) => {
    const { rows } = await client.query<{ name: string }>(ownTables);
    await client.query(`create publication ${name} for table ${rows.map((table) => `only ${table.name}`).join(', ')}`);
  });
  await execute(targetUrl, [
    `create subscription ${name} connection '${sourceUrl}' publication ${name} with (binary = true, synchronous_commit = off)`,
  ]);
  await withClient(targetUrl, async (client) => {
    await waitFor({ what: 'the initial copy of a subscription', timeoutMs: copyTimeoutMs, everyMs: 20 }, async () => {
      const { rows } = await client.query(`select 1 from pg_subscription_rel where srsubstate <> 'r' limit 1`);
      return rows.length === 0 ? true : undefined;
    });
  });
}

/** The subscription with its slot, and the publication. */
export async function unsubscribe({ sourceUrl, targetUrl, name }: SubscriptionOptions): Promise<void> {
  await execute(targetUrl, [`drop subscription if exists ${name}`]);
  await execute(sourceUrl, [`drop publication if exists ${name}`]);
}

/** The process on the target that applies. */
export async function applyWorkerPid({ targetUrl, name }: SubscriptionOptions): Promise<number> {
  return withClient(targetUrl, async (client) =>
    waitFor({ what: 'the apply worker of a subscription', timeoutMs: 60_000 }, async () => {
      const { rows } = await client.query<{ pid: number | null }>(
        `select pid from pg_stat_subscription where subname = $1 and relid is null`,
        [name],
      );
      return rows[0]?.pid ?? undefined;
    }),
  );
}
