import type { TableName } from '../../../model/catalog.ts';

/** What one line of SHOW GRANTS gives, or takes back (MySQL: partial revokes). */
interface Grant {
  readonly takes: boolean;
  readonly privileges: ReadonlySet<string>;
  /** A pattern for databases (`%`, `_`, with a backslash the sign itself); undefined: all of them. */
  readonly database?: string;
  readonly table?: string;
}

/** What an account may do, its active roles included. */
export interface Grants {
  /** For the whole server. One of `privileges` is enough. */
  hasGlobal(...privileges: readonly string[]): boolean;
  hasOnDatabase(database: string, privilege: string): boolean;
  hasOnTable(table: TableName, privilege: string): boolean;
}

/** Privileges on single columns do not count as the table's; those of routines and proxies are passed over. */
export function parseGrants(lines: readonly string[]): Grants {
  const all = lines.flatMap(parseLine);
  const ofDatabase = (database: string): readonly Grant[] =>
    all.filter((grant) => grant.table === undefined && covers(grant, database));
  const gives = (grants: readonly Grant[], privilege: string): boolean =>
    grants.some((grant) => !grant.takes && holds(grant, privilege)) &&
    !grants.some((grant) => grant.takes && holds(grant, privilege));
  const global = all.filter((grant) => grant.database === undefined);
  return {
    hasGlobal: (...privileges) => privileges.some((privilege) => gives(global, privilege)),
    hasOnDatabase: (database, privilege) => gives(ofDatabase(database), privilege),
    hasOnTable: ({ schema, name }, privilege) =>
      gives(ofDatabase(schema), privilege) ||
      all.some((grant) => grant.table === name && grant.database === schema && holds(grant, privilege)),
  };
}

function holds({ privileges }: Grant, privilege: string): boolean {
  return privileges.has(privilege) || (privileges.has('ALL PRIVILEGES') && privilege !== 'PROXY');
}

function covers({ database }: Grant, name: string): boolean {
  if (database === undefined) return true;
  const pattern = database.replace(/\\(.)|([%_])|(.)/gs, (_, taken?: string, sign?: string, plain?: string) =>
    sign === undefined ? RegExp.escape(taken ?? plain ?? '') : sign === '%' ? '.*' : '.',
  );
  return new RegExp(`^${pattern}$`, 's').test(name);
}

const name = '(?:`(?:[^`]|``)*`|"(?:[^"]|"")*"|[^\\s.`"]+)';
const grantLine = new RegExp(`^(GRANT|REVOKE) (.+?) ON (?:TABLE )?(\\*|${name})\\.(\\*|${name}) (?:TO|FROM) `, 's');

function parseLine(line: string): readonly Grant[] {
  const match = grantLine.exec(line);
  if (match === null) return [];
  const [, verb, listed = '', database = '*', table = '*'] = match;
  // `SELECT (`a`, `b`), INSERT`: what stands in brackets is a privilege on columns.
  const privileges = [...listed.matchAll(/([A-Z][A-Z_ ]*[A-Z])( \([^)]*\))?/g)].flatMap(([, words = '', columns]) =>
    columns === undefined ? [words] : [],
  );
  return [
    {
      takes: verb === 'REVOKE',
      privileges: new Set(privileges),
      ...(database === '*' ? {} : { database: unquoted(database) }),
      ...(table === '*' ? {} : { table: unquoted(table) }),
    },
  ];
}

function unquoted(text: string): string {
  const sign = text.charAt(0);
  return sign === '`' || sign === '"' ? text.slice(1, -1).replaceAll(sign + sign, sign) : text;
}
