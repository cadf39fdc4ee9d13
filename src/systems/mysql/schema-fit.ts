import type { MysqlCatalog } from '../../model/mysql-catalog.ts';
import type { MysqlConnection, MysqlFlavour } from './connection.ts';
import { matching, nameOf, readCreateTable, tokensOf, writeCreateTable, type Token } from './create-table.ts';
import { askRows, isAtLeast } from './inspect/querier.ts';
import { captureTables, inWords, type CaptureOptions, type SchemaItem } from './schema-capture.ts';

/** What a server can have. */
export interface TargetFacts {
  readonly flavour: MysqlFlavour;
  readonly version: readonly [number, number, number];
  /** As CREATE TABLE names them. */
  readonly collations: ReadonlySet<string>;
}

export async function readTargetFacts(connection: MysqlConnection): Promise<TargetFacts> {
  const { flavour, version } = connection;
  // Collations that fit several character sets are called without one from MariaDB 10.10 on.
  const isFull = flavour === 'mariadb' && isAtLeast(version, 10, 10, 1);
  const name = isFull ? 'full_collation_name' : 'collation_name';
  const rows = await askRows<{ name: string }>(
    connection,
    `select ${name} as name from information_schema.collation_character_set_applicability`,
  );
  return { flavour, version, collations: new Set(rows.map((row) => row.name)) };
}

export interface FittedItem {
  readonly item: SchemaItem;
  /** The item as the source has it, by which it is recorded. */
  readonly of: SchemaItem;
  /** What the target cannot have, or would have otherwise; sentences. Then it must not be made. */
  readonly unfit: readonly string[];
}

/**
 * Pure: an object of the source in the words of the target. Only what means the same is put into other words; all else is told. What a server would take without a word and have
 * otherwise is found afterwards, when both are compared.
 */
export function fitItem(item: SchemaItem, source: MysqlFlavour, target: TargetFacts): FittedItem {
  const fitter = new Fitter(item, source, target);
  const fitted = {
    ...item,
    sql: item.kind === 'table' || item.kind === 'database' ? fitter.text(item.sql) : item.sql,
    holds: item.holds.map(({ name, sql }) => ({ name, sql: fitter.text(sql) })),
    settings: fitter.settings(),
  };
  fitter.whole();
  return { item: fitted, of: item, unfit: fitter.unfit };
}

/** Pure: all objects of the source, each fitted, and what the target cannot have of them together. */
export function fitItems(
  items: readonly SchemaItem[],
  source: MysqlFlavour,
  target: TargetFacts,
): readonly FittedItem[] {
  const fitted = items.map((item) => fitItem(item, source, target));
  return source === 'mariadb' && target.flavour === 'mysql' ? withUniqueChecks(fitted) : fitted;
}

/** MySQL keeps the names of checks by database, MariaDB by table. */
function withUniqueChecks(fitted: readonly FittedItem[]): readonly FittedItem[] {
  const seen = new Map<string, SchemaItem>();
  return fitted.map((each) => {
    if (each.item.kind !== 'table') return each;
    const taken = checkNames(each.item.sql).flatMap((name) => {
      const key = JSON.stringify([each.item.schema, name.toLowerCase()]);
      const other = seen.get(key);
      if (other === undefined) seen.set(key, each.item);
      return other === undefined
        ? []
        : [
            `${inWords(each.item)}: MySQL knows one check of a name in a database, and ${name} is one of ${inWords(other)} too`,
          ];
    });
    return { ...each, unfit: [...each.unfit, ...taken] };
  });
}

function checkNames(sql: string): readonly string[] {
  return readCreateTable(sql).others.flatMap((definition) => {
    const [first, name, check] = tokensOf(definition);
    return first?.text === 'CONSTRAINT' && name?.kind === 'name' && check?.text === 'CHECK' ? [nameOf(name)] : [];
  });
}

/** What of these tables a target cannot have as they are; sentences. Asks both servers, and changes nothing. */
export async function readUnfit(
  source: MysqlConnection,
  target: MysqlConnection,
  catalog: MysqlCatalog,
  options: CaptureOptions,
): Promise<readonly string[]> {
  const facts = await readTargetFacts(target);
  const items = await captureTables(source, catalog, options);
  return fitItems(items, source.flavour, facts).flatMap(({ unfit }) => unfit);
}

/** Types that MariaDB alone has. */
const onlyMariadb = new Set(['UUID', 'INET4', 'INET6', 'VECTOR', 'XMLTYPE']);
/** Options of a table, each by the family that has it. What stands in a comment for versions is told as such. */
const onlyOptions: Readonly<Record<MysqlFlavour, ReadonlySet<string>>> = {
  mysql: new Set(['COMPRESSION', 'SECONDARY_ENGINE']),
  mariadb: new Set([
    'ENCRYPTED',
    'ENCRYPTION_KEY_ID',
    'IETF_QUOTES',
    'PAGE_CHECKSUM',
    'PAGE_COMPRESSED',
    'PAGE_COMPRESSION_LEVEL',
    'TRANSACTIONAL',
  ]),
};
/** How MariaDB calls a check that was given no name. */
const namelessCheck = /^CONSTRAINT `CONSTRAINT_\d+` CHECK\b/;
/** Longer versions than this in `/*!` are MySQL's own: MariaDB passes over such a comment. */
const commentsOfMysql = 50_700;

