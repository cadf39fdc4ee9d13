import { useEffect, useRef, type ReactNode } from 'react';
import uPlot from 'uplot';
import { windowMs, type Columns } from '../pure/series.ts';

export interface ChartLine {
  readonly label: string;
  /** Its colour, by the style sheet: `tone-forward`. */
  readonly tone: 'blue' | 'green' | 'plain';
}

interface Props {
  readonly title: string;
  readonly lines: readonly ChartLine[];
  readonly columns: Columns;
  readonly format: (value: number) => string;
  /** Where the drawing ends. */
  readonly nowMs: number;
}

const heightPx = 132;

/** The last quarter of an hour, drawn. The newest numbers stand above it in words, for who does not see it. */
export function Chart({ title, lines, columns, format, nowMs }: Props): ReactNode {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const look = lookNow();
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const made = new uPlot(optionsOf(element, lines, format), [[], ...lines.map(() => [])], element);
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: heightPx }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      made.destroy();
      plot.current = undefined;
    };
    // Lines and format are constants of who draws: only another look needs another drawing.
  }, [look]);
  useEffect(() => {
    plot.current?.batch(() => {
      plot.current?.setData(columns, false);
      plot.current?.setScale('x', { min: beginOf(columns, nowMs), max: nowMs / 1_000 });
    });
  }, [columns, nowMs, look]);
  const newest = lines.map(({ label, tone }, at) => {
    const value = columns[at + 1]?.at(-1);
    return { label, tone, text: value === null || value === undefined ? '–' : format(value) };
  });
  const words = newest.map(({ label, text }) => `${label} ${text}`).join(', ');
  return (
    <figure className="chart">
      <figcaption>
        <span className="chart-title">{title}</span>
        {newest.map(({ label, tone, text }) => (
          <span key={label} className="chart-value">
            <i aria-hidden="true" className={`swatch tone-${tone}`} />
            {label} <b>{text}</b>
          </span>
        ))}
      </figcaption>
      <div
        ref={place}
        className="chart-place"
        role="img"
        aria-label={`${title}, the last quarter of an hour; the newest: ${words}`}
      />
    </figure>
  );
}

function optionsOf(
  element: HTMLElement,
  lines: readonly ChartLine[],
  format: (value: number) => string,
): uPlot.Options {
  const { color, fontFamily } = getComputedStyle(element);
  const grid = { stroke: colorOf(element, 'tone-grid'), width: 1 };
  const axis = { stroke: color, font: `11px ${fontFamily}`, ticks: { show: false }, grid };
  return {
    width: element.clientWidth,
    height: heightPx,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 4, 0, 0],
    scales: { x: { time: true }, y: { range: (_, __, max) => [0, heightOf(max)] } },
    axes: [
      { ...axis, space: 64, size: 24, values: (_, ticks) => ticks.map((tick) => clock.format(tick * 1_000)) },
      { ...axis, space: 34, size: 62, values: (_, ticks) => ticks.map(format) },
    ],
    series: [
      {},
      ...lines.map(({ label, tone }) => ({
        label,
        stroke: colorOf(element, `tone-${tone}`),
        width: 1.75,
        points: { show: false },
        spanGaps: false,
      })),
    ],
  };
}

/** Where the first point is, but neither less than two minutes ago nor more than is kept; in seconds. */
function beginOf([[first]]: Columns, nowMs: number): number {
  const now = nowMs / 1_000;
  return Math.max(now - windowMs / 1_000, Math.min(first ?? now, now - 120));
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });

/** Never an axis without height. */
function heightOf(max: number | null): number {
  return max === null || !(max > 0) ? 1 : max * 1.15;
}

/** A canvas knows no style sheet: an element says what its colours come to. */
function colorOf(element: HTMLElement, name: string): string {
  const probe = document.createElement('i');
  probe.className = name;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** Another one where the page is drawn dark or light otherwise. */
function lookNow(): string {
  const chosen = document.documentElement.dataset['theme'] ?? 'system';
  return `${chosen} ${matchMedia('(prefers-color-scheme: dark)').matches}`;
}
