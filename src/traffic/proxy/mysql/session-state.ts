import { TealError } from '../../../kernel/errors.ts';
import { fieldType } from '../../../wire/mysql/binary-values.ts';
import { command, encodeInitDb } from '../../../wire/mysql/commands.ts';
import type { MysqlLink, Reply, Row } from './link.ts';

/** One thing that another backend is told, so that it answers as this one does. ASCII, but for the client's own texts. */
export interface StatePart {
  /** Without values: what a person is told when it cannot be set. */
  readonly what: string;
  readonly sql: Buffer;
  /** With another value it can be set again; what is only present or absent cannot be taken back. */
  readonly settable: boolean;
}

/**
 * The state of a session that its backend holds, asked of that backend at a boundary (correctness.md §3.6). Text is asked for in hexadecimal digits: what
 * `character_set_results` and `sql_mode` are changes nothing then.
 */
export interface SessionState {
  readonly database: Buffer | undefined;
  /** As `current_role()` tells: MySQL lists them as SET ROLE takes them, MariaDB names one; NONE or empty without. */
  readonly role: string;
  readonly parts: readonly StatePart[];
  /** Of the parts: system variables that the session has set, by name. */
  readonly variables: ReadonlyMap<string, StatePart>;
  /** Why the session cannot change its backend, as the server tells. */
  readonly pins: readonly string[];
}

export const pristine: SessionState = Object.freeze({
  database: undefined,
  role: '',
  parts: [],
  variables: new Map(),
  pins: [],
});

/** Of a session that nobody has changed since it logged in. */
export function asLoggedIn({ database }: { readonly database: string | undefined }): SessionState {
  return { ...pristine, database: database === undefined ? undefined : Buffer.from(database, 'utf8') };
}

/** What is known of a session from what passed. */
export interface KnownOfSession {
  /** Names in lower case; used where the server lists none. */
  readonly userVariables: readonly string[];
  /** Names of locks that it may hold. */
  readonly userLocks: readonly string[];
  readonly sqlPrepared: readonly { readonly name: string; readonly sql: Buffer }[];
}

/** Of the session itself: who it is, where it is, what time it is; or said with others; or Teal's own. */
const notCarried: ReadonlySet<string> = new Set([
  'pseudo_thread_id',
  'last_insert_id',
  'identity',
  'insert_id',
  'timestamp',
  'rand_seed1',
  'rand_seed2',
  'warning_count',
  'error_count',
  'external_user',
  'proxy_user',
  'in_transaction',
  'last_gtid',
  'gtid_next',
  'gtid_executed',
  'gtid_owned',
  'gtid_purged',
  'statement_id',
  'character_set_client',
  'character_set_results',
  'character_set_connection',
  'collation_connection',
  'character_set_database',
  'collation_database',
  'sql_mode',
  'wait_timeout',
  'autocommit',
  'max_allowed_packet',
  'net_buffer_length',
  'session_track_state_change',
  'session_track_transaction_info',
  'session_track_schema',
]);

// With a LIMIT of its own, the session's sql_select_limit does not shorten the answer.
const allRows = 'limit 100000';

/** What the session has set otherwise than the server, and what it had set before, whatever the server has now. Names were told by a server. */
function variablesSql(flavour: 'mysql' | 'mariadb', before: readonly string[]): string {
  const again = before.length === 0 ? '' : `or s.variable_name in (${before.map((name) => `'${name}'`).join(', ')})`;
  if (flavour === 'mariadb') {
    return `select s.variable_name, hex(convert(s.session_value using utf8mb4)) from information_schema.system_variables s
      where s.variable_scope = 'SESSION' and s.read_only = 'NO'
        and (not (cast(s.session_value as binary) <=> cast(s.global_value as binary)) ${again}) ${allRows}`;
  }
  return `select s.variable_name, hex(convert(s.variable_value using utf8mb4)) from performance_schema.session_variables s
    join performance_schema.global_variables g on g.variable_name = s.variable_name
    where not (cast(s.variable_value as binary) <=> cast(g.variable_value as binary)) ${again} ${allRows}`;
}

/** What a login sets by its own flags, so that a new one need not have what is the server's default. */
const loginVariables = ['sql_mode', 'wait_timeout', 'autocommit'] as const;
const placeSql = `select hex(convert(database() using utf8mb4)), @@character_set_client, hex(@@character_set_results), @@collation_connection, @@last_insert_id,
  @@session.sql_log_bin, if(abs(@@timestamp - unix_timestamp(sysdate(6))) > 2, @@timestamp, ''), hex(convert(current_role() using utf8mb4)),
  ${loginVariables.map((name) => `@@session.${name}, @@session.${name} <=> @@global.${name}`).join(', ')} ${allRows}`;
