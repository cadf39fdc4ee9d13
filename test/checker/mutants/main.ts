import { blueMajor, greenMajor } from '../../support/postgres.ts';
import { mutants } from './mutants.ts';
import { tryOut, type Tried } from './try-mutant.ts';

/**
 * `make mutants`: every mutant is tried until the checker has something to say against it, and the product itself by the same seeds, of which nothing may be said. Exit
 * code 1 when a mutant was missed or the product was not. `MUTANTS`: some of them, by name, separated by commas. `LOUD=yes`: what happened in each run.
 */
const only = process.env['MUTANTS']?.split(',');
const isLoud = process.env['LOUD'] === 'yes';
const majors = [blueMajor(), greenMajor()] as const;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

const seconds = (tried: readonly Tried[]): number => tried.reduce((sum, each) => sum + each.seconds, 0);

/** An invariant, or a guard of the product that stopped the run before anything could be lost. */
function howItShowed(tried: readonly Tried[]): string {
  const last = tried.at(-1);
  if (last?.against === undefined) return 'nothing was said';
  const { invariants } = last;
  if (invariants.length > 0) return `invariant ${invariants.join(', ')}`;
  const [code] = /TEAL-[A-Z]+-\d+/.exec(last.against) ?? [];
  return code === undefined ? 'the run did not end as it must' : `guard ${code}`;
}

function tell(tried: readonly Tried[]): void {
  for (const { seed, against, report } of tried) {
    if (against === undefined && !isLoud) continue;
    say(`    seed ${seed}: ${(against ?? 'nothing').slice(0, 300)}`);
    if (isLoud) for (const line of report.told) say(`      ${line.slice(0, 400)}`);
  }
}

const rows: string[][] = [['mutant', 'caught by seed', 'shown by', 'seconds', 'the product itself', 'seconds']];
let bad = 0;
for (const { name, does } of mutants) {
  if (only !== undefined && !only.includes(name)) continue;
  say(`${name}: ${does}`);
  const mutated = await tryOut(name, majors, true);
  const isCaught = mutated.at(-1)?.against !== undefined;
  tell(mutated);
  const own = await tryOut(name, majors, false, mutated.length);
  const isClean = own.every(({ against }) => against === undefined);
  if (!isClean) say('  the product itself:');
  tell(own);
  if (!isCaught || !isClean) bad += 1;
  rows.push([
    name,
    isCaught ? `${mutated.length}` : `MISSED in ${mutated.length}`,
    howItShowed(mutated),
    `${seconds(mutated)}`,
    isClean ? `${own.length} seeds, nothing said` : howItShowed(own),
    `${seconds(own)}`,
  ]);
}
const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
say('');
for (const row of rows)
  say(
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
process.exitCode = bad === 0 ? 0 : 1;
