import { tableKey, type TableName } from '../model/catalog.ts';
import type { MysqlColumn, MysqlTable } from '../model/mysql-catalog.ts';
import type { MysqlType } from '../model/mysql-type.ts';
import { equalityOf, icuCollationFor } from './collations.ts';
import { isKnownType, type ColumnFacts } from './column-facts.ts';
import { checksFor, isText } from './data-checks.ts';
import { mapDefault } from './defaults.ts';
import {
  translateExpression,
  type ExpressionColumn,
  type ExpressionColumns,
  type ExpressionKind,
} from './expression.ts';
import type { MappedColumn, NotCarried } from './mapping.ts';
import { Namespace, columnNameFor } from './names.ts';
import { strictMappingPolicy, type ColumnOverride, type MappingOptions, type TableOverride } from './options.ts';
import { pgName } from './quote.ts';
import { lossOfChoice } from './silent-changes.ts';
import { readTarget } from './target-type.ts';
import { padsLoss } from './type-rules.ts';

export interface ColumnsQuestion {
  readonly table: MysqlTable;
  readonly target: TableName;
  readonly facts: ColumnFacts;
  /** The schema in which all collations are: foreign keys may join any two. */
  readonly collations: string;
  readonly options: MappingOptions;
  /** Constraints of the table. */
  readonly constraints: Namespace;
  /** Tables, indexes and sequences of the schema. */
  readonly relations: Namespace;
}

export interface ColumnsAnswer {
  readonly columns: readonly MappedColumn[];
  readonly notCarried: readonly NotCarried[];
}

/** Every column of a table that has a place on the target, in the source's order. Pure but for the names that it takes. */
export function mapColumns(question: ColumnsQuestion): ColumnsAnswer {
  const { table, options } = question;
  const override = options.tables?.[tableKey(table)] ?? {};
  const names = new Namespace();
  const notCarried: NotCarried[] = [];
  const plain: MappedColumn[] = [];
  for (const column of table.columns) {
    const own = override.columns?.[column.name] ?? {};
    if (own.drop === true) notCarried.push(missing(table, column, 'left out by the migration file'));
    else if (!isKnownType(column.type))
      notCarried.push(missing(table, column, `of type ${column.type}, of which Teal carries no values`));
    else plain.push(mapColumn(question, column, own, names.take(own.rename ?? columnNameFor(column.name))));
  }
  const inputs = expressionColumns(plain.filter(({ carried }) => carried));
  const columns = plain.flatMap((column) => {
    if (column.source.generatedAs === undefined || column.generatedAs !== undefined) return [column];
    const computed = compute(column, inputs);
    if (typeof computed !== 'string') return [computed];
    notCarried.push(missing(table, column.source, computed));
    return [];
  });
  return { columns, notCarried };
}

function missing(table: MysqlTable, column: MysqlColumn, why: string): NotCarried {
  return { kind: 'column', name: `${tableKey(table)}.${column.name}`, why };
}

/** A generated column with its expression, or why it cannot be one. */
function compute(column: MappedColumn, inputs: ExpressionColumns): MappedColumn | string {
  const source = column.source.generatedAs ?? '';
  const translated = translateExpression(source, inputs);
  const why =
    translated.sql === undefined
      ? translated.reason
      : translated.kind === kindOf(column.type) || translated.kind === 'null'
        ? undefined
        : 'its expression is of another kind than its type';
  if (why !== undefined)
    return `computed by ${source}, which is left to you (${why}): give the column an \`expression\`, or drop it`;
  const note =
    column.source.generated === 'virtual' ? ['computed when a row is written, no longer when it is read'] : [];
  return { ...column, generatedAs: translated.sql ?? '', notes: [...column.notes, ...note] };
}

