import type { RouterFinding } from '../../ports/router.ts';
import type { ConsoleRow } from './console.ts';
import { isSamePlace, placeText, type Place } from './entry.ts';

/** What PgBouncer and its file say of themselves. */
export interface Seen {
  readonly database: string;
  /** What clients are made to wait for at most. */
  readonly maxPauseMs: number;
  readonly places: Readonly<Record<'blue' | 'green', Place>>;
  /** `SHOW CONFIG`. */
  readonly config: ReadonlyMap<string, string>;
  readonly databases: readonly DatabaseRow[];
  /** `SHOW POOLS`. */
  readonly pools: readonly ConsoleRow[];
  /** Where the line in its file leads; undefined where a program of the user's changes the file. */
  readonly inFile?: Place;
}

/** One row of `SHOW DATABASES`. */
export interface DatabaseRow {
  readonly name: string;
  readonly place: Place;
  readonly poolMode: string | null;
  readonly isPaused: boolean;
  readonly isDisabled: boolean;
}

export function databaseRow(row: ConsoleRow): DatabaseRow {
  const name = row['name'] ?? '';
  return {
    name,
    place: { host: row['host'] ?? undefined, port: Number(row['port']), database: row['database'] ?? name },
    poolMode: row['pool_mode'] ?? null,
    isPaused: row['paused'] === '1',
    isDisabled: row['disabled'] === '1',
  };
}

/** What a cut through this PgBouncer would stumble over. Pure. */
export function findingsOf(seen: Seen): readonly RouterFinding[] {
  const { database, databases } = seen;
  const row = databases.find(({ name }) => name === database);
  if (row === undefined) {
    return [
      {
        severity: 'blocker',
        what: `PgBouncer has no database ${database} of its own.`,
        why: 'Teal points one line of [databases]; through * clients of other databases would be moved with it.',
        mend: `Write a line for ${database} into [databases], then RELOAD.`,
      },
    ];
  }
  return [
    ...placesOf(seen, row),
    ...poolModesOf(seen, row),
    ...timesOf(seen),
    ...statementsOf(seen),
    ...neighboursOf(seen, row),
  ];
}

function placesOf({ database, places, inFile }: Seen, { place, isDisabled }: DatabaseRow): readonly RouterFinding[] {
  const found: RouterFinding[] = [];
  if (isSamePlace(places.blue, places.green)) {
    found.push({
      severity: 'blocker',
      what: `To PgBouncer both sides are ${placeText(places.blue)}.`,
      why: 'Nobody could tell where it points.',
      mend: 'Say in traffic.blue and traffic.green where PgBouncer finds each.',
    });
  } else if (!isSamePlace(place, places.blue) && !isSamePlace(place, places.green)) {
    found.push({
      severity: 'blocker',
      what: `PgBouncer's ${database} leads to ${placeText(place)}, which is neither ${placeText(places.blue)} nor ${placeText(places.green)}.`,
      why: 'Nobody could tell where it points. Names of hosts are compared as they are written.',
      mend: 'Say in traffic.blue and traffic.green where PgBouncer finds each (host:port/database).',
    });
  }
  if (inFile !== undefined && !isSamePlace(inFile, place)) {
    found.push({
      severity: 'blocker',
      what: `The line of ${database} in traffic.config leads to ${placeText(inFile)}, PgBouncer's own to ${placeText(place)}.`,
      why: 'It is another file, or it was changed and not read again: a change in it would point PgBouncer nowhere, or change more than was asked.',
      mend: 'Name the file that PgBouncer reads (SHOW CONFIG, conffile), or RELOAD.',
    });
  }
  if (isDisabled) {
    found.push({
      severity: 'blocker',
      what: `PgBouncer's ${database} is disabled.`,
      why: 'New clients are refused.',
      mend: `ENABLE ${database} on the console.`,
    });
  }
  return found;
}

/** PAUSE waits until every client of a pool has let its connection go: in session mode that is until it leaves. */
function poolModesOf({ database, config, pools }: Seen, { poolMode }: DatabaseRow): readonly RouterFinding[] {
  const modes = new Set([poolMode ?? config.get('pool_mode') ?? 'session']);
  for (const pool of pools) if (pool['database'] === database) modes.add(pool['pool_mode'] ?? '');
  if (!modes.has('session')) return [];
  return [
    {
      severity: 'blocker',
      what: `PgBouncer pools sessions for ${database}, or for a user of it.`,
      why: 'PAUSE waits until every client has disconnected: a cut would be given up each time.',
      mend: 'Set pool_mode = transaction for the database (and its users), or use `router: proxy`, which carries sessions.',
    },
  ];
}

function timesOf({ config, maxPauseMs }: Seen): readonly RouterFinding[] {
  const found: RouterFinding[] = [];
  const retry = Number(config.get('server_login_retry') ?? '15');
  if (!(retry <= 1)) {
    found.push({
      severity: 'blocker',
      what: `server_login_retry of PgBouncer is ${retry} s.`,
      why: 'A login that is half made when the line changes fails, and PgBouncer then lets everybody wait for so long before it tries again.',
      mend: 'Set server_login_retry = 1, then RELOAD.',
    });
  }
  const patience = Number(config.get('query_wait_timeout') ?? '120');
  if (patience > 0 && patience * 1_000 <= maxPauseMs) {
    found.push({
      severity: 'blocker',
      what: `query_wait_timeout of PgBouncer is ${patience} s, and cutover.maxPause is ${maxPauseMs / 1_000} s.`,
      why: 'PgBouncer disconnects clients that wait longer than that: they would not outlast a cut.',
      mend: 'Raise query_wait_timeout, then RELOAD; or lower cutover.maxPause.',
    });
  }
  return found;
}

function statementsOf({ config }: Seen): readonly RouterFinding[] {
  const kept = config.get('max_prepared_statements');
  if (Number(kept ?? 0) > 0) return [];
  return [
    {
      severity: 'warning',
      what:
        kept === undefined
          ? 'This PgBouncer cannot keep prepared statements (it is older than 1.21).'
          : 'max_prepared_statements of PgBouncer is 0.',
      why: 'A client that prepares statements by name may run one of another client, with or without a cut.',
      mend: 'Set max_prepared_statements (1.21 or later), or be sure that no client prepares by name.',
    },
  ];
}

function neighboursOf({ database, databases }: Seen, { place }: DatabaseRow): readonly RouterFinding[] {
  const others = databases.filter(({ name, place: other }) => name !== database && isSamePlace(other, place));
  if (others.length === 0) return [];
  const names = others.map(({ name }) => name).join(', ');
  return [
    {
      severity: 'warning',
      what: `${names} of this PgBouncer ${others.length === 1 ? 'leads' : 'lead'} to the same database.`,
      why: `Clients that come by another name than ${database} are not held and not moved: a cut refuses their writes.`,
      mend: `Have all clients that write come by ${database}.`,
    },
  ];
}