const variableNamesSql = `select hex(variable_name) from information_schema.user_variables ${allRows}`;
const namePattern = /^[a-z0-9_]+$/i;
const userVariablesAtOnce = 50;
/** Said in twice as many digits, it has to fit into one packet of the next server. */
const userVariableBytes = 1 << 20;
const setAtOnceBytes = 1 << 20;
/** A variable of the server, or one that cannot be set: what differed was the server's own at two moments, for no session could have set it. */
const notOfSessions: ReadonlySet<number> = new Set([1229, 1238, 1621]);

/**
 * `before`: what was read last; `variablesChanged`: system variables may have changed since. To list them costs more than all the rest. Errors: TEAL-TRAFFIC-008. What the server refuses to
 * tell is a pin.
 */
export async function readState(
  link: MysqlLink,
  known: KnownOfSession,
  before: SessionState,
  variablesChanged: boolean,
): Promise<SessionState> {
  const pins: string[] = [];
  const ask = async (sql: string): Promise<Reply> => {
    const reply = await link.query(sql);
    if (reply.error !== undefined) pins.push(`its state cannot be read (${reply.error.code})`);
    return reply;
  };
  const place = (await ask(placeSql)).rows[0] ?? [];
  const [database, client, results, connection, lastInsertId, logsBinary, fixedTime, role, ...login] =
    place.map(asText);
  const variables = variablesChanged ? await readVariables(link, before, ask) : before.variables;
  const locks = await askForLocks(ask, known.userLocks);
  const users = await readUserVariables(link, known, ask);
  if (!variables) pins.push('its character_set_results cannot be read');
  const parts: StatePart[] = [
    ...charsetParts(client ?? '', results ?? '', connection ?? ''),
    ...loginParts(login),
    ...(variables?.values() ?? []),
    ...users.parts,
    ...(logsBinary === '0' ? [settable('setting sql_log_bin', 'set @@session.sql_log_bin = 0')] : []),
    ...(fixedTime === undefined || fixedTime === ''
      ? []
      : [settable('setting timestamp', `set @@session.timestamp = ${numberOf(fixedTime)}`)]),
    ...(lastInsertId === undefined || lastInsertId === ''
      ? []
      : [settable('LAST_INSERT_ID', `set @@session.last_insert_id = ${numberOf(lastInsertId)}`)]),
    ...known.sqlPrepared.map(({ name, sql }) => ({ what: `prepared statement ${name}`, sql, settable: false })),
  ];
  return {
    database: database === undefined || database === '' ? undefined : Buffer.from(database, 'hex'),
    role: textOf(role ?? ''),
    parts,
    variables: variables ?? new Map(),
    pins: [...new Set([...pins, ...locks, ...users.pins])],
  };
}

function namesOf({ variables }: SessionState): readonly string[] {
  const oldNames = Object.entries(renamed).flatMap(([old, name]) => (variables.has(name) ? [old] : []));
  return [...variables.keys(), ...oldNames];
}

/** Undefined: the answer is in a character set that is not understood. */
async function readVariables(
  link: MysqlLink,
  before: SessionState,
  ask: (sql: string) => Promise<Reply>,
): Promise<ReadonlyMap<string, StatePart> | undefined> {
  const { rows } = await ask(variablesSql(link.greeted.flavour, namesOf(before)));
  const named = rows.map((row) => {
    const name = asText(row[0] ?? null).toLowerCase();
    return [renamed[name] ?? name, row] as const;
  });
  if (!named.every(([name]) => namePattern.test(name))) return undefined;
  return new Map(named.filter(([name]) => !notCarried.has(name)).map(([name, row]) => [name, variablePart(name, row)]));
}

async function askForLocks(ask: (sql: string) => Promise<Reply>, names: readonly string[]): Promise<readonly string[]> {
  if (names.length === 0) return [];
  const held = names.map((name) => `coalesce(is_used_lock(${literal(name)}) = connection_id(), 0)`);
  const { rows } = await ask(`select ${held.join(' + ')} ${allRows}`);
  return asText(rows[0]?.[0] ?? null) === '0' ? [] : ['user lock (GET_LOCK)'];
}

