import { TealError } from '../../kernel/errors.ts';
import type { TableName } from '../../model/catalog.ts';
import { parseAddress as parseMysqlAddress } from '../../systems/mysql/address.ts';

export type OutboxSystem = 'postgres' | 'mysql';

/** By the address of its database. TEAL-OUTBOX-002. */
export function outboxSystemOf(url: string): OutboxSystem {
  if (/^postgres(ql)?:/.test(url)) return 'postgres';
  if (/^(mysql|mariadb):/.test(url)) return 'mysql';
  throw wrong('the address of the outbox begins with postgres:// or mysql://');
}

/** `schema.name`, or a name in schema `public` or in the database of a MySQL address. */
export function tableOf(url: string, text: string): TableName {
  const [first = '', second, ...more] = text.split('.');
  if (more.length > 0 || first === '' || second === '') throw wrong('a table is named as schema.name');
  if (second !== undefined) return { schema: first, name: second };
  if (outboxSystemOf(url) === 'postgres') return { schema: 'public', name: first };
  const { database } = parseMysqlAddress(url);
  if (database === undefined) throw wrong('the address names no database: name the table as database.name');
  return { schema: database, name: first };
}

export function wrong(what: string): TealError {
  return new TealError('TEAL-OUTBOX-002', what);
}

const variable = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** `${NAME}` in an option stands for the variable: a secret on a command line is seen by everybody on the machine. What `refuse` makes is thrown when it is not set: TEAL-OUTBOX-002. */
export function expand(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
  refuse: (what: string) => TealError = wrong,
): string {
  return text.replace(variable, (_, name: string) => {
    const value = env[name];
    if (value === undefined || value === '') throw refuse(`the environment has no ${name}`);
    return value;
  });
}
