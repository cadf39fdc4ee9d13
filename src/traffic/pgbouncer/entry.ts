import { TealError } from '../../kernel/errors.ts';

/** Where a database of PgBouncer's leads. `host` undefined: a socket of the machine that PgBouncer runs on. */
export interface Place {
  readonly host: string | undefined;
  readonly port: number;
  readonly database: string;
}

/** Undefined hosts are no place that can be compared with anything. Names of hosts are compared as they are written: nobody is asked what they stand for. */
export function isSamePlace(one: Place, other: Place): boolean {
  return (
    one.host !== undefined &&
    one.host.toLowerCase() === other.host?.toLowerCase() &&
    one.port === other.port &&
    one.database === other.database
  );
}

export function placeText({ host, port, database }: Place): string {
  return `${host ?? 'a local socket'}:${port}/${database}`;
}

const defaultPort = 5432;

/** Where the entry of `[databases]` leads in this text of a configuration file. Errors: TEAL-TRAFFIC-016, see `entryOf`. */
export function placeIn(text: string, database: string): Place {
  const { pairs } = entryOf(text, database);
  const value = (key: string): string | undefined => pairs.findLast((pair) => pair.key === key)?.value;
  return {
    host: value('host'),
    port: Number(value('port') ?? defaultPort),
    database: value('dbname') ?? database,
  };
}

/**
 * The same text with the entry of one database leading to another place: `host`, `port` and `dbname` are replaced where they stand, or appended; everything else stays as it is, byte
 * for byte. Errors: TEAL-TRAFFIC-016.
 */
export function withPlace(text: string, database: string, place: Place): string {
  const { pairs, end } = entryOf(text, database);
  if (place.host === undefined) throw unusable('the address of the side that it is to lead to names no host');
  const wanted: readonly (readonly [key: string, value: string])[] = [
    ['host', place.host],
    ['port', String(place.port)],
    ['dbname', place.database],
  ];
  const edits: { readonly from: number; readonly to: number; readonly text: string }[] = [];
  for (const [key, value] of wanted) {
    // The last of a key that stands there twice is the one that counts.
    const pair = pairs.findLast((each) => each.key === key);
    if (pair !== undefined) edits.push({ from: pair.from, to: pair.to, text: quoted(value) });
    else edits.push({ from: end, to: end, text: ` ${key}=${quoted(value)}` });
  }
  let [changed, at] = ['', 0];
  for (const edit of edits.toSorted((a, b) => a.from - b.from)) {
    changed += text.slice(at, edit.from) + edit.text;
    at = edit.to;
  }
  return changed + text.slice(at);
}

interface Pair {
  readonly key: string;
  readonly value: string;
  /** Of the value as it is written, quotes included, in the whole text. */
  readonly from: number;
  readonly to: number;
}

interface Entry {
  readonly pairs: readonly Pair[];
  /** The end of its last word. */
  readonly end: number;
}

/**
 * The line of `[databases]` that names the database. TEAL-TRAFFIC-016 where there is none, where there are two (PgBouncer takes the last one; a person should say which is meant), and
 * where it is not what PgBouncer's manual says a line is. What `%include` names is not looked into.
 */
function entryOf(text: string, database: string): Entry {
  const found: { readonly value: string; readonly from: number }[] = [];
  let isDatabases = false;
  for (const { 0: line, index } of text.matchAll(/[^\n]+/g)) {
    const section = /^\s*\[([^\]]*)\]/.exec(line);
    if (section !== null) isDatabases = section[1] === 'databases';
    const setting = isDatabases ? settingLine.exec(line) : null;
    if (setting?.groups?.['name'] !== database) continue;
    const value = setting.groups['value'] ?? '';
    found.push({ value, from: index + line.length - (setting.groups['rest']?.length ?? 0) });
  }
  const [entry, second] = found;
  if (entry === undefined) throw unusable(`no line of its [databases] is for ${database}`);
  if (second !== undefined) throw unusable(`two lines of its [databases] are for ${database}`);
  const pairs = pairsOf(entry.value, entry.from);
  return { pairs, end: entry.from + entry.value.length };
}

/** Comments begin with ; or # and are no settings, and nowhere but at the beginning of a line. PgBouncer (1.18 to 1.24) takes no name in quotes here. */
const settingLine = /^\s*(?<name>[^\s=;#[%][^\s=]*)\s*=\s*(?<rest>(?<value>.*?)\s*)$/;

/** `key=value` with blanks between, a value quoted as in SQL where it begins with a quote. */
const keyAndValue = /\s*(?<key>[^\s=']+)\s*=\s*(?<value>'(?:[^']|'')*'|(?!')\S*)/y;

function pairsOf(value: string, from: number): readonly Pair[] {
  const pairs: Pair[] = [];
  keyAndValue.lastIndex = 0;
  for (let at = 0; at < value.length; at = keyAndValue.lastIndex) {
    const match = keyAndValue.exec(value);
    if (match?.groups === undefined) throw unusable(`its line cannot be read after ${at} characters`);
    const written = match.groups['value'] ?? '';
    const end = from + keyAndValue.lastIndex;
    pairs.push({
      key: match.groups['key'] ?? '',
      value: written.startsWith("'") ? written.slice(1, -1).replaceAll("''", "'") : written,
      from: end - written.length,
      to: end,
    });
  }
  return pairs;
}

function quoted(value: string): string {
  return /^[\w.:/-]+$/.test(value) ? value : `'${value.replaceAll("'", "''")}'`;
}

function unusable(why: string): TealError {
  return new TealError('TEAL-TRAFFIC-016', why);
}
