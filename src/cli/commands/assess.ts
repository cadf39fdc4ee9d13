import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { loadSpec } from '../../app/load-spec.ts';
import { explain } from '../explain.ts';
import { exitCodes } from '../exit-codes.ts';
import { print, printJson } from '../print.ts';

interface AssessArguments {
  readonly file: string;
  readonly json: boolean;
  readonly out?: string;
  readonly mapping?: string;
  readonly profile: boolean;
}

export function assessCommand(program: Command): void {
  const command = program
    .command('assess')
    .summary('look at both systems and tell what stands in the way')
    .description(
      'Looks at both systems, changes nothing, and tells every blocker, warning and note with the statement that mends it.',
    )
    .option('-f, --file <path>', 'migration file', 'teal.yaml')
    .option('--out <path>', 'also write the inventory and all findings as Markdown')
    .option('--mapping <path>', 'also write how the schema is translated, as Markdown or (.json) JSON: from MySQL')
    .option('--profile', 'also read every row of blue once, to count what green cannot hold: from MySQL', false)
    .option('--json', 'print JSON', false)
    .action(async (given: AssessArguments) => {
      const { spec } = loadSpec(given.file, process.env);
      const { assessPair } = await import('../../app/assess.ts');
      const assessed = await assessPair(spec, { profile: given.profile });
      if (given.out !== undefined) writeFileSync(given.out, assessed.render('markdown'));
      if (given.mapping !== undefined && assessed.mapping !== undefined) {
        writeFileSync(
          given.mapping,
          given.mapping.endsWith('.json') ? assessed.mapping.json : assessed.mapping.markdown,
        );
      }
      if (given.json) printJson(assessed.assessment);
      else print(assessed.render('text'));
      if (assessed.blockers > 0) process.exitCode = exitCodes.no;
    });
  explain(command, {
    exits: { 0: 'nothing stands in the way', 3: 'there are blockers: `teal up` would refuse' },
    examples: [
      ['teal assess --out inventory.md', 'tells the findings, and writes them with the inventory of both sides'],
      [
        'teal assess --profile --mapping mapping.md',
        'from MySQL: what becomes of each column, and which rows do not fit',
      ],
      [`teal assess --json | jq -r '.findings[].mend // empty'`, 'the statements that mend what was found'],
    ],
  });
}
