import type { Command } from 'commander';
import { compareWithBaseline, keepBaseline, keyStatements, loadOf } from '../../app/baseline.ts';
import { loadSpec } from '../../app/load-spec.ts';
import { explain } from '../explain.ts';
import { exitCodes } from '../exit-codes.ts';
import { times } from '../options.ts';
import { print, printJson } from '../print.ts';
import { renderComparison, renderLoad } from '../render-load.ts';

interface BaselineArguments {
  readonly file: string;
  readonly keep?: string;
  readonly compare?: string;
  readonly slowerThan: number;
  readonly json: boolean;
}

export function baselineCommand(program: Command): void {
  const command = program
    .command('baseline')
    .summary('keep what statements cost, and compare with it later')
    .description(
      'Reads a capture and tells its statements, those first that took the most time, with p50/p95/p99. Keeps them under a name in the state folder, without any value of a statement, or compares them with what was kept.',
    )
    .argument('<capture>', 'file of `teal capture`')
    .option('-f, --file <path>', 'migration file', 'teal.yaml')
    .option('--keep <name>', 'keep it under this name, in place of an earlier one')
    .option('--compare <name>', 'compare it with what is kept under this name')
    .option('--slower-than <times>', 'a statement is slower when its p95 is so many times what it was', times, 2)
    .option('--json', 'print JSON', false)
    .action(async (capture: string, given: BaselineArguments) => {
      const loaded = loadSpec(given.file, process.env);
      if (given.compare !== undefined) {
        const found = await compareWithBaseline(loaded, capture, given.compare, given.slowerThan);
        if (given.json) printJson(found);
        else print(renderComparison(found));
        if (found.because.length > 0) process.exitCode = exitCodes.no;
        return;
      }
      const statements =
        given.keep === undefined
          ? await loadOf(capture)
          : keyStatements((await keepBaseline(loaded, capture, given.keep)).statements);
      if (given.json) printJson({ statements });
      else
        print(
          `${statements.length} statements${given.keep === undefined ? '' : `, kept as ${given.keep}`}\n${renderLoad(statements)}`,
        );
    });
  explain(command, {
    exits: {
      0: 'told or kept; with --compare: no statement fails more often or is slower',
      3: 'with --compare: one is',
    },
    examples: [
      ['teal baseline before.jsonl --keep blue', 'what statements cost on blue, before the cut'],
      ['teal baseline after.jsonl --compare blue', 'what they cost now, against that'],
    ],
  });
}
