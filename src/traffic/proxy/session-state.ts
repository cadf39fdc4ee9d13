import { TealError } from '../../kernel/errors.ts';
import { encodeBind, encodeExecute, encodeParse, encodeQuery, encodeSync } from '../../wire/postgres/frontend.ts';
import type { BackendLink, Row } from './backend-link.ts';

/**
 * The state of a session that its backend holds, asked of that backend at a boundary, and put into another one (correctness.md §3.6). Values stay
 * bytes in the client's encoding, from the row that names them to the parameter that sets them.
 */
export interface SessionState {
  readonly rows: readonly Row[];
  /** Why the session cannot change its backend. */
  readonly pins: readonly string[];
  readonly listens: boolean;
}

export const pristine: SessionState = Object.freeze({ rows: [], pins: [], listens: false });

/** Set by a transaction for itself, whatever their source says. */
const notCarried = `'transaction_isolation', 'transaction_read_only', 'transaction_deferrable'`;

/**
 * One message of several small statements, on the functions below the catalog's views: a union of them, or the views, cost twice as much, for they
 * are planned anew for each session. Names come checked against a pattern of letters, digits, `_`, `$` and `.`, so they can stand in quotes.
 */
export function stateQuery(customNames: readonly string[]): Buffer {
  const custom = `array['${customNames.join("','")}']::text[]`;
  const own = customNames.length > 0;
  const statements = [
    `select case source when 'session' then 'setting' else 'listed' end, name, setting from pg_catalog.pg_show_all_settings()
       where source = 'session' and name not in (${notCarried})${own ? ` or name = any (${custom})` : ''}`,
    ...(own ? [`select 'custom', n, pg_catalog.current_setting(n, true) from pg_catalog.unnest(${custom}) as n`] : []),
    `select 'authorization', 'session_authorization', session_user::text`,
    `select 'role', 'role', pg_catalog.current_setting('role')`,
    `select 'prepared', name, statement from pg_catalog.pg_prepared_statement() where from_sql`,
    `select 'listen', c, 'listen ' || pg_catalog.quote_ident(c) from pg_catalog.pg_listening_channels() as c`,
    `select 'pin', 'temporary table', null where case when pg_catalog.pg_my_temp_schema() <> 0
       then exists (select from pg_catalog.pg_class where relnamespace = pg_catalog.pg_my_temp_schema()) end`,
    `select 'pin', 'cursor WITH HOLD', null from pg_catalog.pg_cursor() where is_holdable limit 1`,
    `select 'pin', 'session advisory lock', null from pg_catalog.pg_lock_status()
       where locktype = 'advisory' and pid = pg_catalog.pg_backend_pid() limit 1`,
  ];
  return encodeQuery(statements.join(';\n'));
}

export async function readState(
  link: BackendLink,
  user: string,
  customNames: readonly string[],
): Promise<SessionState> {
  const reply = await link.ask(stateQuery(customNames));
  if (reply.error !== undefined) {
    return { rows: [], pins: [`its state cannot be read (${reply.error.code})`], listens: false };
  }
  // What the server lists is no placeholder, whatever its name; a placeholder without value was never set here.
  const listed = new Set(reply.rows.filter((row) => isKind(row, 'setting', 'listed')).map(nameOf));
  const rows = reply.rows.filter((row) => !isDefault(row, user, listed));
  return {
    rows: rows.filter((row) => !isKind(row, 'pin', 'listed')),
    pins: rows.filter((row) => isKind(row, 'pin')).map(nameOf),
    listens: rows.some((row) => isKind(row, 'listen')),
  };
}

export function sameState(a: SessionState, b: SessionState): boolean {
  if (a.rows.length !== b.rows.length) return false;
  return a.rows.every((row, at) => row.every((value, column) => sameValue(value, b.rows[at]?.[column] ?? null)));
}

