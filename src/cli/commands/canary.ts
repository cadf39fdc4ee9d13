import type { Command } from 'commander';
import { orderCanary } from '../../app/canary-order.ts';
import { loadSpec } from '../../app/load-spec.ts';
import { explain } from '../explain.ts';
import { print } from '../print.ts';

const orders = {
  pause: {
    summary: 'have every read go to blue, bring tenants home, and wait',
    said: 'Paused until `teal canary resume`: every read goes to blue, and tenants that are on green come home.',
    does: 'the stage waits, also when `teal up` is run again',
  },
  resume: {
    summary: 'go on with the step that was paused',
    said: 'Resumed: a running `teal up` begins the step anew within a second.',
    does: 'the step is held anew, for its whole time',
  },
  abort: {
    summary: 'have every read go to blue, bring tenants home, and end `teal up`',
    said: 'Every read goes to blue, and tenants that are on green come home; then `teal up` ends with TEAL-STAGES-162.',
    does: 'nothing else is undone; `teal up` begins the step anew',
  },
} as const;

/** What is said to a canary while `teal up` runs it in another terminal. */
export function canaryCommand(program: Command): void {
  const canary = program
    .command('canary')
    .summary('pause, resume or end the canary that `teal up` runs')
    .description('Speaks to the stage `canary` of a `teal up` that runs elsewhere. docs/guide/canary.md.');
  explain(canary, {
    exits: { 0: 'said' },
    examples: [['teal canary pause', 'every read goes to blue at once; tenants come home']],
  });
  for (const [name, { summary, said, does }] of Object.entries(orders)) {
    const command = canary
      .command(name)
      .summary(summary)
      .description(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`)
      .option('-f, --file <path>', 'migration file', 'teal.yaml')
      .exitOverride()
      .action(async ({ file }: { readonly file: string }) => {
        await orderCanary(loadSpec(file, process.env), name as keyof typeof orders);
        print(said);
      });
    explain(command, { exits: { 0: 'said' }, examples: [[`teal canary ${name}`, does]] });
  }
}
