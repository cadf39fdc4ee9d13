import { tableKey, type TableName } from '../model/catalog.ts';
import type { Names } from '../model/name-map.ts';
import { plainForms } from '../model/plain-forms.ts';
import type { SchemaForm } from '../model/schema-form.ts';

export const ddlPrefix = 'teal.ddl';

/** A change of the schema as its source told it, within the transaction that made it. Names only, never a statement or a value. */
export interface DdlNote {
  /** The command's tag: `ALTER TABLE`. */
  readonly command: string;
  /** What it created, changed or dropped, as the source calls it: `table public.orders`. */
  readonly objects: readonly string[];
  /** Tables that it touched, as `schema.name`. */
  readonly tables: readonly string[];
  /** How managed tables and types are after the command. */
  readonly forms: readonly SchemaForm[];
  /** It computed rows anew, or an earlier command of its transaction did: their new values are nowhere in the stream. */
  readonly rewrote: boolean;
}

/**
 * Reads a `teal.ddl` message: JSON `{command, objects, tables, forms}`, where tables are texts `schema.name` or objects `{schema, name}`. Undefined for what
 * cannot be read: a note is never a reason to fail, what it cannot tell the columns of the next row do.
 */
export function readDdlNote(content: Buffer): DdlNote | undefined {
  const { command, objects, tables, forms, rewrote } = parsed(content) ?? {};
  if (typeof command !== 'string') return undefined;
  return {
    command,
    objects: listOf(objects).filter((each) => typeof each === 'string'),
    tables: listOf(tables).flatMap((each) => tableText(each) ?? []),
    forms: listOf(forms).filter(isForm),
    rewrote: rewrote === true,
  };
}

/** The message with its tables and forms as another side calls them, without those that have no place there. What the source calls its objects is for a person to read, and stays. */
export function noteInNames(content: Buffer, names: Names): Buffer {
  const value = parsed(content);
  if (value === undefined) return content;
  const tables = listOf(value['tables']).flatMap((each) => (isTableName(each) ? (names.table(each) ?? []) : [each]));
  const forms = plainForms(listOf(value['forms']).filter(isForm), names);
  return Buffer.from(JSON.stringify({ ...value, tables, forms }));
}

/** For a person: the command and what it was about. */
export function noteText({ command, objects, tables, rewrote }: DdlNote): string {
  const about = objects.length > 0 ? objects : tables;
  const more = about.length > 5 ? ` and ${about.length - 5} more` : '';
  const what = about.length === 0 ? command : `${command} (${about.slice(0, 5).join(', ')}${more})`;
  return rewrote ? `${what}, which computed rows anew: run the same there, then compare` : what;
}

/** What the notes of one transaction come to. */
export interface SchemaNews {
  /** Of each table or type how it is after the last note of it. */
  readonly forms: ReadonlyMap<string, readonly SchemaForm[]>;
  /** The first commands, for a person. */
  readonly told: readonly string[];
  readonly notes: number;
  /** Tables whose rows were computed anew. */
  readonly rewrote: ReadonlySet<string>;
}

const toldCommands = 5;

/** The news with one more note. What was created and dropped again in the same transaction is no news. */
export function withNote(news: SchemaNews | undefined, note: DdlNote): SchemaNews {
  const forms = new Map(news?.forms);
  // A dropped column is followed by a note of its table as it is then; a dropped table by none.
  if (note.command === 'DROP TABLE') for (const table of note.tables) forms.delete(table);
  for (const [owner, group] of Map.groupBy(note.forms, ({ schema, of }) => `${schema}.${of}`)) forms.set(owner, group);
  const told = news?.told ?? [];
  // The command's own note comes next and says it.
  const tells = !note.rewrote || note.forms.length > 0;
  return {
    forms,
    told: tells && told.length < toldCommands ? [...told, noteText(note)] : told,
    notes: (news?.notes ?? 0) + (tells ? 1 : 0),
    rewrote: note.rewrote ? new Set([...(news?.rewrote ?? []), ...note.tables]) : (news?.rewrote ?? new Set()),
  };
}

/** The note as it is told after what came before it in its transaction: the command's own note follows that of the rewrite which it made. */
export function afterNews(news: SchemaNews | undefined, note: DdlNote): DdlNote {
  return note.tables.some((table) => news?.rewrote.has(table) === true) ? { ...note, rewrote: true } : note;
}

export function newsText({ told, notes }: SchemaNews): string {
  return told.join('; ') + (notes > told.length ? `; and ${notes - told.length} more` : '');
}

function parsed(content: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(content.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function isForm(value: unknown): value is SchemaForm {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, ...texts } = value as Record<string, unknown>;
  const known = kind === 'table' || kind === 'column' || kind === 'enum label' || kind === 'attribute';
  return known && ['schema', 'of', 'name', 'definition'].every((name) => typeof texts[name] === 'string');
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function tableText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return isTableName(value) ? tableKey(value) : undefined;
}

function isTableName(value: unknown): value is TableName {
  if (typeof value !== 'object' || value === null) return false;
  const { schema, name } = value as Partial<TableName>;
  return typeof schema === 'string' && typeof name === 'string';
}