async function readUserVariables(
  link: MysqlLink,
  known: KnownOfSession,
  ask: (sql: string) => Promise<Reply>,
): Promise<{ readonly parts: readonly StatePart[]; readonly pins: readonly string[] }> {
  const listed = link.greeted.flavour === 'mariadb' ? await link.query(variableNamesSql) : undefined;
  const names =
    listed === undefined || listed.error !== undefined
      ? known.userVariables
      : listed.rows.map(([name]) => Buffer.from(asText(name ?? null), 'hex').toString('utf8'));
  const strange = names.filter((name) => !/^[\x20-\x7e]+$/.test(name));
  if (strange.length > 0) return { parts: [], pins: ['user variable with a name that is not ASCII'] };
  const parts: StatePart[] = [];
  for (let at = 0; at < names.length; at += userVariablesAtOnce) {
    const some = names.slice(at, at + userVariablesAtOnce);
    const columns = some.map(
      (name) => `@${quoted(name)}, hex(@${quoted(name)}), charset(@${quoted(name)}), collation(@${quoted(name)})`,
    );
    const { rows, columns: described, error } = await ask(`select ${columns.join(', ')} ${allRows}`);
    if (error !== undefined) continue;
    const tooLong = rows[0]?.some((value) => value !== null && value.length > 2 * userVariableBytes) === true;
    if (tooLong) return { parts: [], pins: [`user variable of more than ${userVariableBytes >> 10} KiB`] };
    some.forEach((name, index) => {
      const part = userVariablePart(name, described[4 * index]?.type, rows[0]?.slice(4 * index, 4 * index + 4) ?? []);
      if (part !== undefined) parts.push(part);
    });
  }
  return { parts, pins: [] };
}

/** Its type is that of the column: what is a number there is compared and added as one. */
function userVariablePart(
  name: string,
  type: number | undefined,
  [value, hex, charset, collation]: Row,
): StatePart | undefined {
  if (value === null || value === undefined) return undefined;
  const what = 'a user variable';
  const set = (text: string): StatePart => settable(what, `set @${quoted(name)} = ${text}`);
  switch (type) {
    case fieldType.longlong:
    case fieldType.newDecimal:
      return set(numberOf(asText(value)));
    case fieldType.double: {
      const number = numberOf(asText(value));
      return set(/e/i.test(number) ? number : `${number}e0`);
    }
    default: {
      const digits = `x'${asText(hex ?? null)}'`;
      const [set_, order] = [asText(charset ?? null), asText(collation ?? null)];
      if (set_ === 'binary') return set(digits);
      if (!namePattern.test(set_) || !namePattern.test(order))
        throw new TealError('TEAL-KERNEL-001', 'a user variable without a character set');
      return set(`_${set_} ${digits} collate ${order}`);
    }
  }
}

function charsetParts(client: string, resultsHex: string, connection: string): readonly StatePart[] {
  if (!namePattern.test(client) || !namePattern.test(connection)) return [];
  const results = Buffer.from(resultsHex, 'hex').toString('latin1');
  return [
    settable('setting character_set_client', `set @@session.character_set_client = ${client}`),
    settable(
      'setting character_set_results',
      `set @@session.character_set_results = ${namePattern.test(results) ? results : 'null'}`,
    ),
    settable('setting collation_connection', `set @@session.collation_connection = ${connection}`),
  ];
}

/** Pairs of a value and whether it is the server's own: then the next server's own is meant. */
function loginParts(pairs: readonly string[]): readonly StatePart[] {
  return loginVariables.map((name, at) => {
    const value = pairs[2 * at + 1] === '1' ? `@@global.${name}` : literalOf(pairs[2 * at] ?? '');
    return settable(`setting ${name}`, `set @@session.${name} = ${value}`);
  });
}

/** Two names of one variable: MySQL 8 knows the second, MariaDB before 11.1 the first, later both. */
const renamed: Readonly<Record<string, string>> = {
  tx_isolation: 'transaction_isolation',
  tx_read_only: 'transaction_read_only',
};

function variablePart(name: string, [, hex]: Row): StatePart {
  const value =
    hex === null || hex === undefined ? 'null' : literalOf(Buffer.from(asText(hex), 'hex').toString('utf8'));
  return settable(`setting ${name}`, statementOf(name, value));
}

/** The variables of transactions are set by a statement that every server has. */
function statementOf(name: string, value: string): string {
  switch (name) {
    case 'transaction_isolation':
      return `set session transaction isolation level ${value.replaceAll("'", '').replaceAll('-', ' ')}`;
    case 'transaction_read_only':
      return `set session transaction ${/^'?(?:on|1)'?$/i.test(value) ? 'read only' : 'read write'}`;
    default:
      return `set @@session.${name} = ${value}`;
  }
}

function textOf(hex: string): string {
  return Buffer.from(hex, 'hex').toString('utf8');
}

/** Numbers as such, for a variable that is one takes no text; words in quotes. */
function literalOf(value: string): string {
  return /^-?\d+(?:\.\d+)?$/.test(value) ? value : literal(value);
}

