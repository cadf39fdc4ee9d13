import { slopePerHour, type Bound, type Sample } from '../../../src/testing/checker/invariants.ts';

/** Every series with its start, end, peak and slope an hour in the steady time, and what it may come to. */
export function seriesTable(samples: readonly Sample[], bounds: readonly Bound[], steadyFromUs: number): string {
  const series = Map.groupBy(samples, ({ what }) => what);
  const head = ['series', 'start', 'end', 'peak', 'an hour', 'at most', 'at most an hour'];
  const rows = [...series]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([what, of]) => {
      const values = of.map(({ value }) => value);
      const slope = slopePerHour(of.filter(({ atUs }) => atUs >= steadyFromUs));
      const bound = bounds.find((each) => each.what === what);
      const peak = values.reduce((most, value) => Math.max(most, value), -Infinity);
      const say = (value: number | undefined): string => (value === undefined ? '' : said(what, value));
      return [
        what.replace(/, bytes$/, ''),
        say(values[0]),
        say(values.at(-1)),
        say(peak),
        say(slope),
        say(bound?.atMost),
        say(bound?.perHourAtMost),
      ];
    });
  return aligned([head, ...rows]);
}

const MB = 2 ** 20;

function said(what: string, value: number): string {
  if (what.endsWith(', bytes'))
    return Math.abs(value) < 100_000 ? `${(value / 1024).toFixed(1)} kB` : `${(value / MB).toFixed(1)} MB`;
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) => rows.reduce((most, row) => Math.max(most, (row[at] ?? '').length), 0));
  return rows
    .map((row) =>
      row
        .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
