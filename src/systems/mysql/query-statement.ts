import type { TableName } from '../../model/catalog.ts';

/** What a statement in the binlog is about, as far as a stream must know it. Names only: no literal of it is kept. */
export type LoggedStatement =
  | { readonly kind: 'begin' | 'commit' | 'rollback' | 'rollbackToSavepoint' | 'savepoint' | 'xa' | 'xaRollback' }
  /** It changed rows, and those are not told. `table` where it is a DELETE of all rows, which servers write of tables in memory after a restart. */
  | { readonly kind: 'rows'; readonly table: TableName | undefined }
  | { readonly kind: 'truncate'; readonly table: TableName }
  | SchemaStatement
  /** Accounts, upkeep, temporary tables: no row and no column that a stream carries. */
  | { readonly kind: 'other' };

export interface SchemaStatement {
  readonly kind: 'schema';
  /** `ALTER TABLE`. */
  readonly command: string;
  readonly tables: readonly TableName[];
  /** For a person: `table shop.orders`, `database shop`. */
  readonly objects: readonly string[];
  /** Rows were computed anew, or came or went, without being told. */
  readonly computesRows: boolean;
}

/** `schema` is the default one of the statement's session. */
export function readStatement(sql: Buffer, schema: string): LoggedStatement {
  return new Statement(tokensOf(sql.toString('utf8')), schema).read();
}

const other: LoggedStatement = Object.freeze({ kind: 'other' });
const rowsOfSome: LoggedStatement = Object.freeze({ kind: 'rows', table: undefined });

/** Words that begin what touches no row and no column of a table: everything else that is not understood counts as a change of rows. */
const harmless = new Set(
  'ANALYZE OPTIMIZE REPAIR CHECK CACHE FLUSH GRANT REVOKE SET INSTALL UNINSTALL RESET PURGE CHANGE START STOP SHUTDOWN KILL COMMENT LOCK UNLOCK'.split(
    ' ',
  ),
);

/** What ALTER TABLE writes anew or takes away without a row of it in the log. */
const computing = new Set(['MODIFY', 'CHANGE', 'CONVERT', 'PARTITION', 'IMPORT', 'DISCARD']);

const objectWords = new Set([
  ...'TABLE INDEX VIEW TRIGGER PROCEDURE FUNCTION EVENT DATABASE SCHEMA SEQUENCE PACKAGE'.split(' '),
  ...'USER ROLE SERVER TABLESPACE LOGFILE UNDO RESOURCE SPATIAL_REFERENCE_SYSTEM INSTANCE'.split(' '),
]);

interface Token {
  /** `quoted` is a name in quotes; `text` a literal, whose value is not kept. */
  readonly kind: 'word' | 'quoted' | 'text' | 'sign';
  readonly text: string;
}

class Statement {
  readonly #tokens: Iterator<Token>;
  readonly #schema: string;
  #at: Token | undefined;

  constructor(tokens: Iterator<Token>, schema: string) {
    this.#tokens = tokens;
    this.#schema = schema;
    this.#next();
  }

