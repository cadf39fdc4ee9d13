import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { loadSpec } from '../../app/load-spec.ts';
import type { Spec } from '../../spec/spec.ts';
import { explain } from '../explain.ts';
import { positive } from '../options.ts';
import { print } from '../print.ts';

interface FlinkCdcArguments {
  readonly file: string;
  readonly kafka?: string;
  readonly parallelism?: number;
  readonly out?: string;
}

interface ConfluentArguments {
  readonly file: string;
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
    examples: [
      ['teal export flink-cdc --kafka kafka-1:9092', 'a pipeline of Flink CDC'],
      ['teal export cluster-linking', 'of topics: the calls that make a link between the clusters'],
    ],
  });
  flinkCdcCommand(group);
  confluentCommand(group, {
    name: 'replicator',
    summary: 'topics, as a connector of Confluent Replicator',
    description:
      'Prints name and configuration of a connector, for `POST /connectors` of Kafka Connect: the topics of the file under their own names, byte for byte. Without passwords: variables stand in their places.',
    write: async (spec) => (await import('../../app/export-confluent.ts')).exportReplicator(spec),
  });
  confluentCommand(group, {
    name: 'cluster-linking',
    summary: 'topics, as calls of the REST API of Confluent Cluster Linking',
    description:
      'Prints calls of the REST API (version 3) of green: those that make the link and its mirrors, that tell how far they are, that end them when producers have stopped, and that delete the link. Without passwords: variables stand in their places.',
    write: async (spec) => (await import('../../app/export-confluent.ts')).exportClusterLink(spec),
  });
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
      const { exportFlinkCdc } = await import('../../app/export-flink-cdc.ts');
      const text = await exportFlinkCdc(loadSpec(file, process.env).spec, { brokers: kafka, parallelism });
      if (out === undefined) print(text);
      else writeFileSync(out, text);
    });
  explain(command, {
    exits: { 0: 'written' },
    examples: [['teal export flink-cdc --kafka kafka-1:9092 --out pipeline.yaml', 'for `flink-cdc.sh pipeline.yaml`']],
  });
}

interface ConfluentExport {
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  readonly write: (spec: Spec) => Promise<unknown>;
}

function confluentCommand(group: Command, { name, summary, description, write }: ConfluentExport): void {
  const command = group
    .command(name)
    .summary(summary)
    .description(
      `${description} An export alone, checked against the answers of the manual and not against a cluster of Confluent's: Teal sends nothing, compares nothing of what it carries, and cannot cut over to it. docs/guide/kafka-connect.md.`,
    )
    .option('-f, --file <path>', 'migration file', 'teal.yaml')
    .option('--out <path>', 'write it there in place of printing it')
    .action(async ({ file, out }: ConfluentArguments) => {
      const text = JSON.stringify(await write(loadSpec(file, process.env).spec), undefined, 2);
      if (out === undefined) print(text);
      else writeFileSync(out, `${text}\n`);
    });
  explain(command, { exits: { 0: 'written' }, examples: [[`teal export ${name} --out ${name}.json`, 'into a file']] });
}
