import { tableKey } from '../model/catalog.ts';
import { checkMeanings } from './data-checks.ts';
import type { MappedColumn, MappedKey, MappedTable, Mapping } from './mapping.ts';

/** The mapping as plain values for machines: every number that may be wide is text. Its form is part of what users rely on. */
export function mappingJson(mapping: Mapping): string {
  const { tables, ...rest } = mapping;
  const document = { ...rest, tables: tables.map(tableValue) };
  return `${JSON.stringify(document, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value), 2)}\n`;
}

function tableValue(table: MappedTable): object {
  const { source, target, keys, checks, touch, notes } = table;
  return {
    source: tableKey(source),
    target,
    columns: table.columns.map(columnValue),
    keys,
    foreignKeys: table.foreignKeys.map(({ name, columns, references, referencedColumns, onDelete, onUpdate }) => ({
      name,
      columns,
      references,
      referencedColumns,
      onDelete,
      onUpdate,
    })),
    checks,
    touch,
    notes,
  };
}

function columnValue(column: MappedColumn): object {
  const { source, sourceType, name, ...more } = column;
  return { source: source.name, sourceType: source.type, base: sourceType.base, target: name, ...more };
}

/** The mapping for people: what becomes of each table and column, and what of the source is not there afterwards. */
export function mappingMarkdown(mapping: Mapping): string {
  const lines = [
    '# Mapping to PostgreSQL',
    '',
    `For PostgreSQL ${mapping.postgresMajor}. ${mapping.tables.length} tables, ${mapping.tables.reduce((sum, { columns }) => sum + columns.length, 0)} columns; ${mapping.notCarried.length} things are not carried.`,
    '',
    ...section(
      'Mistakes',
      mapping.mistakes.map((mistake) => `- ${mistake}`),
    ),
    ...section(
      'Schemas',
      mapping.schemas.map(({ source, target }) => `- database ${code(source)} → schema ${code(target)}`),
    ),
    ...section(
      'Collations',
      mapping.collations.map(
        ({ schema, name, locale }) => `- ${code(`${schema}.${name}`)}: ICU ${code(locale)}, not deterministic`,
      ),
    ),
    ...section(
      'Not carried',
      mapping.notCarried.map(({ kind, name, why }) => `- ${kind} ${code(name)}: ${why}`),
    ),
    ...section('Values without a form', policyLines(mapping)),
    ...section('What is looked for in the data', checkLines(mapping)),
    ...mapping.tables.flatMap(tableLines),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [`## ${title}`, '', ...lines, ''];
}

function policyLines({ policy }: Mapping): readonly string[] {
  return [
    `- ${checkMeanings.zeroDate}, and ${checkMeanings.partialDate}: ${code(policy.zeroDate)}`,
    `- ${checkMeanings.invalidEnum}: ${code(policy.invalidEnum)}`,
    `- ${checkMeanings.nulByte}: ${code(policy.nulByte)}`,
    `- ${checkMeanings.invalidText}: ${code(policy.invalidText)}`,
  ];
}

function checkLines({ tables }: Mapping): readonly string[] {
  const used = new Set(tables.flatMap(({ columns }) => columns.flatMap(({ checks }) => checks)));
  return Object.entries(checkMeanings)
    .filter(([check]) => [...used].some((one) => one === check))
    .map(([check, meaning]) => `- ${code(check)}: ${meaning}`);
}

/** In a table of Markdown: a bar ends a cell, a line break the row, and backticks end code. */
export function cell(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('|', '\\|').replaceAll(/\r?\n/g, ' ');
}

/** Text as code, whatever signs are in it. */
export function code(text: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  const space = longest > 0 || text === '' ? ' ' : '';
  return `${fence}${space}${text.replaceAll(/\r?\n/g, ' ')}${space}${fence}`;
}

/** As code in a cell: there the bar alone needs a backslash. */
function codeCell(text: string): string {
  return code(text).replaceAll('|', '\\|');
}

function tableLines(table: MappedTable): readonly string[] {
  const { source, target } = table;
  const keys = table.keys.map(keyLine);
  const foreignKeys = table.foreignKeys.map(
    (key) =>
      `- foreign key ${code(key.name)}: ${key.columns.map(code).join(', ')} → ${code(tableKey(key.references))} (${key.referencedColumns.map(code).join(', ')}), on delete ${key.onDelete}, on update ${key.onUpdate}`,
  );
  const checks = table.checks.map(({ name, sql }) => `- check ${code(name)}: ${code(sql)}`);
  const touch =
    table.touch === undefined ? [] : [`- trigger ${code(table.touch.trigger)}, for ON UPDATE CURRENT_TIMESTAMP`];
  const losses = table.columns.flatMap((column) => column.loss.map((text) => ({ text, column: column.name })));
  const texts = [...new Set(losses.map(({ text }) => text))];
  const lossLines = texts.map(
    (text) =>
      `- ${text} (${losses
        .filter((loss) => loss.text === text)
        .map(({ column }) => code(column))
        .join(', ')})`,
  );
  return [
    `## ${code(tableKey(source))} → ${code(tableKey(target))}`,
    '',
    ...table.notes.flatMap((note) => [`- ${note}`]),
    ...(table.notes.length === 0 ? [] : ['']),
    '| column | source | target | rule | default | to be looked for | notes |',
    '|---|---|---|---|---|---|---|',
    ...table.columns.map(columnRow),
    '',
    ...(lossLines.length === 0 ? [] : ['What can be lost:', '', ...lossLines, '']),
    ...([...keys, ...foreignKeys, ...checks, ...touch].length === 0
      ? []
      : [...keys, ...foreignKeys, ...checks, ...touch, '']),
  ];
}

function columnRow(column: MappedColumn): string {
  const { source, name, nullable, counter, generatedAs } = column;
  const called = name === source.name ? codeCell(name) : `${codeCell(source.name)} → ${codeCell(name)}`;
  const collation = column.collation === undefined ? '' : `, collation ${codeCell(column.collation.name)}`;
  const filled =
    counter === undefined
      ? generatedAs === undefined
        ? column.default === undefined
          ? ''
          : codeCell(column.default)
        : `computed: ${codeCell(generatedAs)}`
      : `${counter.kind}, next ${counter.start}`;
  const cells = [
    called,
    `${codeCell(source.type)}${source.notNull ? ' not null' : ''}`,
    `${codeCell(column.type)}${nullable ? '' : ' not null'}${collation}`,
    column.rule,
    filled,
    column.checks.map(code).join(', '),
    column.notes.map(cell).join('; '),
  ];
  return `| ${cells.join(' | ')} |`;
}

function keyLine({ name, source, kind, parts, notes }: MappedKey): string {
  const word = kind === 'primary' ? 'primary key' : kind === 'unique' ? 'unique key' : 'index';
  const over = parts.map(({ sql, descending }) => code(`${sql}${descending ? ' desc' : ''}`)).join(', ');
  return `- ${word} ${code(source)} → ${code(name)}: ${over}${notes.length === 0 ? '' : `; ${notes.join('; ')}`}`;
}
