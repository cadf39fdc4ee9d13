import type { Bound, Contender, Target } from './benchmark.ts';
import type { Machine } from './machine.ts';
import { spreadsOf, type Measured, type Spread, type Verdict } from './rounds.ts';

/** What a run writes of one benchmark, as JSON; the page and the charts are made of nothing else. */
export interface BenchmarkResult {
  readonly version: 1;
  readonly name: string;
  readonly title: string;
  readonly about: string;
  readonly chart: string;
  readonly takenIso: string;
  readonly rounds: number;
  readonly scale: number;
  readonly machine: Machine;
  /** Default: PostgreSQL of the machine's majors. */
  readonly between?: string;
  readonly variants: readonly VariantResult[];
}

export interface VariantResult {
  readonly name: string;
  readonly about: string;
  readonly measured: readonly Measured[];
  readonly verdicts: readonly Verdict[];
  /** Of the programs that were measured. */
  readonly versions?: readonly string[];
  /** Why nothing was measured. */
  readonly failed?: string;
}

/** The page of all results that there are, in Markdown. */
export function renderPage(results: readonly BenchmarkResult[]): string {
  const parts = results.map(renderBenchmark);
  return `# Measured

Written by \`make bench\`; nothing here is written by hand. Each figure is the median of all rounds, with the smallest and the largest in brackets. The contenders of a
table ran in turn, in one run on one machine, with the same data and settings. *First* is what Teal must reach, *goal* where it is going.

${parts.join('\n')}`;
}

export function renderBenchmark(result: BenchmarkResult): string {
  const { machine } = result;
  const between = result.between ?? `PostgreSQL ${machine.blue} to ${machine.green}`;
  const chart = hasChart(result) ? `![${result.title}](${result.name}.svg)\n\n` : '';
  return `## ${result.title}

${result.about}

Taken ${result.takenIso.slice(0, 10)} at ${machine.commit}, ${result.rounds} rounds, scale ${result.scale} (sizes below are those of scale 1), ${between}: ${machine.cores} cores of ${machine.processor}, ${machine.memoryGb} GB,
${machine.system}, Node ${machine.node}; load before the run ${machine.loadBefore}${machine.inMemory === true ? '; data of all servers in memory, so that nobody waits for a disk' : ''}.

${chart}${result.variants.map(renderVariant).join('\n')}`;
}

function renderVariant(variant: VariantResult): string {
  const head = `### ${variant.name}\n\n${variant.about}\n\n`;
  if (variant.failed !== undefined) return `${head}Not measured: ${oneLine(variant.failed)}\n`;
  const versions = variant.versions === undefined ? '' : `${variant.versions.join(', ')}.\n\n`;
  return `${head}${versions}${renderMeasured(variant.measured)}\n${renderVerdicts(variant.verdicts)}`;
}

/** One row a figure, one column a contender. */
function renderMeasured(all: readonly Measured[]): string {
  const spreads = all.map(({ readings }) => spreadsOf(readings));
  const names = [...new Set(spreads.flatMap((each) => Object.keys(each)))];
  const cells = names.map((name) => [unitText(name)].concat(spreads.map((each) => spreadText(each[name]))));
  const failures = all
    .filter(({ failed }) => failed !== undefined)
    .map(({ contender, failed }) => `\n${contender}: ${oneLine(failed ?? '')}\n`);
  return `${table(['', ...all.map(({ contender }) => contender)], cells)}${failures.join('')}`;
}

function unitText(figure: string): string {
  return figure === 'cpu' || figure.startsWith('cpu ') ? `${figure}, s` : figure;
}

function renderVerdicts(verdicts: readonly Verdict[]): string {
  if (verdicts.length === 0) return '';
  const cells = verdicts.map((each) => [
    targetText(each.target),
    numberText(each.value),
    numberText(each.byRound),
    boundText(each.target.first, each.value, each.first),
    boundText(each.target.goal, each.value, each.goal),
  ]);
  return `${table(['promise', 'ratio', 'by round', 'first', 'goal'], cells)}\n`;
}

export function targetText({ of = 'Teal', figure, against }: Target): string {
  return against === undefined ? `${figure} of ${of}` : `${figure}, ${of} : ${against}`;
}

function boundText(bound: Bound | undefined, value: number | undefined, holds: boolean): string {
  if (bound === undefined) return '';
  const mark = value === undefined ? '–' : holds ? '✓' : '✗';
  return `${bound.replace('<=', '≤').replace('>=', '≥')} ${mark}`;
}

function spreadText(spread: Spread | undefined): string {
  if (spread === undefined) return '–';
  const { median, min, max } = spread;
  return min === max ? numberText(median) : `${numberText(median)} (${numberText(min)}–${numberText(max)})`;
}

/** Three digits that count; whole thousands in full. */
export function numberText(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '–';
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  return line(head) + line(head.map((_, at) => (at === 0 ? '---' : '---:'))) + rows.map(line).join('');
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').slice(0, 300);
}

export function hasChart(result: BenchmarkResult): boolean {
  return barsOf(result).length > 0;
}

interface Bar {
  readonly variant: string;
  readonly contender: string;
  readonly role: Contender['role'];
  readonly spread: Spread;
}

function barsOf({ chart, variants }: BenchmarkResult): readonly Bar[] {
  return variants.flatMap((variant) =>
    variant.measured.flatMap(({ contender, role, readings }) => {
      const spread = spreadsOf(readings)[chart];
      return spread === undefined ? [] : [{ variant: variant.name, contender, role, spread }];
    }),
  );
}

const colours: Readonly<Record<Contender['role'], string>> = { teal: '#0f8b8d', peer: '#8d99ae', limit: '#d9dde3' };
const [rowHeight, groupGap, left, barWidth, right] = [18, 14, 260, 420, 90];

/** A group of bars for each variant, as long as the figure against the largest of its group: of different variants only the shapes are to be compared. */
export function renderChart(result: BenchmarkResult): string {
  const groups = [...Map.groupBy(barsOf(result), (bar) => bar.variant)];
  let y = 30;
  const parts: string[] = [];
  for (const [variant, bars] of groups) {
    parts.push(text(10, y + 13, variant, 'font-weight="bold"'));
    const longest = Math.max(...bars.map((bar) => bar.spread.max));
    y += rowHeight;
    for (const bar of bars) {
      parts.push(drawBar(bar, y, longest === 0 ? 0 : barWidth / longest));
      y += rowHeight;
    }
    y += groupGap;
  }
  const width = left + barWidth + right;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" width="${width}" height="${y}" font-family="sans-serif" font-size="12" fill="#24292f">
<rect width="100%" height="100%" fill="#ffffff"/>
${text(10, 18, `${result.title}: ${result.chart}`, 'font-size="14"')}
${parts.join('\n')}
</svg>
`;
}

function drawBar({ contender, role, spread }: Bar, y: number, scale: number): string {
  const long = (value: number): string => (value * scale).toFixed(1);
  const middle = y + rowHeight / 2 - 1;
  return [
    text(left - 8, y + 12, contender, 'text-anchor="end"'),
    `<rect x="${left}" y="${y}" width="${long(spread.median)}" height="${rowHeight - 4}" fill="${colours[role]}"/>`,
    `<path d="M${left + spread.min * scale} ${middle}H${left + spread.max * scale}" stroke="#24292f" stroke-width="1"/>`,
    text(left + spread.max * scale + 6, y + 12, numberText(spread.median), ''),
  ].join('\n');
}

function text(x: number, y: number, words: string, more: string): string {
  const escaped = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y}"${more === '' ? '' : ` ${more}`}>${escaped}</text>`;
}
