import type { Command } from 'commander';
import type { ConnectorLook, OtherPathLook, OtherPathOptions } from '../../app/other-path.ts';
import { exitCodes } from '../exit-codes.ts';
import { explain } from '../explain.ts';
import { positive } from '../options.ts';
import { print, printJson } from '../print.ts';

interface ConnectorsArguments {
  readonly name: string;
  readonly connect: readonly string[];
  readonly from: string;
  readonly to: string;
  readonly tables: string;
  readonly kafka: string;
  readonly replicationFactor: number;
  readonly topicPrefix: string;
  readonly serverId: number;
  readonly json: boolean;
}

const example =
  "--name shop --connect http://connect:8083 --kafka kafka:9092 --from '${ORACLE_URL}' --to '${GREEN_URL}' --tables SHOP.ORDERS,SHOP.ITEMS";

export function connectorsCommand(program: Command): void {
  const group = program
    .command('connectors')
    .summary('carry Oracle, SQL Server, MySQL or MariaDB into PostgreSQL by Kafka Connect, and no more')
    .description(
      "Debezium's source and its JDBC sink on a cluster of Kafka Connect: rendered, checked by the plugins, deployed, looked at and removed. Nothing is compared, no side is closed, and there is no cut: a migration is `teal up`. Sources of Oracle and SQL Server are deployed by Teal and not yet proven against a live database. docs/guide/kafka-connect.md.",
    );
  checkCommand(group);
  deployCommand(group);
  statusCommand(group);
  retireCommand(group);
  for (const command of group.commands) command.exitOverride();
  explain(group, {
    exits: { 0: 'done', 3: 'of check: a plugin takes a setting for wrong; of status: not there, or not running' },
    examples: [
      [`teal connectors check ${example}`, 'what the plugins say of both configurations; deploys nothing'],
      [`teal connectors deploy ${example}`, 'makes both connectors, and waits until they run'],
    ],
  });
}

function place(command: Command): Command {
  return command
    .requiredOption('--name <name>', 'of the connectors and topics')
    .requiredOption('--connect <url...>', 'REST API of a worker, or of several; ${NAME} is taken from the environment')
    .requiredOption('--from <url>', 'oracle://, sqlserver://, mysql:// or mariadb:// address, as the workers reach it')
    .requiredOption('--to <url>', 'postgres:// address, as the workers reach it; it has the tables already')
    .requiredOption('--tables <schema.table,...>', 'of MySQL and MariaDB: database.table')
    .requiredOption('--kafka <brokers>', 'host:port of brokers as the workers reach them, several with commas')
    .option('--replication-factor <n>', 'of the topic that carries the changes', positive, 3)
    .option('--topic-prefix <text>', 'what the names of topics begin with', 'teal.')
    .option('--server-id <n>', 'MySQL and MariaDB: a number that no other replica has', positive, 57_480)
    .option('--json', 'print JSON', false);
}

function optionsOf(given: ConnectorsArguments): OtherPathOptions {
  const { name, from, to, replicationFactor, topicPrefix, serverId } = given;
  return {
    name,
    from,
    to,
    replicationFactor,
    topicPrefix,
    serverId,
    workers: given.connect,
    tables: given.tables.split(','),
    brokers: given.kafka,
  };
}

function checkCommand(group: Command): void {
  place(group.command('check'))
    .description('Has the plugins look at both configurations. Names the settings that they take for wrong.')
    .action(async (given: ConnectorsArguments) => {
      const { checkConnectors } = await import('../../app/other-path.ts');
      const mistakes = await checkConnectors(optionsOf(given));
      if (given.json) printJson(mistakes);
      else if (mistakes.length === 0) print('Both plugins take their configurations.');
      else print(mistakes.map(({ connector, setting }) => `${connector}: ${setting}`).join('\n'));
      if (mistakes.length > 0) process.exitCode = exitCodes.no;
    });
}

function deployCommand(group: Command): void {
  place(group.command('deploy'))
    .description('Makes both connectors, or has them go on, and waits until they run or have failed.')
    .action(async (given: ConnectorsArguments) => {
      const { deployConnectors } = await import('../../app/other-path.ts');
      tell(await deployConnectors(optionsOf(given)), given.json);
    });
}

function statusCommand(group: Command): void {
  place(group.command('status'))
    .description('Tells whether both run, and whether the source still reads what is there.')
    .action(async (given: ConnectorsArguments) => {
      const { lookAtConnectors } = await import('../../app/other-path.ts');
      tell(await lookAtConnectors(optionsOf(given)), given.json);
    });
}

function retireCommand(group: Command): void {
  place(group.command('retire'))
    .description('Deletes both connectors and their topics. What a source has made in its database stays.')
    .action(async (given: ConnectorsArguments) => {
      const { retireConnectors } = await import('../../app/other-path.ts');
      const topics = await retireConnectors(optionsOf(given));
      if (given.json) printJson({ topics });
      else print(topics.length === 0 ? 'There are none.' : `Both are gone, and with them ${topics.join(', ')}.`);
    });
}

function tell(look: OtherPathLook | undefined, isJson: boolean): void {
  if (isJson) printJson(look ?? null);
  else if (look === undefined) print('Neither connector is there.');
  else
    print(
      [...[look.source, look.sink].map(lineOf), look.inSnapshot ? 'reads the snapshot' : 'reads changes'].join('\n'),
    );
  if (look === undefined || [look.source, look.sink].some(({ state }) => state !== 'runs'))
    process.exitCode = exitCodes.no;
}

function lineOf({ name, state, failed }: ConnectorLook): string {
  return [`${name}: ${state}`, ...failed].join('\n    ');
}
