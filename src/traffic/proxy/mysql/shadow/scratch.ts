import { randomBytes } from 'node:crypto';
import { describeError, isTealError, TealError } from '../../../../kernel/errors.ts';
import type { MysqlDesk } from '../desk.ts';
import type { MysqlCredential } from '../connector.ts';
import { namesAnother, namesAsSaid, nameOf } from './databases.ts';
import { tokensOf } from './tokens.ts';

/** A copy of the tables of one database, on the server of green, in which writes are tried. */
export interface ScratchFacts {
  readonly database: string;
  /** The database of blue that it is a copy of. */
  readonly copyOf: string;
  /** All of both servers, as statements may name them. */
  readonly databases: ReadonlySet<string>;
}

/** Who writes there. Secret. */
export interface ScratchAccount {
  readonly user: string;
  readonly credential: MysqlCredential;
}

export type ScratchDesk = Pick<MysqlDesk, 'rows' | 'greeted'>;

const ofServer = new Set(['information_schema', 'performance_schema', 'mysql', 'sys', 'teal', 'ndbinfo']);
/** Whose tables are nowhere else. */
const engines = ['InnoDB', 'MyISAM', 'Aria', 'MEMORY', 'ARCHIVE', 'CSV', 'BLACKHOLE', 'ROCKSDB', 'TokuDB'];
const namedAtMost = 10;

/**
 * Looks whether writes may be committed there: it is no side, and nothing in it leads out of it. What a trigger, a view or a function does is in its text, for none of them can run a statement that is put together
 * at run time. Errors: TEAL-TRAFFIC-140 to -142, those of the desks.
 */
export async function inspectScratch(blue: ScratchDesk, green: ScratchDesk, database: string): Promise<ScratchFacts> {
  const [ofBlue, ofGreen] = [await databasesOf(blue), await databasesOf(green)];
  const has = (names: readonly string[]): boolean =>
    names.some((name) => name.toLowerCase() === database.toLowerCase());
  if (ofServer.has(database.toLowerCase())) throw wrong(database, 'is of the server itself');
  if (has(ofBlue)) throw wrong(database, 'is the name of a database of blue too: it is a side, or will be one');
  if (!has(ofGreen)) throw wrong(database, 'is not there');
  const databases = namesAsSaid([...ofBlue, ...ofGreen, ...ofServer]);
  const leading = await leadingOut(green, database, databases);
  if (leading.length > 0) {
    const named = leading.slice(0, namedAtMost);
    throw new TealError('TEAL-TRAFFIC-141', named.join('; '), { database, objects: leading.length, named });
  }
  return { database, copyOf: await originOf(blue, green, database), databases };
}

/**
 * Makes the account that writes in the copy, and may do nothing elsewhere but pass `read_only`, which closes the server of green, and write to no log. It is in no log itself, where Teal may leave it out. Errors: TEAL-TRAFFIC-143.
 */
export async function makeScratchAccount(green: ScratchDesk, database: string, user: string): Promise<ScratchAccount> {
  // Each kind of character: a server may ask for them.
  const password = `aA1!${randomBytes(24).toString('base64url')}`;
  const { flavour, version } = await green.greeted();
  const passing = privilegesOf(flavour, version);
  const account = `'${user}'@'%'`;
  const tables = `${await grantee(green, flavour, database)}.*`;
  await leaveOutOfLog(green);
  try {
    await green.rows(`drop user if exists ${account}`);
    await green.rows(`create user ${account} identified by '${password}'`);
    // Who may not give this away is not shown all triggers.
    await green.rows(`grant trigger on ${tables} to ${account}`);
    await green.rows(`revoke trigger on ${tables} from ${account}`);
    await green.rows(`grant select, insert, update, delete, execute on ${tables} to ${account}`);
    await green.rows(`grant ${passing} on *.* to ${account}`);
  } catch (error) {
    if (!isTealError(error, 'TEAL-TRAFFIC-003')) throw error;
    const why = `the account of Teal on green may not make ${account} and give it ${passing}`;
    throw new TealError('TEAL-TRAFFIC-143', why, { database }, error);
  }
  return { user, credential: { kind: 'password', password } };
}

/** Never throws: what cannot be dropped is said. */
export async function dropScratchAccount(
  green: ScratchDesk,
  user: string,
  log: (event: string, facts: Readonly<Record<string, unknown>>) => void,
): Promise<void> {
  try {
    await leaveOutOfLog(green);
    await green.rows(`drop user if exists '${user}'@'%'`);
  } catch (error) {
    log('the account of shadow writes stays on green', { account: user, because: describeError(error) });
  }
}

/** Who may not has the account on replicas too: it may do no more there. */
async function leaveOutOfLog(green: ScratchDesk): Promise<void> {
  await green.rows('set session sql_log_bin = 0').catch((error: unknown) => {
    if (!isTealError(error, 'TEAL-TRAFFIC-003')) throw error;
  });
}