function literal(value: string): string {
  return /^[\w ,.:+/-]*$/.test(value)
    ? `'${value}'`
    : `convert(x'${Buffer.from(value, 'utf8').toString('hex')}' using utf8mb4)`;
}

function numberOf(text: string): string {
  if (!/^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(text))
    throw new TealError('TEAL-KERNEL-001', 'a number of a session is none');
  return text;
}

function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

function settable(what: string, sql: string): StatePart {
  return { what, sql: Buffer.from(sql, 'utf8'), settable: true };
}

function asText(value: Buffer | null): string {
  return value?.toString('latin1') ?? '';
}

export function sameState(a: SessionState, b: SessionState): boolean {
  if (a === b) return true;
  if (a.parts.length !== b.parts.length || a.role !== b.role || !sameBytes(a.database, b.database)) return false;
  return a.parts.every((part, at) => part.sql.equals(b.parts[at]?.sql ?? Buffer.alloc(0)));
}

function sameBytes(a: Buffer | undefined, b: Buffer | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.equals(b);
}

/** Whether a backend that has one state can be given another by what the other says alone: nothing that was set goes back to a default. */
export function covers(next: SessionState, written: SessionState): boolean {
  if (written.database !== undefined && next.database === undefined) return false;
  const nameOf = ({ what, sql }: StatePart): string =>
    `${what} ${/^set (\S+)/.exec(sql.toString('latin1'))?.[1] ?? ''}`;
  const names = new Set(next.parts.map(nameOf));
  return written.parts.every((part) => part.settable && names.has(nameOf(part)));
}

/**
 * Puts the state into a backend, but for what it has been given already. Returns what could not be put there, without values; undefined when it now answers as the old one did.
 * Errors: TEAL-TRAFFIC-008.
 */
export async function writeState(
  link: MysqlLink,
  state: SessionState,
  written: SessionState | undefined,
): Promise<string | undefined> {
  const had = new Set(written?.parts.map(({ sql }) => sql.toString('latin1')));
  const role = await takeRole(link, state.role);
  if (role.failed !== undefined) return role.failed;
  if (state.database !== undefined && (role.taken || !sameBytes(state.database, written?.database))) {
    const { error } = await link.ask(encodeInitDb(state.database));
    if (error !== undefined) return `its database (${error.code})`;
  }
  const fresh = state.parts.filter(({ sql }) => !had.has(sql.toString('latin1'))).map((part) => saidTo(link, part));
  const rest = (await setAtOnce(link, fresh)) ? fresh.filter((part) => !isAssignment(part)) : fresh;
  for (const { what, sql } of rest) {
    const { error } = await link.ask(Buffer.concat([Buffer.of(command.query), sql]));
    if (error === undefined || (state.variables.has(what.replace('setting ', '')) && notOfSessions.has(error.code)))
      continue;
    return `${what} (${error.code})`;
  }
  return undefined;
}

/** MySQL 8 does not know a mode by which MariaDB does what MySQL does always. */
function saidTo(link: MysqlLink, part: StatePart): StatePart {
  if (link.greeted.flavour !== 'mysql' || part.what !== 'setting sql_mode') return part;
  return { ...part, sql: Buffer.from(part.sql.toString('latin1').replace(/NO_AUTO_CREATE_USER,?/, ''), 'latin1') };
}

function isAssignment({ sql }: StatePart): boolean {
  return sql.subarray(0, assignment.length).equals(assignment);
}

const assignment = Buffer.from('set @');

/** All in one statement; false when one of them is refused, and each has to be asked for by itself. */
async function setAtOnce(link: MysqlLink, parts: readonly StatePart[]): Promise<boolean> {
  const all = parts.filter(isAssignment).map(({ sql }) => sql.subarray('set '.length).toString('latin1'));
  if (all.length === 0) return true;
  if (all.reduce((sum, { length }) => sum + length, 0) > setAtOnceBytes) return false;
  const { error } = await link.ask(Buffer.from(`${String.fromCharCode(command.query)}set ${all.join(', ')}`, 'latin1'));
  return error === undefined;
}

/** SET ROLE only where it changes something: in MySQL it takes away what the account may do in the default database, until that is chosen again. */
async function takeRole(link: MysqlLink, role: string): Promise<{ readonly taken: boolean; readonly failed?: string }> {
  const { rows } = await link.query(`select hex(convert(current_role() using utf8mb4)) ${allRows}`);
  if (textOf(asText(rows[0]?.[0] ?? null)) === role) return { taken: false };
  const name = role === '' ? 'none' : link.greeted.flavour === 'mysql' ? role : quoted(role);
  const { error } = await link.query(`set role ${name}`);
  return error === undefined ? { taken: true } : { taken: true, failed: `its role (${error.code})` };
}