function mapColumn(question: ColumnsQuestion, column: MysqlColumn, own: ColumnOverride, name: string): MappedColumn {
  const { table, facts } = question;
  const { rule, type } = facts.ruleFor(table, column);
  const ruled = rule.targetType(type);
  const isOverride = own.type !== undefined && own.type !== ruled;
  const target = isOverride ? (own.type ?? ruled) : ruled;
  const computed = own.expression !== undefined || column.generatedAs !== undefined;
  const counter = column.autoIncrement && !computed ? counterFor(question, name, target) : undefined;
  const given = computed || counter !== undefined ? {} : defaultFor(column, type, target, own);
  const nullable = nullability(question, column, computed ? [] : checksFor(type, target));
  const collation = isTextTarget(target) ? facts.collationFor(table, column) : undefined;
  const guard =
    isOverride && !(type.base === 'enum' && isTextTarget(target)) ? undefined : rule.guard?.(type, pgName(name));
  const guarded = guard !== undefined && (question.options.guards !== false || type.base === 'enum');
  return {
    source: column,
    sourceType: type,
    name,
    type: target,
    rule: isOverride ? 'override' : rule.name,
    nullable: nullable.value,
    ...(given.sql === undefined ? {} : { default: given.sql }),
    ...(counter === undefined ? {} : { counter: counter.value }),
    ...(own.expression === undefined ? {} : { generatedAs: own.expression }),
    ...(collation === undefined ? {} : { collation: { schema: question.collations, name: collation.name } }),
    ...(guarded
      ? { guard: { name: question.constraints.take(`${question.target.name}_${name}_check`), sql: guard } }
      : {}),
    carried: !computed,
    touched: column.setOnUpdate && !computed,
    checks: computed ? [] : checksFor(type, target),
    loss: isOverride ? lossOfChoice(type, target) : lossOf(rule.loss, column),
    notes: [
      ...notesOf(question, column, type, name),
      ...(isText(type) && isTextTarget(target) ? collationNotes(question, column, collation !== undefined) : []),
      ...(given.note === undefined ? [] : [given.note]),
      ...(counter?.note === undefined ? [] : [counter.note]),
      ...(nullable.note === undefined ? [] : [nullable.note]),
    ],
  };
}

function lossOf(loss: readonly string[], { collation }: MysqlColumn): readonly string[] {
  const pads = collation !== undefined && equalityOf(collation).pads;
  return loss.filter((sentence) => sentence !== padsLoss || pads);
}

function isTextTarget(type: string): boolean {
  return ['text', 'varchar', 'char'].includes(readTarget(type).name);
}

function defaultFor(
  column: MysqlColumn,
  type: MysqlType,
  target: string,
  own: ColumnOverride,
): { readonly sql?: string; readonly note?: string } {
  if (own.default === null) return {};
  if (own.default !== undefined) return { sql: own.default };
  return mapDefault(column, type, target) ?? {};
}

const identityLimits: Readonly<Record<string, bigint>> = {
  smallint: 32_767n,
  integer: 2_147_483_647n,
  bigint: 9_223_372_036_854_775_807n,
};

function counterFor(
  question: ColumnsQuestion,
  column: string,
  target: string,
): { readonly value: NonNullable<MappedColumn['counter']>; readonly note?: string } {
  const limit = identityLimits[readTarget(target).name];
  const next = question.table.nextAutoIncrement ?? 1n;
  const most = limit ?? identityLimits['bigint'] ?? next;
  const start = next > most ? most : next < 1n ? 1n : next;
  const full =
    next > most
      ? { note: `the next number is ${next}, which the target’s type does not hold: there is none left` }
      : {};
  if (limit !== undefined) return { value: { kind: 'identity', start }, ...full };
  const sequence = question.relations.take(`${question.target.name}_${column}_seq`);
  return { value: { kind: 'sequence', start, sequence }, ...full };
}

/** Whether a change of this column would make another row of it for whoever follows: a column of the primary key, or any of a table without one. No policy changes it. */
export function isKnownBy({ primaryKey }: MysqlTable, column: string): boolean {
  return primaryKey === undefined || primaryKey.includes(column);
}

