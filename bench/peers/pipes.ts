import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execute, withClient } from '../../tools/servers/with-client.ts';
import { runToEnd, withWorkers } from '../measure.ts';
import type { Pair } from '../pair.ts';

/** What nobody can beat: `COPY … TO (binary)` piped into `COPY … FROM (binary)` by psql, without a snapshot that is shared, without records, without a check. */
export interface Pipes extends AsyncDisposable {
  /** The tables without their indexes; before the clock. */
  readonly prepare: (targetUrl: string) => Promise<void>;
  readonly moveRows: (targetUrl: string, jobs: number) => Promise<void>;
  /** Indexes, constraints and foreign keys by pg_restore, then statistics. */
  readonly finish: (targetUrl: string, jobs: number) => Promise<void>;
}

/** Pieces of a table: as long as Teal's would be where it has four workers. */
const pieceBlocks = 4_096;

interface Piece {
  readonly table: string;
  readonly columns: string;
  readonly where: string;
  readonly blocks: number;
}

export async function openPipes(pair: Pair, sourceUrl: string): Promise<Pipes> {
  const folder = await mkdtemp(join(pair.folder, 'pipes-'));
  const archive = join(folder, 'schema.dump');
  const { pgDump, pgRestore, psql } = pair.tools;
  await runToEnd(pgDump, [
    '--schema-only',
    '--format=custom',
    '--exclude-schema=teal',
    '--no-publications',
    `--file=${archive}`,
    `--dbname=${sourceUrl}`,
  ]);
  const pieces = await piecesOf(sourceUrl);
  const restore = async (targetUrl: string, section: string, jobs: number): Promise<void> =>
    void (await runToEnd(pgRestore, [`--section=${section}`, `--jobs=${jobs}`, `--dbname=${targetUrl}`, archive]));
  const pipe = (piece: Piece): string =>
    `"${psql}" -X -q --dbname="$SOURCE" -c "copy (select ${piece.columns} from only ${piece.table}${piece.where}) to stdout (format binary)" | ` +
    `"${psql}" -X -q --dbname="$TARGET" -c "copy ${piece.table} (${piece.columns}) from stdin (format binary)"`;
  return {
    prepare: async (targetUrl) => restore(targetUrl, 'pre-data', 1),
    moveRows: async (targetUrl, jobs) =>
      withWorkers(jobs, pieces, async (piece) => {
        const env = { SOURCE: sourceUrl, TARGET: targetUrl, PGOPTIONS: '-c session_replication_role=replica' };
        await runToEnd('/bin/bash', ['-c', `set -o pipefail; ${pipe(piece).replaceAll('`', '')}`], { env });
      }),
    finish: async (targetUrl, jobs) => {
      await restore(targetUrl, 'post-data', jobs);
      const tables = [...new Set(pieces.map(({ table }) => table))];
      await withWorkers(jobs, tables, async (table) => execute(targetUrl, [`analyze ${table}`]));
    },
    [Symbol.asyncDispose]: async () => rm(folder, { recursive: true, force: true }),
  };
}

/** The largest first. */
async function piecesOf(url: string): Promise<readonly Piece[]> {
  const { rows } = await withClient(url, async (client) =>
    client.query<{ name: string; columns: string; blocks: number }>(
      `select format('%s.%s', n.nspname, c.relname) as name, (pg_relation_size(c.oid) / 8192)::int as blocks,
              (select string_agg(a.attname, ', ' order by a.attnum) from pg_attribute a
               where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '') as columns
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema', 'teal') order by 2 desc`,
    ),
  );
  return rows.flatMap(({ name, columns, blocks }) => {
    const count = Math.max(1, Math.ceil(blocks / pieceBlocks));
    return Array.from({ length: count }, (_, at) => {
      const from = at === 0 ? [] : [`ctid >= '(${at * pieceBlocks},0)'`];
      const to = at === count - 1 ? [] : [`ctid < '(${(at + 1) * pieceBlocks},0)'`];
      const where = [...from, ...to].length === 0 ? '' : ` where ${[...from, ...to].join(' and ')}`;
      return { table: name, columns, where, blocks: Math.min(pieceBlocks, blocks) };
    });
  });
}