  read(): LoggedStatement {
    const first = this.#takeWord();
    switch (first) {
      case 'BEGIN':
        return { kind: 'begin' };
      case 'COMMIT':
        return { kind: 'commit' };
      case 'ROLLBACK':
        return { kind: this.#skip('WORK') || this.#at === undefined ? 'rollback' : 'rollbackToSavepoint' };
      case 'SAVEPOINT':
      case 'RELEASE':
        return { kind: 'savepoint' };
      case 'XA':
        return { kind: this.#takeWord() === 'ROLLBACK' ? 'xaRollback' : 'xa' };
      case 'TRUNCATE':
        this.#skip('TABLE');
        return this.#about((table) => ({ kind: 'truncate', table }));
      case 'DELETE':
        return this.#readDelete();
      case 'CREATE':
      case 'ALTER':
      case 'DROP':
      case 'RENAME':
        return this.#readSchema(first);
      case 'SET':
        return this.#readSet();
      default:
        return harmless.has(first) ? other : rowsOfSome;
    }
  }

  /** MariaDB: SET STATEMENT variable = value, … FOR the statement itself. */
  #readSet(): LoggedStatement {
    if (!this.#skip('STATEMENT')) return other;
    while (this.#at !== undefined && !this.#skip('FOR')) this.#next();
    return this.read();
  }

  #readDelete(): LoggedStatement {
    if (!this.#skip('FROM')) return rowsOfSome;
    return this.#about((table) => (this.#at === undefined ? { kind: 'rows', table } : rowsOfSome));
  }

  #readSchema(verb: string): LoggedStatement {
    let isTemporary = false;
    let object = this.#takeWord();
    while (!objectWords.has(object) && this.#at !== undefined) {
      isTemporary ||= object === 'TEMPORARY';
      object = this.#takeWord();
    }
    if (isTemporary) return other;
    const command = `${verb} ${object}`;
    switch (object) {
      case 'TABLE':
        return this.#readTable(verb, command);
      case 'VIEW':
        this.#skipCondition();
        return this.#schemaOf(command, 'view', this.#list(), false);
      case 'INDEX':
      case 'TRIGGER':
        return this.#readOn(command);
      case 'DATABASE':
      case 'SCHEMA':
        this.#skipCondition();
        return {
          kind: 'schema',
          command: `${verb} DATABASE`,
          tables: [],
          objects: [`database ${this.#isName() ? this.#takeName() : this.#schema}`],
          computesRows: false,
        };
      default:
        return other;
    }
  }

  #readTable(verb: string, command: string): LoggedStatement {
    this.#skipCondition();
    if (verb === 'DROP') return this.#schemaOf(command, 'table', this.#list(), false);
    if (verb === 'RENAME') return this.#schemaOf(command, 'table', this.#renames(), false);
    return this.#about((table) => {
      if (verb === 'CREATE') return this.#schemaOf(command, 'table', [table], false);
      const { more, computesRows } = this.#readAlterations();
      return this.#schemaOf(command, 'table', [table, ...more], computesRows);
    });
  }

  /** Other tables that it names, and whether it computes rows. */
  #readAlterations(): { readonly more: readonly TableName[]; readonly computesRows: boolean } {
    const more: TableName[] = [];
    let computesRows = false;
    while (this.#at !== undefined) {
      const word = this.#takeWord();
      if (computing.has(word)) computesRows = true;
      if (word === 'WITH' && this.#skip('TABLE') && this.#isName()) more.push(this.#takeTable());
      if (word !== 'RENAME' || ['COLUMN', 'INDEX', 'KEY'].includes(this.#word())) continue;
      if (!this.#skip('TO')) this.#skip('AS');
      if (this.#isName()) more.push(this.#takeTable());
    }
    return { more, computesRows };
  }

  /** CREATE INDEX i ON t, DROP INDEX i ON t, CREATE TRIGGER g … ON t. DROP TRIGGER names no table. */
  #readOn(command: string): LoggedStatement {
    while (this.#at !== undefined) {
      if (this.#skip('ON')) return this.#about((table) => this.#schemaOf(command, 'table', [table], false));
      this.#next();
    }
    return other;
  }

  #renames(): readonly TableName[] {
    const names: TableName[] = [];
    while (this.#isName()) {
      names.push(this.#takeTable());
      while (this.#at !== undefined && !this.#skip('TO')) this.#next();
      if (this.#isName()) names.push(this.#takeTable());
      while (this.#at !== undefined && this.#at.text !== ',') this.#next();
      this.#next();
    }
    return names;
  }

  #list(): readonly TableName[] {
    const names: TableName[] = [];
    while (this.#isName()) {
      names.push(this.#takeTable());
      if (this.#at?.text !== ',') break;
      this.#next();
    }
    return names;
  }

  #schemaOf(command: string, what: string, tables: readonly TableName[], computesRows: boolean): SchemaStatement {
    const objects = tables.map(({ schema, name }) => `${what} ${schema}.${name}`);
    return { kind: 'schema', command, tables, objects, computesRows };
  }

  #about(make: (table: TableName) => LoggedStatement): LoggedStatement {
    return this.#isName() ? make(this.#takeTable()) : rowsOfSome;
  }

  /** IF EXISTS, IF NOT EXISTS. */
  #skipCondition(): void {
    if (!this.#skip('IF')) return;
    this.#skip('NOT');
    this.#skip('EXISTS');
  }

  #takeTable(): TableName {
    const first = this.#takeName();
    if (this.#at?.text !== '.' || this.#at.kind !== 'sign') return { schema: this.#schema, name: first };
    this.#next();
    return { schema: first, name: this.#takeName() };
  }

  #isName(): boolean {
    return this.#at?.kind === 'word' || this.#at?.kind === 'quoted';
  }

  #takeName(): string {
    const name = this.#at?.text ?? '';
    this.#next();
    return name;
  }

  /** The word at hand, in capitals; empty for anything else. */
  #word(): string {
    return this.#at?.kind === 'word' ? this.#at.text.toUpperCase() : '';
  }

  #takeWord(): string {
    const word = this.#word();
    this.#next();
    return word;
  }

  #skip(word: string): boolean {
    if (this.#word() !== word) return false;
    this.#next();
    return true;
  }

  #next(): void {
    const { done, value } = this.#tokens.next() as IteratorResult<Token, undefined>;
    this.#at = done === true ? undefined : value;
  }
}

/**
 * White space and comments; the frame of a comment that servers execute (its inside counts); then names in quotes, literals, words, signs. A double
 * quote may begin either: where a name is expected it is one.
 */
const pattern = new RegExp(
  [
    String.raw`(?<nothing>\s+|#[^\n]*|--(?=\s)[^\n]*|/\*(?!M?!)[\s\S]*?\*/|/\*M?!\d*|\*/)`,
    String.raw`\x60(?<name>(?:[^\x60]|\x60\x60)*)\x60`,
    String.raw`"(?<either>(?:[^"\\]|""|\\[\s\S])*)"`,
    String.raw`(?<text>'(?:[^'\\]|''|\\[\s\S])*')`,
    String.raw`(?<word>[\w$\u0080-\uffff]+)`,
    String.raw`(?<sign>[\s\S])`,
  ].join('|'),
  'gu',
);

function* tokensOf(sql: string): Generator<Token, undefined, void> {
  for (const { groups = {} } of sql.matchAll(pattern)) {
    const { nothing, name, either, text, word, sign } = groups;
    if (nothing !== undefined) continue;
    if (name !== undefined) yield { kind: 'quoted', text: name.replaceAll('``', '`') };
    else if (either !== undefined) yield { kind: 'quoted', text: either.replaceAll('""', '"') };
    else if (text !== undefined) yield { kind: 'text', text: '' };
    else if (word !== undefined) yield { kind: 'word', text: word };
    else if (sign !== undefined && sign !== ';') yield { kind: 'sign', text: sign };
  }
  return undefined;
}