class Fitter {
  readonly unfit: string[] = [];
  readonly #item: SchemaItem;
  readonly #source: MysqlFlavour;
  readonly #target: TargetFacts;

  constructor(item: SchemaItem, source: MysqlFlavour, target: TargetFacts) {
    this.#item = item;
    this.#source = source;
    this.#target = target;
  }

  text(sql: string): string {
    const named = this.#withCollations(sql);
    if (this.#source === this.#target.flavour) return named;
    if (this.#item.kind === 'table') this.#checkOptions(named);
    return this.#source === 'mysql' ? this.#toMariadb(named) : this.#toMysql(named);
  }

  settings(): SchemaItem['settings'] {
    const { sql_mode: mode, ...others } = this.#item.settings;
    if (mode === undefined) return others;
    // MySQL 8 does what this mode of older servers says, and does not know it any more.
    const isOld = this.#target.flavour === 'mysql';
    const kept = isOld ? mode.replace(/NO_AUTO_CREATE_USER,?/, '').replace(/,'$/, "'") : mode;
    return { ...others, sql_mode: kept };
  }

  whole(): void {
    const { kind } = this.#item;
    if (kind === 'sequence' && this.#target.flavour === 'mysql') this.#refuse('MySQL has no sequences');
    if (kind === 'package') this.#refuse('Teal does not carry packages');
  }

  #refuse(why: string): void {
    this.unfit.push(`${inWords(this.#item)}: ${why}`);
  }

  #withCollations(sql: string): string {
    const tokens = tokensOf(sql);
    let made = '';
    let end = 0;
    for (const [place, token] of tokens.entries()) {
      const before = tokens[place - 1]?.text === '=' ? tokens[place - 2] : tokens[place - 1];
      if (before?.kind !== 'word' || before.text !== 'COLLATE' || token.kind !== 'word') continue;
      made += `${sql.slice(end, token.at)}${this.#collation(token.text)}`;
      end = token.at + token.text.length;
    }
    return made + sql.slice(end);
  }

  #collation(name: string): string {
    const { collations } = this.#target;
    if (collations.has(name)) return name;
    const other = name.startsWith('utf8_') ? name.replace('utf8_', 'utf8mb3_') : name.replace('utf8mb3_', 'utf8_');
    if (collations.has(other)) return other;
    this.#refuse(`the target does not know the collation ${name}`);
    return name;
  }

  #toMariadb(sql: string): string {
    const isKey = this.#item.kind === 'keys';
    const plain = outsideOfLiterals(withoutIntroducers(sql), (text) =>
      text.replace(/\/\*!80023 INVISIBLE \*\//g, 'INVISIBLE').replace(/\/\*!80000 INVISIBLE \*\//g, 'IGNORED'),
    );
    for (const [text, version = ''] of literalsOut(plain).matchAll(/\/\*!(\d{5,6}) [^*]*\*\//g)) {
      if (Number(version) >= commentsOfMysql) this.#refuse(`MariaDB passes over ${text}`);
    }
    if (isKey && hasExpression(sql)) this.#refuse('MariaDB has no indexes on expressions');
    if (/\bWITH PARSER\b/.test(literalsOut(sql))) this.#refuse('MariaDB has no parsers for full-text indexes');
    return plain;
  }

  #toMysql(sql: string): string {
    if (literalsOut(sql).includes('/*M!')) this.#refuse('MySQL passes over what stands in /*M! … */');
    if (this.#item.kind === 'keys') {
      this.#checkKey(sql);
      return outsideOfLiterals(sql, (text) => text.replace(/\bIGNORED\b/g, 'INVISIBLE'));
    }
    if (this.#item.kind !== 'table') return sql;
    const { columns, keys, others } = readCreateTable(sql);
    for (const key of keys) this.#checkKey(key.sql);
    for (const column of columns) {
      const type = tokensOf(column.sql)[1]?.text ?? '';
      if (onlyMariadb.has(type.toUpperCase())) this.#refuse(`MySQL has no type ${type}`);
      if (/\bnextval\(/i.test(literalsOut(column.sql))) {
        this.#refuse('MySQL has no sequences, and a default is the next number of one');
      }
    }
    if (others.some((definition) => definition.startsWith('PERIOD'))) this.#refuse('MySQL has no periods');
    return mapDefinitions(sql, withExpressionDefault, (definition) => definition.replace(namelessCheck, 'CHECK'));
  }

  /** MariaDB has such keys on texts of any length; on other columns the word says nothing there. */
  #checkKey(sql: string): void {
    if (/^UNIQUE\b.*\bUSING HASH\b/s.test(literalsOut(sql)))
      this.#refuse('MySQL has no unique keys by hash, which MariaDB makes for long texts');
  }

  #checkOptions(sql: string): void {
    const only = onlyOptions[this.#source];
    const tokens = tokensOf(readCreateTable(sql).options);
    for (const [place, { kind, text }] of tokens.entries()) {
      if (tokens[place + 1]?.text !== '=' || (kind !== 'word' && kind !== 'name')) continue;
      const name = (kind === 'name' ? nameOf({ text }) : text).toUpperCase();
      if (only.has(name)) this.#refuse(`the target has no option ${name} of tables`);
    }
  }
}

/** MariaDB cannot read back an expression that it keeps with a quote in a literal of a named character set. Sessions of Teal write utf8mb4: there the name says nothing. */
function withoutIntroducers(sql: string): string {
  const tokens = tokensOf(sql);
  let made = '';
  let end = 0;
  for (const [place, { kind, text, at }] of tokens.entries()) {
    if (kind !== 'word' || text !== '_utf8mb4' || tokens[place + 1]?.kind !== 'text') continue;
    made += sql.slice(end, at);
    end = at + text.length;
  }
  return made + sql.slice(end);
}

/** Only what stands in no literal and no quoted name is changed. */
function outsideOfLiterals(sql: string, change: (text: string) => string): string {
  let made = '';
  let end = 0;
  for (const { kind, text, at } of tokensOf(sql)) {
    if (kind !== 'name' && kind !== 'text') continue;
    made += change(sql.slice(end, at)) + text;
    end = at + text.length;
  }
  return made + change(sql.slice(end));
}

function literalsOut(sql: string): string {
  return tokensOf(sql).reduceRight(
    (text, token) =>
      token.kind === 'name' || token.kind === 'text'
        ? `${text.slice(0, token.at)}''${text.slice(token.at + token.text.length)}`
        : text,
    sql,
  );
}

/** `KEY `k` ((lower(`name`)))`. */
function hasExpression(sql: string): boolean {
  const tokens = tokensOf(sql);
  const open = tokens.findIndex(({ text }) => text === '(');
  const close = matching(tokens, open);
  return tokens.some(
    (token, place) => place > open && place < close && token.text === '(' && tokens[place - 1]?.kind !== 'name',
  );
}

/** Each definition of a CREATE TABLE that is a column, and each that is neither that nor a key. */
function mapDefinitions(
  sql: string,
  ofColumn: (column: string) => string,
  ofOther: (definition: string) => string,
): string {
  const { head, columns, keys, others, options } = readCreateTable(sql);
  const definitions = [
    ...columns.map((column) => ofColumn(column.sql)),
    ...keys.map((key) => key.sql),
    ...others.map(ofOther),
  ];
  return writeCreateTable(head, definitions, options);
}

/** Types whose defaults MySQL takes in parentheses only. */
const largeTypes =
  /^(?:(?:tiny|medium|long)?(?:text|blob)|json|geometry|point|linestring|polygon|multi\w+|geometrycollection)$/i;

/** MariaDB writes an expression as it is, MySQL wants it in parentheses. */
function withExpressionDefault(column: string): string {
  const tokens = tokensOf(column);
  const at = topLevel(tokens, ['DEFAULT']);
  if (at === -1) return column;
  const rest = tokens.slice(at + 1);
  const stop = topLevel(rest, ['ON', 'COMMENT', 'CHECK', 'INVISIBLE', 'COLLATE']);
  const value = stop === -1 ? rest : rest.slice(0, stop);
  const [first, last] = [value[0], value.at(-1)];
  if (first === undefined || last === undefined) return column;
  const isLarge = largeTypes.test(tokens[1]?.text ?? '');
  if (isPlainDefault(value) && (!isLarge || first.text === 'NULL')) return column;
  const end = last.at + last.text.length;
  return `${column.slice(0, first.at)}(${column.slice(first.at, end)})${column.slice(end)}`;
}

function topLevel(tokens: readonly Token[], words: readonly string[]): number {
  let depth = 0;
  for (const [place, { kind, text }] of tokens.entries()) {
    if (text === '(') depth += 1;
    if (text === ')') depth -= 1;
    if (depth === 0 && kind === 'word' && words.includes(text.toUpperCase())) return place;
  }
  return -1;
}

/** A literal, NULL, or the time of now. */
function isPlainDefault(value: readonly Token[]): boolean {
  if (value[0]?.kind === 'text') return value.length === 1;
  const text = value.map((token) => token.text).join('');
  return /^(?:-?[\d.]+(?:e[-+]?\d+)?|null|b'[01]*'|x'[0-9a-f]*'|current_timestamp(?:\(\d*\))?)$/i.test(text);
}
