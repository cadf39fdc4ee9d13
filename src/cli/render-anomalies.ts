import { sizeText } from '../kernel/vocabulary.ts';
import { seriesRule, type AnomaliesSeen, type Capacity } from '../app/anomalies.ts';
import { hang } from '../plan/wrap.ts';
import { tone } from './print.ts';

const width = 80;
const shownPast = 5;
type Anomaly = AnomaliesSeen['open'][number];

/** What is out of the usual now, what was, and what will be full. */
export function renderAnomalies(seen: AnomaliesSeen): string {
  const { open, past, capacities, minutes, trouble } = seen;
  return [
    headOf(open.length, minutes),
    ...open.flatMap((one) => hang('  now        ', `${anomalyText(one)}, since ${clock(one.sinceMs)}`, width)),
    ...past
      .slice(-shownPast)
      .toReversed()
      .flatMap((one) =>
        hang('  was        ', `${worstText(one)}, ${clock(one.sinceMs)} to ${clock(one.untilMs)}`, width),
      ),
    ...capacities.flatMap((one) => hang('  room       ', capacityText(one), width)),
    ...(trouble === undefined ? [] : hang('  trouble    ', trouble, width)),
  ].join('\n');
}

function headOf(open: number, minutes: number): string {
  if (open > 0) return tone('red', `${open} ${open === 1 ? 'number is' : 'numbers are'} out of the usual`);
  return minutes < 70
    ? tone('yellow', `Not known yet: of ${minutes} minutes an hour and ten are needed before anything is judged`)
    : tone('green', 'Nothing is out of the usual');
}

function anomalyText({ series, value, expected }: Anomaly): string {
  return `${nameOf(series)}: ${figure(series, value)}; ${expected.from}: ${figure(series, expected.middle)} ± ${figure(series, expected.spread)}`;
}

function worstText({ series, worst, expected }: Anomaly): string {
  return `${nameOf(series)}: ${figure(series, worst)} at worst; usual: ${figure(series, expected.middle)}`;
}

const groups: Readonly<Record<string, string>> = {
  live: 'on the live side',
  other: 'on the other side',
  flow: 'in the flow',
  clients: 'at the proxy',
};

function nameOf(series: string): string {
  const [group = ''] = series.split('.');
  return `${seriesRule(series)?.means ?? series} ${groups[group] ?? ''} (${series})`;
}

function figure(series: string, value: number): string {
  switch (seriesRule(series)?.unit) {
    case 'share':
      return `${(value * 100).toFixed(1)}%`;
    case 'bytes':
      return sizeText(value);
    case 'bytes per second':
      return `${sizeText(value)}/s`;
    case 'per second':
      return `${short(value)}/s`;
    case 'per minute':
      return `${short(value)}/min`;
    case 'ms':
      return `${short(value)} ms`;
    case 's':
      return `${short(value)} s`;
    default:
      return short(value);
  }
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

const whats: Readonly<Record<Capacity['what'], readonly [name: string, unit: (value: number) => string]>> = {
  connections: ['connections', short],
  databaseBytes: ['disk of the database', sizeText],
  retainedLogBytes: ['log kept for a reader', sizeText],
  transactionAge: ['transaction numbers', (value) => `${(value / 1e6).toFixed(0)} million`],
};

function capacityText({ side, what, now, limit, full }: Capacity): string {
  const [name, unit] = whats[what];
  const used = `${name} of ${side}: ${unit(now)} of ${unit(limit)} (${((100 * now) / limit).toFixed(0)}%)`;
  if (full === undefined) return used;
  const { atMs, earliestMs, latestMs, confidence } = full;
  return `${used}, full at ${clock(atMs)} (${clock(earliestMs)} to ${clock(latestMs)} with ${confidence * 100}%)`;
}

/** In UTC, to the minute. */
function clock(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 16).replace('T', ' ')}Z`;
}
