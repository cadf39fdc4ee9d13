import { createHash } from 'node:crypto';

/** What monitoring has told of its alerts, as plain values: who told it, when, and how each alert was then. */

export const alertSources = Object.freeze(['alertmanager', 'datadog'] as const);
export type AlertSource = (typeof alertSources)[number];

/** `unknown`: who told it had no data itself. */
export type AlertState = 'firing' | 'resolved' | 'unknown';

/** One alert of a notice. Two with the same name and labels are one alert. */
export interface AlertNews {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `as before`: it was told again, and not how it is. */
  readonly state: AlertState | 'as before';
  /** Since when it fires, where that was said. */
  readonly sinceIso?: string;
}

export interface AlertNotice {
  readonly source: AlertSource;
  readonly alerts: readonly AlertNews[];
  /** How many alerts there are that were not told, or not whole. */
  readonly leftOut: number;
}

export interface ToldAlert {
  readonly source: AlertSource;
  readonly name: string;
  /** `labelDigest` of each label, in order: their values say who a customer is, and need not be kept to be compared. */
  readonly labels: readonly string[];
  readonly state: AlertState;
  /** Since when it is so. */
  readonly sinceIso: string;
  /** When it was last told. */
  readonly toldIso: string;
}

/** All that was told. */
export interface ToldAlerts {
  readonly version: 1;
  /** When each source last said anything. */
  readonly heard: Partial<Readonly<Record<AlertSource, string>>>;
  /** When each last said less than all: an alert that is not here may fire. */
  readonly leftOut: Partial<Readonly<Record<AlertSource, string>>>;
  readonly alerts: readonly ToldAlert[];
}

export const nothingTold: ToldAlerts = Object.freeze({ version: 1, heard: {}, leftOut: {}, alerts: [] });

/** No word is believed for longer than this, so that an alert that was not told for so long is forgotten. */
export const longestBeliefMs = 24 * 3_600_000;
/** More are not kept, and told as left out. */
export const alertsKept = 500;

/** Short enough to be kept by the thousand; what it stands for can be guessed by whoever knows what to look for. */
export function labelDigest(name: string, value: string): string {
  return createHash('sha256').update(`${name}\0${value}`, 'utf8').digest('hex').slice(0, 16);
}

/** What is known after one more notice, at this time. Pure. */
export function heardNotice(before: ToldAlerts, notice: AlertNotice, nowMs: number): ToldAlerts {
  const atIso = new Date(nowMs).toISOString();
  const { source } = notice;
  const known = new Map(before.alerts.map((alert) => [keyOf(alert), alert]));
  for (const news of notice.alerts) {
    const labels = Object.entries(news.labels).map(([name, value]) => labelDigest(name, value));
    const said = { source, name: news.name, labels: labels.sort(), toldIso: atIso };
    const key = keyOf(said);
    known.set(key, { ...said, ...stateOf(news, known.get(key), atIso) });
  }
  const believed = [...known.values()].filter(({ toldIso }) => nowMs - Date.parse(toldIso) <= longestBeliefMs);
  const alerts = believed.sort(firstKept).slice(0, alertsKept);
  const isLess = notice.leftOut > 0 || alerts.length < believed.length;
  return {
    version: 1,
    heard: { ...before.heard, [source]: atIso },
    leftOut: isLess ? { ...before.leftOut, [source]: atIso } : before.leftOut,
    alerts,
  };
}

function stateOf(
  { state, sinceIso }: AlertNews,
  before: ToldAlert | undefined,
  atIso: string,
): Pick<ToldAlert, 'state' | 'sinceIso'> {
  const now = state === 'as before' ? (before?.state ?? 'unknown') : state;
  const since = before?.state === now ? before.sinceIso : atIso;
  return { state: now, sinceIso: now === 'firing' ? (sinceIso ?? since) : since };
}

function keyOf({ source, name, labels }: Pick<ToldAlert, 'source' | 'name' | 'labels'>): string {
  return [source, name, ...labels].join('\n');
}

/** Those that do not fire go first when there are too many, of both the oldest. */
function firstKept(one: ToldAlert, other: ToldAlert): number {
  const rank = ({ state }: ToldAlert): number => (state === 'resolved' ? 1 : 0);
  return rank(one) - rank(other) || (one.toldIso < other.toldIso ? 1 : one.toldIso > other.toldIso ? -1 : 0);
}
