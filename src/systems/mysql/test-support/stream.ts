import { unreachable } from '../../../kernel/assert.ts';
import { isTealError, type TealError } from '../../../kernel/errors.ts';
import type { RowValues, StreamEvent } from '../../../model/change.ts';
import type { Position } from '../../../model/position.ts';
import type { ChangeRecord, ChangeStream } from '../../../ports/change-source.ts';
import { BinlogDecoder, type BinlogDecoderOptions } from '../change-decoder.ts';
import { connect, type MysqlConnection } from '../connection.ts';
import { mysqlSource, type MysqlSourceOptions } from '../source.ts';
import { readEndOfBinlog } from '../source-probe.ts';

export async function openSession(url: string): Promise<MysqlConnection> {
  return connect({ url, applicationName: 'teal test' });
}

/** One statement after the other. */
export async function run(connection: MysqlConnection, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await connection.query(statement);
}

export async function endOfBinlog(connection: MysqlConnection): Promise<Position> {
  return readEndOfBinlog(connection);
}

let opened = 0;

/** A stream of a reader of its own name, unless `options` give it one. */
export async function openStream(
  url: string,
  after: Position,
  options: Partial<MysqlSourceOptions> & { readonly identity?: string; readonly signal?: AbortSignal } = {},
): Promise<ChangeStream> {
  opened += 1;
  const { identity, signal = new AbortController().signal, ...more } = options;
  const source = mysqlSource({ url, applicationName: `teal test stream ${process.pid} ${opened}`, ...more });
  return source.start(identity === undefined ? { after } : { after, identity }, signal);
}

/** Records up to the commit that brings the count to `commits`. */
export async function readCommits(stream: ChangeStream, commits: number): Promise<ChangeRecord[]> {
  const records: ChangeRecord[] = [];
  while (records.filter((record) => record.kind === 'commit').length < commits) records.push(...(await stream.next()));
  return records;
}

/** Records until everything up to `end` has come. */
export async function readUpTo(stream: ChangeStream, end: Position): Promise<ChangeRecord[]> {
  const records: ChangeRecord[] = [];
  let reached = '';
  while (reached < end) {
    for (const record of await stream.next()) {
      records.push(record);
      if (record.kind === 'commit' || record.kind === 'mark') reached = record.end;
    }
  }
  return records;
}

export function decode(records: readonly ChangeRecord[], options: BinlogDecoderOptions = {}): StreamEvent[] {
  const decoder = new BinlogDecoder(options);
  return records.flatMap((record) => (record.kind === 'mark' ? [] : (decoder.decode(record.payload) ?? [])));
}

export const endsOf = (records: readonly ChangeRecord[]): readonly Position[] =>
  records.flatMap((record) => (record.kind === 'commit' ? [record.end] : []));

/** Events as texts: their kinds, names and values, which is what assertions are about. */
export function tell(event: StreamEvent): string {
  const row = (values: RowValues): string =>
    values
      .toArray()
      .map((value) => (value === undefined ? '(not sent)' : (value?.toString() ?? 'NULL')))
      .join('|');
  switch (event.kind) {
    case 'insert':
    case 'put':
      return `${event.kind} ${event.relation.name} ${row(event.row)}`;
    case 'update':
      return `update ${event.relation.name} ${event.old === undefined ? '' : `${event.old.kind} ${row(event.old.values)} `}to ${row(event.row)}`;
    case 'delete':
      return `delete ${event.relation.name} ${event.old.kind} ${row(event.old.values)}`;
    case 'truncate':
      return `truncate ${event.relations.map((relation) => relation.name).join(',')} ${event.restartIdentity}`;
    case 'relation':
      return `relation ${event.relation.schema}.${event.relation.name} ${event.relation.columns.map((column) => column.name + (column.key ? '*' : '')).join(',')}`;
    case 'origin':
      return `origin ${event.name}`;
    case 'message':
      return `message ${event.prefix} ${event.content.toString()}`;
    case 'begin':
    case 'commit':
      return event.kind;
    default:
      return unreachable(event, 'event');
  }
}

export async function refusal(work: Promise<unknown>): Promise<TealError> {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!isTealError(thrown)) throw new Error(`expected an error of Teal, got ${String(thrown)}`);
  return thrown;
}
