import { monotonicMs } from '../../../src/kernel/clock.ts';
import { describeError } from '../../../src/kernel/errors.ts';
import { scheduleOf, scheduleText } from '../schedule.ts';
import { runSeed } from './run-seed.ts';

/** `make check SEEDS=n FROM=m`: so many seeds one after another; exit code 1 when an invariant was violated, with the schedule to run it again. */
const seeds = Number(process.env['SEEDS'] ?? 10);
const first = Number(process.env['FROM'] ?? 1);
let bad = 0;
let transactions = 0;
let switches = 0;
for (let seed = first; seed < first + seeds; seed += 1) {
  const schedule = scheduleOf(seed, { drivers: ['node-postgres'] });
  const began = monotonicMs();
  const seconds = (): string => `${((monotonicMs() - began) / 1_000).toFixed(0)} s`;
  try {
    const { violations, txns, cuts } = await runSeed(schedule);
    transactions += txns.length;
    switches += cuts.filter(({ outcome }) => outcome === 'done').length;
    const word = violations.length === 0 ? 'ok  ' : 'BAD ';
    process.stdout.write(
      `${word} seed ${seed}: ${schedule.blue} to ${schedule.green}, ${txns.length} transactions, ${cuts.length} switches, ${seconds()}\n`,
    );
    if (violations.length === 0) continue;
    bad += 1;
    process.stdout.write(`${scheduleText(schedule)}\n`);
    for (const { invariant, text } of violations.slice(0, 20))
      process.stdout.write(`  invariant ${invariant}: ${text}\n`);
  } catch (error) {
    bad += 1;
    process.stdout.write(
      `BAD  seed ${seed} did not come to its end, ${seconds()}: ${describeError(error)}\n${scheduleText(schedule)}\n`,
    );
  }
}
process.stdout.write(`${seeds} seeds, ${transactions} transactions, ${switches} switches, ${bad} seeds bad\n`);
process.exitCode = bad === 0 ? 0 : 1;
