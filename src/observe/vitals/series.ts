/** What of a series is a sign of trouble: more than it was, less, or either. */
export type Bad = 'more' | 'less' | 'either';

export interface SeriesRule {
  readonly unit: 'per second' | 'per minute' | 'bytes' | 'bytes per second' | 'share' | 'ms' | 's' | 'count';
  readonly bad: Bad;
  /** A change of this size is never worth a word, however still the series was: in `unit`. */
  readonly least: number;
  readonly means: string;
}

const mib = 2 ** 20;

/** Of a server. */
const ofServer = {
  commits: { unit: 'per second', bad: 'either', least: 1, means: 'transactions committed' },
  rollbackShare: { unit: 'share', bad: 'more', least: 0.01, means: 'transactions rolled back, of all' },
  deadlocks: { unit: 'per minute', bad: 'more', least: 0.5, means: 'deadlocks' },
  temporaryBytes: { unit: 'bytes per second', bad: 'more', least: mib, means: 'temporary files written' },
  logBytes: { unit: 'bytes per second', bad: 'more', least: mib, means: 'log of changes written' },
  cacheHitShare: { unit: 'share', bad: 'less', least: 0.02, means: 'pages found in memory, of all' },
  connections: { unit: 'count', bad: 'more', least: 5, means: 'connections' },
  active: { unit: 'count', bad: 'more', least: 2, means: 'sessions at work' },
  lockWaits: { unit: 'count', bad: 'more', least: 0.5, means: 'sessions that wait for a lock' },
  longestTransaction: { unit: 's', bad: 'more', least: 30, means: 'age of the oldest transaction' },
  deadShare: { unit: 'share', bad: 'more', least: 0.05, means: 'dead rows, of all' },
  retainedLog: { unit: 'bytes', bad: 'more', least: 256 * mib, means: 'log kept for a reader' },
} as const satisfies Readonly<Record<string, SeriesRule>>;

/** Of the flow that carries what the live side takes. */
const ofFlow = {
  lag: { unit: 'ms', bad: 'more', least: 500, means: 'how far the flow is behind' },
  changes: { unit: 'per second', bad: 'either', least: 10, means: 'changes carried' },
} as const satisfies Readonly<Record<string, SeriesRule>>;

/** Of what clients meet at Teal's proxy, on the side that is live. */
const ofClients = {
  answers: { unit: 'per second', bad: 'either', least: 5, means: 'statements answered' },
  failureShare: { unit: 'share', bad: 'more', least: 0.005, means: 'statements failed, of all' },
  p95: { unit: 'ms', bad: 'more', least: 2, means: '95 of 100 statements took at most' },
} as const satisfies Readonly<Record<string, SeriesRule>>;

/** `live` and `other` are sides by what they are just now: after a cut green is compared with what blue was as the live one. */
export type Role = 'live' | 'other';

function under(group: string, rules: Readonly<Record<string, SeriesRule>>): readonly (readonly [string, SeriesRule])[] {
  return Object.entries(rules).map(([name, rule]) => [`${group}.${name}`, rule]);
}

/** All there are, by the name under which they are kept: a name is a promise, and a new meaning gets a new one. */
export const seriesRules: ReadonlyMap<string, SeriesRule> = new Map([
  ...under('live', ofServer),
  ...under('other', ofServer),
  ...under('flow', ofFlow),
  ...under('clients', ofClients),
]);

/** What was seen of one minute, by series; what could not be asked is absent. */
export type MinuteValues = Readonly<Record<string, number>>;

export interface Minute {
  /** When it began, in ms since 1970, a whole number of minutes. */
  readonly atMs: number;
  readonly values: MinuteValues;
}
