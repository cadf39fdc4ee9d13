import type { Command } from 'commander';
import { readAnomalies } from '../../app/anomalies.ts';
import { loadSpec } from '../../app/load-spec.ts';
import { explain } from '../explain.ts';
import { exitCodes } from '../exit-codes.ts';
import { print, printJson } from '../print.ts';
import { renderAnomalies } from '../render-anomalies.ts';

export function anomaliesCommand(program: Command): void {
  const command = program
    .command('anomalies')
    .summary('tell what is out of the usual, and when what will be full')
    .description(
      'Tells which numbers of both sides, the flow and the proxy are out of what they were at other times (`anomalies` in the file), and when disk, connections and transaction numbers will be used up if they go on as they did. Changes nothing, asks no system: it reads what the watch has seen.',
    )
    .option('-f, --file <path>', 'migration file', 'teal.yaml')
    .option('--json', 'print JSON', false)
    .action((given: { readonly file: string; readonly json: boolean }) => {
      const seen = readAnomalies(loadSpec(given.file, process.env));
      if (given.json) printJson(seen);
      else print(renderAnomalies(seen));
      if (seen.open.length > 0) process.exitCode = exitCodes.no;
    });
  explain(command, {
    exits: {
      0: 'nothing is out of the usual',
      1: 'nobody looks (TEAL-APP-050), or the command failed',
      3: 'something is: as a gate, or as a question of `soak.health`, it says no',
    },
    examples: [
      ['teal anomalies', 'what is out of the usual now, and what was'],
      ['teal anomalies --json', 'the same for a program'],
    ],
  });
}
