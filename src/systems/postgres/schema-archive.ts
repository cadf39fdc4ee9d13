import { randomBytes } from 'node:crypto';
import { access, chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TealError } from '../../kernel/errors.ts';
import type { TableName } from '../../model/catalog.ts';
import { quoteTable } from './quote.ts';
import { parseList, parseSingle, splitScript, type SchemaItem, type SchemaScript } from './schema-script.ts';
import { runPgTool, type PgTools } from './schema-tools.ts';

export interface DumpOptions {
  readonly url: string;
  readonly tools: PgTools;
  readonly file: string;
  readonly excludeTables: readonly TableName[];
  readonly lockTimeoutMs: number;
  readonly signal: AbortSignal;
}

/** Writes the schema of a database as pg_dump's own archive: whole or not at all, for its owner only. Errors: TEAL-SYSTEMS-201. */
export async function dumpSchema(options: DumpOptions): Promise<void> {
  const { tools, file, signal } = options;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  const args = [
    '--format=custom',
    '--schema-only',
    '--no-publications',
    '--no-subscriptions',
    '--no-tablespaces',
    '--no-password',
    '--exclude-schema=teal',
    `--lock-wait-timeout=${options.lockTimeoutMs}`,
    `--file=${temporary}`,
    // A pattern: quoted, everything in it stands for itself.
    ...options.excludeTables.map((table) => `--exclude-table=${quoteTable(table)}`),
  ];
  try {
    await runPgTool(tools.pgDump, args, { url: options.url, signal });
    await chmod(temporary, 0o600);
    await rename(temporary, file);
  } finally {
    await rm(temporary, { force: true });
  }
}

export async function archiveExists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

/** The archive as single statements. Errors: TEAL-SYSTEMS-201, -202. */
export async function readArchive(tools: PgTools, file: string, signal: AbortSignal): Promise<SchemaScript> {
  const list = parseList(await runPgTool(tools.pgRestore, ['--list', file], { signal }));
  const postList = parseList(await runPgTool(tools.pgRestore, ['--list', '--section=post-data', file], { signal }));
  const postData = new Set(postList.keys());
  const text = await runPgTool(tools.pgRestore, ['--verbose', '--file=-', file], { signal });
  const script = splitScript(text, list, postData);
  if (script !== undefined) return script;
  return readOneByOne(tools, file, [...list.keys()], postData, signal);
}

/** For archives in which an object's text looks like a header of pg_restore: slow, and not to be fooled. */
async function readOneByOne(
  tools: PgTools,
  file: string,
  ids: readonly number[],
  postData: ReadonlySet<number>,
  signal: AbortSignal,
): Promise<SchemaScript> {
  const items: SchemaItem[] = [];
  let preamble = '';
  for (const id of ids) {
    const text = await restoreOnly(tools, file, [id], ['--verbose'], signal);
    const item = parseSingle(text, id, postData);
    if (item === undefined)
      throw new TealError('TEAL-SYSTEMS-202', 'an entry of the archive cannot be read', { file, id });
    preamble = text.slice(0, text.indexOf('\n--\n-- TOC entry ')).replace(/^\\restrict .*$/gm, '');
    items.push(item);
  }
  return { preamble, items: grantsLast(items) };
}

/** As pg_restore itself orders them; the list gives each beside its object. */
function grantsLast(items: readonly SchemaItem[]): readonly SchemaItem[] {
  const isGrant = (item: SchemaItem): boolean => item.type === 'ACL';
  return [...items.filter((item) => !isGrant(item)), ...items.filter(isGrant)];
}

/** What undoes the creation of these entries, in the order to run it. */
export async function dropStatements(
  tools: PgTools,
  file: string,
  ids: readonly number[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (ids.length === 0) return [];
  const text = await restoreOnly(tools, file, ids, ['--verbose', '--clean', '--if-exists'], signal);
  const firstHeader = text.indexOf('\n--\n-- TOC entry ');
  const before = firstHeader === -1 ? text : text.slice(0, firstHeader);
  return before
    .split(/;\n/)
    .map((statement) => statement.replace(/^(--.*|\\.*)$/gm, '').trim())
    .filter((statement) => /^(ALTER|DROP) /.test(statement));
}

async function restoreOnly(
  tools: PgTools,
  file: string,
  ids: readonly number[],
  args: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  const listFile = `${file}.${randomBytes(6).toString('hex')}.list`;
  await writeFile(listFile, ids.map((id) => `${id};\n`).join(''), { mode: 0o600 });
  try {
    return await runPgTool(tools.pgRestore, [...args, `--use-list=${listFile}`, '--file=-', file], { signal });
  } finally {
    await rm(listFile, { force: true });
  }
}
