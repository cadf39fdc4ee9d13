/**
 * `make fuzz MINUTES=n`: changes inputs of the corpus at random, for as long as it is told. What takes a way through a parser that nothing before has taken is
 * changed further, and the small ones are written to the corpus (keep or remove them; `make test` reads all). An input that breaks a promise is written there too,
 * as `broken-*`, so that `make test` fails until it is mended. TEAL_FUZZ_SEED repeats the choices of a run.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { monotonicMs } from '../../src/kernel/clock.ts';
import { describeError } from '../../src/kernel/errors.ts';
import { mutated, type Mutation } from './mutate.ts';
import { corpusFolder, corpusOf, hold, shapeOf, type FuzzTarget } from './target.ts';
import { fuzzTargets } from './targets.ts';

const keptBytes = 4_096;
const keptOfTarget = 8;
const poolLimit = 2_000;

interface Pool {
  readonly target: FuzzTarget;
  readonly inputs: Buffer[];
  readonly shapes: Set<string>;
  runs: number;
  written: number;
  broken: number;
}

/** Marsaglia's xorshift32. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

async function poolOf(target: FuzzTarget): Promise<Pool> {
  const inputs = [...corpusOf(target)];
  const shapes = new Set<string>();
  for (const bytes of inputs) shapes.add(shapeOf(await hold(target, bytes, [])));
  return { target, inputs, shapes, runs: 0, written: 0, broken: 0 };
}

async function step(pool: Pool, random: (below: number) => number): Promise<void> {
  const { target, inputs } = pool;
  const from = inputs[random(inputs.length)];
  const other = inputs[random(inputs.length)];
  if (from === undefined || other === undefined) throw new Error(`${target.name}: no corpus`);
  const changes = Array.from({ length: 1 + random(4) }, (): Mutation => ({
    what: random(0xffff),
    at: random(0xffff),
    value: random(0xffff),
  }));
  const changed = mutated(from, changes, other);
  const input = target.mend?.(changed) ?? changed;
  pool.runs += 1;
  try {
    const told = await hold(target, input, [random(0xffff), random(0xffff)]);
    const shape = shapeOf(told);
    if (pool.shapes.has(shape) || inputs.length >= poolLimit) return;
    pool.shapes.add(shape);
    inputs.push(input);
    // Of a way that is long in coming: what is found in the first moments is found in the first moments of every run.
    if (input.length > keptBytes || pool.written >= keptOfTarget || pool.runs < 5_000) return;
    pool.written += 1;
    keep(target, 'way', input);
  } catch (error) {
    pool.broken += 1;
    const file = keep(target, 'broken', input);
    process.stderr.write(`${target.name}: ${describeError(error)}\n  the input is in ${file}\n`);
    if (pool.broken > 20) throw error;
  }
}

function keep(target: FuzzTarget, why: string, input: Buffer): string {
  const name = `${why}-${createHash('sha256').update(input).digest('hex').slice(0, 12)}.bin`;
  const file = join(corpusFolder, target.corpus, name);
  writeFileSync(file, input);
  return file;
}

async function main(): Promise<void> {
  const minutes = Number(process.argv[2] ?? '1');
  const seed = Number(process.env['TEAL_FUZZ_SEED'] ?? Math.floor(Math.random() * 0x7fff_ffff));
  process.stdout.write(`TEAL_FUZZ_SEED=${seed}, ${minutes} minutes, ${fuzzTargets.length} targets\n`);
  const random = randomFrom(seed);
  // One after the other, as everything here: memory is watched for the whole process.
  const pools: Pool[] = [];
  for (const target of fuzzTargets) pools.push(await poolOf(target));
  const endMs = monotonicMs() + minutes * 60_000;
  while (monotonicMs() < endMs) {
    for (const pool of pools) for (let count = 0; count < 50; count += 1) await step(pool, random);
  }
  for (const { target, runs, shapes, written, broken } of pools) {
    process.stdout.write(
      `${target.name.padEnd(28)} ${runs} inputs, ${shapes.size} ways, ${written} written, ${broken} broken\n`,
    );
  }
  process.exitCode = pools.some(({ broken }) => broken > 0) ? 1 : 0;
}

await main();
