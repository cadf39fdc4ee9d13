import type { Command } from 'commander';
import { wrap } from './print.ts';

export interface Explanation {
  /** What the exit codes of this command mean, beside 1 and 2, which mean the same everywhere. */
  readonly exits: Readonly<Record<number, string>>;
  /** Command lines that can be typed as they stand, each with what it does. */
  readonly examples: readonly (readonly [line: string, does: string])[];
}

const everywhere: Readonly<Record<number, string>> = {
  1: 'failed: standard error has a code, what happened and what to do',
  2: 'mistakes in the command line or the migration file; nothing was begun',
};

/** Ends the help of a command with its exit codes and examples. */
export function explain(command: Command, { exits, examples }: Explanation): Command {
  const codes = Object.entries({ ...everywhere, ...exits })
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([code, text]) => wrapAfter(`  ${code.padEnd(5)}`, text));
  const lines = examples.flatMap(([line, does]) => [`  ${line}`, wrap(does, 80, '      ')]);
  return command.addHelpText('after', ['', 'Exit codes:', ...codes, '', 'Examples:', ...lines].join('\n'));
}

/** Commands that run for long: one JSON document at the end on standard output, what happens meanwhile on standard error. */
export function longOptions(command: Command): Command {
  return command
    .option('-f, --file <path>', 'migration file', 'teal.yaml')
    .option('--json', 'print one JSON document at the end, on standard output: the outcome, or the error', false)
    .option('--events', 'print what happens as JSON lines on standard error, in place of the screen', false);
}

function wrapAfter(head: string, text: string): string {
  return wrap(text, 80, ' '.repeat(head.length)).replace(' '.repeat(head.length), head);
}
