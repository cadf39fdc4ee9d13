import { waitFor } from '../../kernel/clock.ts';
import type { Catalog, Table, TableName } from '../../model/catalog.ts';
import { tableKey } from '../../model/catalog.ts';
import type { Step } from '../../ports/step.ts';
import { connect, withLockRetry } from './connection.ts';
import type { KeptSession } from './kept-session.ts';
import { quoteTable } from './quote.ts';

export interface AfterCopyOptions {
  readonly url: string;
  readonly session: KeptSession;
  readonly workers: number;
}

const statisticsTimeoutMs = 30_000;

/** Statistics of every copied table: without them the first queries on green would be planned blind. Partitioned parents have their own. */
export function analyseStep(options: AfterCopyOptions, tables: readonly Table[]): Step {
  const missing = async (): Promise<readonly TableName[]> => {
    const { rows } = await options.session.use(async (connection) =>
      connection.query(
        `select wanted.schema, wanted.name from unnest($1::text[], $2::text[]) as wanted (schema, name)
         join pg_namespace n on n.nspname = wanted.schema join pg_class c on c.relnamespace = n.oid and c.relname = wanted.name
         where pg_stat_get_last_analyze_time(c.oid) is null`,
        [tables.map((table) => table.schema), tables.map((table) => table.name)],
      ),
    );
    return rows.map((row) => ({ schema: row['schema'] ?? '', name: row['name'] ?? '' }));
  };
  return {
    id: 'copy:analyse',
    does: `gathers statistics of ${tables.length} tables on green`,
    locks: 'SHARE UPDATE EXCLUSIVE on one table at a time: reads and writes pass',
    costs: 'a sample of each table is read',
    undone: 'not needed',
    probe: async () => {
      const left = await missing();
      return left.length === 0
        ? { state: 'done', evidence: `${tables.length} tables analysed` }
        : { state: 'not done' };
    },
    act: async ({ signal, progress }) => {
      const left = [...(await missing())];
      const total = left.length;
      const work = async (): Promise<void> => {
        await using connection = await connect({ url: options.url, applicationName: 'teal analyse', signal });
        for (let table = left.shift(); table !== undefined; table = left.shift()) {
          signal.throwIfAborted();
          await connection.query(`analyze ${quoteTable(table)}`);
          progress({ text: `analysed ${tableKey(table)}`, done: total - left.length, total, unit: 'tables' });
        }
      };
      await Promise.all(Array.from({ length: Math.max(1, Math.min(options.workers, total)) }, work));
      // The time of an ANALYZE reaches other sessions a moment later (PostgreSQL 14: by way of the statistics collector).
      await waitFor({ what: 'the statistics to be seen', timeoutMs: statisticsTimeoutMs, signal }, async () =>
        (await missing()).length === 0 ? true : undefined,
      );
    },
    undo: async () => undefined,
  };
}

/** Materialized views hold what they were computed from: they are computed anew on green, those that others read from first. */
export function refreshStep(options: AfterCopyOptions, views: Catalog['materializedViews']): Step {
  const wanted = views.filter((view) => view.populated);
  const missing = async (): Promise<ReadonlySet<string>> => {
    const { rows } = await options.session.use(async (connection) =>
      connection.query(`select schemaname as schema, matviewname as name from pg_matviews where not ispopulated`),
    );
    return new Set(rows.map((row) => tableKey({ schema: row['schema'] ?? '', name: row['name'] ?? '' })));
  };
  return {
    id: 'follow:refresh',
    does: `computes ${wanted.length} materialized views on green`,
    locks: 'ACCESS EXCLUSIVE on each of them; nobody reads them yet',
    costs: 'their queries',
    undone: 'not needed',
    probe: async () => {
      const empty = await missing();
      return wanted.some((view) => empty.has(tableKey(view)))
        ? { state: 'not done' }
        : { state: 'done', evidence: `${wanted.length} materialized views` };
    },
    act: async ({ signal, progress }) => {
      const empty = await missing();
      for (const [index, view] of wanted.entries()) {
        signal.throwIfAborted();
        if (!empty.has(tableKey(view))) continue;
        progress({ text: `computes ${tableKey(view)}`, done: index, total: wanted.length, unit: 'items' });
        // Again after a deadlock: the flow may empty tables that are read here.
        await withLockRetry({ signal }, async () =>
          options.session.use(async (connection) => connection.query(`refresh materialized view ${quoteTable(view)}`)),
        );
      }
    },
    undo: async () => undefined,
  };
}