/** Reported parameters that say what the server is, not how the session is set: the client keeps the value that it saw first. */
export const stableParameters: ReadonlySet<string> = new Set([
  'server_version',
  'server_encoding',
  'integer_datetimes',
  'in_hot_standby',
  'default_transaction_read_only',
]);
/** Reported parameters that a session can set: where the new server's default differs, the client's value is set. */
const settable: ReadonlySet<string> = new Set([
  'client_encoding',
  'DateStyle',
  'IntervalStyle',
  'TimeZone',
  'standard_conforming_strings',
  'application_name',
  'search_path',
]);

/**
 * Puts the state into a backend that is fresh, or that a former state was put into (`reset`). Returns what could not be put there, without values;
 * undefined when the backend now answers as the old one did. Errors: TEAL-TRAFFIC-008.
 */
export async function writeState(
  link: BackendLink,
  state: SessionState,
  shown: ReadonlyMap<string, string>,
  reset: boolean,
): Promise<string | undefined> {
  if (reset) {
    const discarded = await link.ask(encodeQuery('discard all'));
    if (discarded.error !== undefined) return `DISCARD ALL (${discarded.error.code})`;
  }
  const commands = [...shownCommands(link, state, shown), ...stateCommands(state)];
  if (commands.length === 0) return undefined;
  const reply = await link.ask(Buffer.concat([...commands.map((command) => command.message), encodeSync()]));
  if (reply.error === undefined) return undefined;
  return `${commands[reply.commands]?.what ?? 'its state'} (${reply.error.code})`;
}

interface Command {
  readonly what: string;
  readonly message: Buffer;
}

function shownCommands(link: BackendLink, state: SessionState, shown: ReadonlyMap<string, string>): readonly Command[] {
  const own = new Set(state.rows.filter((row) => isKind(row, 'setting')).map(nameOf));
  return [...shown]
    .filter(([name, value]) => settable.has(name) && !own.has(name) && (link.parameters.get(name) ?? value) !== value)
    .map(([name, value]) => setCommand(name, Buffer.from(value, 'utf8')));
}

/** The encoding first: what follows is read in it. Role last, for it may take away the right to set the rest. */
function stateCommands(state: SessionState): readonly Command[] {
  const ordered = [...state.rows].sort((a, b) => rank(a) - rank(b));
  return ordered.map((row) => {
    const [, , value] = row;
    if (value === null || value === undefined) throw new TealError('TEAL-KERNEL-001', 'a state row without value');
    const name = nameOf(row);
    switch (kindOf(row)) {
      case 'prepared':
        // As one extended Parse: a text of several statements, of which PREPARE was one, is refused by the server and not run.
        return { what: `prepared statement ${name}`, message: runCommand(value) };
      case 'listen':
        return { what: `LISTEN ${name}`, message: runCommand(value) };
      default:
        return setCommand(name, value);
    }
  });
}

function setCommand(name: string, value: Buffer): Command {
  const parse = encodeParse('', 'select pg_catalog.set_config($1, $2, false)');
  return {
    what: `setting ${name}`,
    message: Buffer.concat([parse, encodeBind('', [Buffer.from(name, 'utf8'), value]), encodeExecute()]),
  };
}

function runCommand(sql: Buffer): Buffer {
  return Buffer.concat([encodeParse('', sql), encodeBind('', []), encodeExecute()]);
}

function rank(row: Row): number {
  const kind = kindOf(row);
  if (kind === 'setting' && nameOf(row) === 'client_encoding') return 0;
  return 1 + ['setting', 'custom', 'authorization', 'role', 'prepared', 'listen'].indexOf(kind);
}

function isDefault(row: Row, user: string, listed: ReadonlySet<string>): boolean {
  const [, , value = null] = row;
  switch (kindOf(row)) {
    case 'custom':
      return value === null || listed.has(nameOf(row));
    case 'role':
      return value?.toString('utf8') === 'none';
    case 'authorization':
      return value?.toString('utf8') === user;
    default:
      return false;
  }
}

function isKind(row: Row, ...kinds: readonly string[]): boolean {
  return kinds.includes(kindOf(row));
}

function kindOf(row: Row): string {
  return row[0]?.toString('latin1') ?? '';
}

function nameOf(row: Row): string {
  return row[1]?.toString('utf8') ?? '';
}

function sameValue(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}
