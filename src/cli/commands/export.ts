import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { exportFlinkCdc } from '../../app/export-flink-cdc.ts';
import { loadSpec } from '../../app/load-spec.ts';
import { explain } from '../explain.ts';
import { positive } from '../options.ts';
import { print } from '../print.ts';

interface FlinkCdcArguments {
  readonly file: string;
  readonly kafka?: string;
  readonly parallelism?: number;
  readonly out?: string;
}

/** What other programs take for the same move. Teal makes it and does nothing with it. */
export function exportCommand(program: Command): void {
  const group = program
    .command('export')
    .summary('write the migration as a file of another program')
    .description('Writes the migration as a file that another program takes. Changes nothing, and runs nothing.');
  explain(group, {
    exits: { 0: 'written' },
    examples: [['teal export flink-cdc --kafka kafka-1:9092', 'a pipeline of Flink CDC']],
  });
  flinkCdcCommand(group);
  for (const command of group.commands) command.exitOverride();
}

function flinkCdcCommand(group: Command): void {
  const command = group
    .command('flink-cdc')
    .summary('as a pipeline of Flink CDC, from blue into Kafka')
    .description(
      'Prints a pipeline definition of Flink CDC 3.5: blue as its source, a topic of Kafka for each table, a route for each. Without passwords. An export alone: Teal does not submit it, compares nothing of what it carries, and cannot cut over to it. docs/guide/kafka-connect.md.',
    )
    .option('-f, --file <path>', 'migration file', 'teal.yaml')
    .option(
      '--kafka <brokers>',
      'host:port of brokers that Flink reaches, several with commas (default: `connect.kafka`)',
    )
    .option('--parallelism <n>', 'of the pipeline (default: `copy.workers`)', positive)
    .option('--out <path>', 'write it there in place of printing it')
    .action(async ({ file, kafka, parallelism, out }: FlinkCdcArguments) => {
      const text = await exportFlinkCdc(loadSpec(file, process.env).spec, { brokers: kafka, parallelism });
      if (out === undefined) print(text);
      else writeFileSync(out, text);
    });
  explain(command, {
    exits: { 0: 'written' },
    examples: [['teal export flink-cdc --kafka kafka-1:9092 --out pipeline.yaml', 'for `flink-cdc.sh pipeline.yaml`']],
  });
}
