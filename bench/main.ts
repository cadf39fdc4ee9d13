import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isoNow, monotonicMs } from '../src/kernel/clock.ts';
import { useCompileCache } from '../src/app/compile-cache.ts';
import { describeError } from '../src/kernel/errors.ts';
import { asPostgresMajor } from '../tools/servers/install-postgres.ts';
import { benchmarks } from './all.ts';
import type { Benchmark, Reading, Settings, Variant } from './benchmark.ts';
import { describeMachine } from './machine.ts';
import {
  hasChart,
  numberText,
  renderBenchmark,
  renderChart,
  renderPage,
  type BenchmarkResult,
  type VariantResult,
} from './report.ts';
import { figuresOf, judge, runRounds } from './rounds.ts';

// As the command does.
useCompileCache(process.env);

/**
 * `make bench`: measures Teal beside its peers and the limits, one benchmark after the other, and writes JSON, charts and a page. Settings come by the environment:
 * ONLY (names, by commas), VARIANTS (parts of their names, by semicolons), ROUNDS, SCALE, BLUE and GREEN (majors), RESULTS (a folder). Exit code 1 when Teal itself could not be
 * measured; a promise that does not hold is a figure and no failure.
 */
const env = (name: string, otherwise: string): string => process.env[name] || otherwise;
const wanted = (name: string, separator: string): readonly string[] =>
  env(name, '')
    .split(separator)
    .filter((each) => each !== '');
const settings: Settings = {
  rounds: Number(env('ROUNDS', '3')),
  scale: Number(env('SCALE', '1')),
  blueMajor: asPostgresMajor(env('BLUE', '15')),
  greenMajor: asPostgresMajor(env('GREEN', '18')),
};
const folder = resolve(env('RESULTS', join(import.meta.dirname, 'results')));
const began = monotonicMs();

function say(text: string): void {
  process.stdout.write(`${((monotonicMs() - began) / 1000).toFixed(0).padStart(5)} s  ${text}\n`);
}

async function main(): Promise<boolean> {
  const chosen = choose(wanted('ONLY', ','));
  mkdirSync(folder, { recursive: true });
  let complete = true;
  for (const benchmark of chosen) {
    const result = await run(benchmark);
    process.stdout.write(`\n${renderBenchmark(result)}\n`);
    complete &&= result.variants.every(wasMeasured);
  }
  say(`results are in ${folder}`);
  return complete;
}

function choose(names: readonly string[]): readonly Benchmark[] {
  const unknown = names.find((name) => !benchmarks.some((each) => each.name === name));
  if (unknown !== undefined) {
    throw new Error(`there is no benchmark ${unknown}: ${benchmarks.map((each) => each.name).join(', ')}`);
  }
  return names.length === 0 ? benchmarks : benchmarks.filter(({ name }) => names.includes(name));
}

async function run(benchmark: Benchmark): Promise<BenchmarkResult> {
  const machine = describeMachine(settings);
  const parts = wanted('VARIANTS', ';');
  const { name, title, about, chart, between } = benchmark;
  const { rounds, scale } = settings;
  const variants: VariantResult[] = [];
  const result = {
    version: 1,
    name,
    title,
    about,
    chart,
    takenIso: isoNow(),
    rounds,
    scale,
    machine,
    ...(between === undefined ? {} : { between: between(settings) }),
    variants,
  } as const;
  for (const variant of benchmark.variants) {
    if (parts.length > 0 && !parts.some((part) => variant.name.includes(part))) continue;
    say(`${benchmark.name}, ${variant.name}`);
    variants.push(await runVariant(variant));
    // One after the other: whoever ends a long run keeps what it has measured.
    keep(result);
  }
  return result;
}

function keep(result: BenchmarkResult): void {
  writeFileSync(join(folder, `${result.name}.json`), `${JSON.stringify(result, undefined, 1)}\n`);
  if (hasChart(result)) writeFileSync(join(folder, `${result.name}.svg`), renderChart(result));
  writeFileSync(join(folder, 'README.md'), renderPage(resultsIn(folder)));
}

async function runVariant(variant: Variant): Promise<VariantResult> {
  const { name, about } = variant;
  try {
    await using arena = await variant.open(settings);
    const { versions } = arena;
    if (versions !== undefined) say(`  ${versions.join(', ')}`);
    const rounds = Math.min(settings.rounds, variant.maxRounds ?? settings.rounds);
    const measured = await runRounds(arena, { rounds, describeError, tell });
    const verdicts = variant.targets.map((target) => judge(target, measured));
    return { name, about, measured, verdicts, ...(versions === undefined ? {} : { versions }) };
  } catch (error) {
    say(`FAILED: ${describeError(error)}`);
    return { name, about, measured: [], verdicts: [], failed: describeError(error) };
  }
}

function tell(contender: string, round: number, outcome: Reading | string): void {
  const text =
    typeof outcome === 'string'
      ? `FAILED: ${outcome}`
      : Object.entries(figuresOf(outcome))
          .map(([name, value]) => `${name} ${numberText(value)}`)
          .join(', ');
  say(`  ${round}  ${contender}: ${text}`);
}

function wasMeasured(variant: VariantResult): boolean {
  const ofTeal = variant.measured.filter(({ role }) => role === 'teal');
  return variant.failed === undefined && ofTeal.every(({ failed }) => failed === undefined);
}

/** Of this run and of earlier ones, in the order of the benchmarks. */
function resultsIn(folder: string): readonly BenchmarkResult[] {
  const names = new Set(readdirSync(folder));
  return benchmarks
    .filter(({ name }) => names.has(`${name}.json`))
    .map(({ name }) => JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as BenchmarkResult);
}

try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  say(`FAILED: ${describeError(error)}`);
  process.exitCode = 1;
}