/** To pass `read_only`, and to leave out of the log what is tried. */
function privilegesOf(flavour: 'mysql' | 'mariadb', version: string): string {
  const [major = 0, minor = 0] = version
    .replace(/^5\.5\.5-/, '')
    .split('.')
    .map(Number);
  if (flavour === 'mysql') return major >= 8 ? 'connection_admin, session_variables_admin' : 'super';
  return major > 10 || (major === 10 && minor >= 5) ? 'read_only admin, binlog admin' : 'super';
}

/** In GRANT `_` and `%` stand for other letters, but on a MySQL with partial revokes. */
async function grantee(green: ScratchDesk, flavour: 'mysql' | 'mariadb', database: string): Promise<string> {
  const name = database.replaceAll('`', '``');
  const [row] = flavour === 'mysql' ? await green.rows(`show variables like 'partial\\_revokes'`) : [];
  return row?.[1] === 'ON' ? `\`${name}\`` : `\`${name.replace(/[\\_%]/g, '\\$&')}\``;
}

async function databasesOf(desk: ScratchDesk): Promise<readonly string[]> {
  return (await desk.rows('select schema_name from information_schema.schemata')).map(([name]) => name ?? '');
}

function literal(text: string): string {
  return `convert(x'${Buffer.from(text, 'utf8').toString('hex')}' using utf8mb4)`;
}

/** Sentences. */
async function leadingOut(
  green: ScratchDesk,
  database: string,
  databases: ReadonlySet<string>,
): Promise<readonly string[]> {
  const name = literal(database);
  const others = new Set([...databases].filter((each) => !namesAsSaid([database]).has(each)));
  const texts = await green.rows(
    `select 'trigger', trigger_name, action_statement from information_schema.triggers where trigger_schema = ${name}
     union all select 'view', table_name, view_definition from information_schema.views where table_schema = ${name}
     union all select lower(routine_type), routine_name, routine_definition from information_schema.routines where routine_schema = ${name}`,
  );
  const loaded = new Set((await green.rows('select lower(name) from mysql.func')).map(([each]) => each ?? ''));
  const linked = await green.rows(
    `select 'foreign key', constraint_name from information_schema.referential_constraints
       where (constraint_schema = ${name}) <> (unique_constraint_schema = ${name})
     union all select 'table', table_name from information_schema.tables
       where table_schema = ${name} and table_type = 'BASE TABLE' and engine not in (${engines.map((each) => `'${each}'`).join(', ')})`,
  );
  return [
    ...texts.flatMap(([kind, object, text]) => {
      const why = whyLeadsOut(text ?? '', others, loaded);
      return why === undefined ? [] : [`${kind} ${object} ${why}`];
    }),
    ...linked.map(([kind, object]) =>
      kind === 'table'
        ? `table ${object} is of an engine whose rows may be elsewhere`
        : `${kind} ${object} leads to another database`,
    ),
  ];
}

function whyLeadsOut(text: string, others: ReadonlySet<string>, loaded: ReadonlySet<string>): string | undefined {
  const tokens = text === '' ? undefined : tokensOf(Buffer.from(text, 'utf8').toString('latin1'));
  if (tokens === undefined) return 'has a text that cannot be read';
  if (namesAnother(tokens, others)) return 'names another database';
  return tokens.some((token, at) => tokens[at + 1]?.text === '(' && loaded.has(nameOf(token)))
    ? 'calls a loaded function, which may do anything'
    : undefined;
}

/** The one database of blue that has all of its tables. */
async function originOf(blue: ScratchDesk, green: ScratchDesk, database: string): Promise<string> {
  const tablesOf = `select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE'`;
  const copied = await green.rows(`${tablesOf} and table_schema = ${literal(database)}`);
  const names = copied.map(([, table]) => (table ?? '').toLowerCase());
  const bySchema = Map.groupBy(await blue.rows(tablesOf), ([schema]) => schema ?? '');
  const origins = [...bySchema].filter(([schema, rows]) => {
    const there = new Set(rows.map(([, table]) => (table ?? '').toLowerCase()));
    return !ofServer.has(schema.toLowerCase()) && names.every((table) => there.has(table));
  });
  const [only] = origins;
  if (names.length > 0 && origins.length === 1 && only !== undefined) return only[0];
  const found = origins.map(([schema]) => schema).slice(0, namedAtMost);
  const why =
    names.length === 0
      ? `${database} has no tables`
      : found.length === 0
        ? `no database of blue has all ${names.length} tables of ${database}`
        : `${found.join(', ')} of blue all have the tables of ${database}`;
  throw new TealError('TEAL-TRAFFIC-142', why, { database });
}

function wrong(database: string, why: string): TealError {
  return new TealError('TEAL-TRAFFIC-140', `${database} ${why}`, { database });
}