/** A policy that puts NULL in the place of a value needs a column that takes it. */
function nullability(
  question: ColumnsQuestion,
  column: MysqlColumn,
  checks: readonly string[],
): { readonly value: boolean; readonly note?: string } {
  if (!column.notNull) return { value: true };
  const policy = question.options.policy ?? strictMappingPolicy;
  const becomesNull =
    (policy.zeroDate === 'null' && (checks.includes('zeroDate') || checks.includes('partialDate'))) ||
    (policy.invalidEnum === 'null' && checks.includes('invalidEnum'));
  if (!becomesNull) return { value: false };
  if (isKnownBy(question.table, column.name))
    return {
      value: false,
      note: 'a row is known by it: the policy that puts NULL does not hold here, such a row stops the copy',
    };
  return {
    value: true,
    note: 'NOT NULL is not carried, because the policy puts NULL in the place of values without a form',
  };
}

function notesOf(
  { table, facts }: ColumnsQuestion,
  column: MysqlColumn,
  type: MysqlType,
  name: string,
): readonly string[] {
  const notes: string[] = [];
  if (name !== column.name) notes.push(`called ${name} on the target`);
  if (/\bzerofill\b/i.test(column.type)) notes.push('ZEROFILL: shown without leading zeros on the target');
  if (column.invisible) notes.push('invisible on the source: `select *` shows it on the target');
  if (/\bcompressed\b/i.test(column.type))
    notes.push('COMPRESSED: the log of changes cannot be read for it; remove the compression first');
  if (column.collation !== undefined && isText(type) && facts.isInUniqueKey(table, column.name))
    notes.push(...keyNotes(column.collation));
  return notes;
}

/** Of a text in a unique key. */
function keyNotes(collation: string): readonly string[] {
  const equality = equalityOf(collation);
  const notes: string[] = [];
  if (equality.pads)
    notes.push('in a unique key that ignores blanks at the end, which PostgreSQL cannot: there ‘a’ and ‘a ’ are two');
  if (equality.unknownLanguage && icuCollationFor(equality) !== undefined)
    notes.push(`no locale of ICU is known for ${collation}: the root locale stands in`);
  return notes;
}

/** Of a text that the source compares without case or accents: what its collation on the target does not do. */
function collationNotes(
  { table, facts, options }: ColumnsQuestion,
  column: MysqlColumn,
  isCollated: boolean,
): readonly string[] {
  if (isCollated)
    return options.postgresMajor < 18 ? ['LIKE does not work with its collation before PostgreSQL 18'] : [];
  const ignores = column.collation !== undefined && icuCollationFor(equalityOf(column.collation)) !== undefined;
  return ignores && facts.isInUniqueKey(table, column.name)
    ? [
        'in a unique key that ignores case or accents, which the target’s does not: texts that differ in them are two there',
      ]
    : [];
}

const kindsOfTargets: Readonly<Record<string, ExpressionKind>> = {
  boolean: 'boolean',
  smallint: 'number',
  integer: 'number',
  bigint: 'number',
  numeric: 'number',
  real: 'float',
  'double precision': 'float',
  text: 'text',
  varchar: 'text',
  date: 'date',
  timestamp: 'datetime',
};

function kindOf(type: string): ExpressionKind | undefined {
  return kindsOfTargets[readTarget(type).name];
}

/** What expressions of the source may use of these columns. */
export function expressionColumns(columns: readonly MappedColumn[]): ExpressionColumns {
  return new Map(columns.map((column) => [column.source.name.toLowerCase(), expressionColumn(column)]));
}

function expressionColumn(column: MappedColumn): ExpressionColumn {
  const { source, sourceType } = column;
  const equality = source.collation === undefined ? undefined : equalityOf(source.collation);
  // Not `_as_cs`: it passes over signs that stand for nothing, and takes é for e with an accent.
  const exact = equality?.binary === true && !equality.pads;
  return {
    name: column.name,
    kind: kindOf(column.type),
    comparesExactly: isText(sourceType) && exact && column.collation === undefined,
    ...(sourceType.base === 'enum' && sourceType.labels !== undefined ? { labels: sourceType.labels } : {}),
    isUtf8: source.characterSet?.startsWith('utf8') === true,
  };
}

/** The columns of an override that are not there. */
export function unknownColumns(table: MysqlTable, override: TableOverride): readonly string[] {
  const names = new Set(table.columns.map(({ name }) => name));
  return Object.keys(override.columns ?? {}).filter((name) => !names.has(name));
}
