import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { loadSpec } from '../../app/load-spec.ts';
import { planMigration } from '../../app/plan-migration.ts';
import { explain } from '../explain.ts';
import { exitCodes } from '../exit-codes.ts';
import { print, printJson } from '../print.ts';

interface PlanArguments {
  readonly file: string;
  readonly json: boolean;
  readonly out?: string;
}

export function planCommand(program: Command): void {
  const command = program
    .command('plan')
    .summary('tell every step before anything runs')
    .description(
      'Prints every step with what it does, what it locks and for how long at most, what it costs and how it is undone: the same steps that `teal up` runs. Changes nothing.',
    )
    .option('-f, --file <path>', 'migration file', 'teal.yaml')
    .option('--out <path>', 'also write it as Markdown')
    .option('--json', 'print JSON', false)
    .action(async (given: PlanArguments) => {
      const planned = await planMigration(loadSpec(given.file, process.env), new AbortController().signal);
      const color = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
      const options = { width: Math.min(process.stdout.columns ?? 80, 100), color };
      if (given.out !== undefined) writeFileSync(given.out, planned.render('markdown', options));
      if (given.json) printJson(planned.plan);
      else print(planned.render('text', options));
      if (planned.plan.hazards.some(({ severity }) => severity === 'stops')) process.exitCode = exitCodes.no;
    });
  explain(command, {
    exits: { 0: 'it can be run', 3: 'something stops it; the plan says what' },
    examples: [['teal plan --out plan.md', 'the plan, also as a document to be agreed on']],
  });
}
