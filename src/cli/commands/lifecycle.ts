import { createInterface } from 'node:readline/promises';
import { Option, type Command } from 'commander';
import { TealError } from '../../kernel/errors.ts';
import type { Outcome } from '../../app/events.ts';
import type { Migration } from '../../app/migration.ts';
import { topicsCommand } from '../../app/topic-parts.ts';
import { explain, longOptions, type Explanation } from '../explain.ts';
import { withMigration, type MigrationArguments } from '../run-migration.ts';

interface CommandShape {
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  /** What is destroyed; then it asks, unless `--yes` was given. */
  readonly destroys?: string;
  readonly explanation: Explanation;
  readonly work: (migration: Migration, given: LifecycleArguments) => Promise<Outcome>;
}

interface LifecycleArguments extends MigrationArguments {
  readonly yes?: boolean;
  readonly reason?: string;
  readonly early?: boolean;
  readonly stopProxy?: boolean;
  readonly acceptSchema?: string;
  readonly group?: readonly string[];
  readonly topic?: readonly string[];
}

const shapes: readonly CommandShape[] = [
  {
    name: 'up',
    summary: 'do everything up to the next thing that needs a person',
    description:
      'Assesses, prepares, copies, follows, verifies and asks the gates; goes on from wherever an earlier run ended, also after kill -9. Stops where a person is awaited and says what to type.',
    explanation: {
      exits: {
        0: 'green is live already, or every gate said yes and it is now',
        3: 'blockers were found, or a gate says no',
        4: 'a person is awaited: the last line says what to type',
        130: 'interrupted; the same command goes on from there',
      },
      examples: [
        ['teal up', 'goes as far as it can, under a screen that tells where it is'],
        ['teal up --json --events 2> events.jsonl', 'the same for a program'],
        ['teal up --standby', 'waits while another controller leads, and takes over when it ends'],
      ],
    },
    work: async (migration) => migration.up(),
  },
  {
    name: 'cutover',
    summary: 'say yes, and make green live',
    description:
      'Says yes to the gates that ask a person, and cuts over once all others say yes too. Clients wait for a moment; none fails. Past cutover.maxPause it is given up and blue goes on.',
    explanation: {
      exits: {
        0: 'green is live',
        3: 'a gate says no, or blockers were found; blue is live',
        130: 'interrupted; the same command goes on from there',
      },
      examples: [
        ['teal cutover', 'green is live when it ends; `teal rollback` goes back'],
        [
          `teal cutover --topic shop.orders 'audit.*'`,
          'Kafka: the producers of these topics write to green, all others to blue',
        ],
      ],
    },
    work: async (migration, { group = [], topic = [] }) => {
      if (group.length > 0) return migration.moveReaders('green', group);
      return topic.length === 0 ? migration.cutover() : migration.cutoverTopics(topic);
    },
  },
  {
    name: 'rollback',
    summary: 'make blue live again, with every write that green took',
    description: 'A cut in the other direction. No new snapshot, no lost write; `teal cutover` goes forward again.',
    explanation: {
      exits: { 0: 'blue is live', 3: 'blue was live already', 130: 'interrupted; the same command goes on from there' },
      examples: [
        [`teal rollback --reason 'slow reports'`, 'blue is live when it ends, and the reason is in the report'],
      ],
    },
    work: async (migration, { group = [], reason = 'not given' }) =>
      group.length === 0 ? migration.rollback(reason) : migration.moveReaders('blue', group),
  },
  {
    name: 'finalise',
    summary: 'end the migration: there is no way back after it',
    description:
      'Takes slots, publications, triggers and schema teal away from both sides and proves it. Blue stays closed to writes (finalise.blue: keep). Refused until green has been live for soak.for and finalise.after, unless --early. The proxy goes on until clients are pointed at green and it is ended by --stop-proxy.',
    destroys: 'the way back to blue',
    explanation: {
      exits: {
        0: 'nothing of Teal is left but the fence on blue',
        3: 'green is not live, or not for long enough',
        130: 'interrupted; the same command goes on from there',
      },
      examples: [
        ['teal finalise', 'asks, then ends the migration'],
        ['teal finalise --yes --stop-proxy', 'the same without a question, when no client needs the proxy any more'],
      ],
    },
    work: async (migration, given) =>
      endTraffic(migration, given, await migration.finalise({ early: given.early ?? false })),
  },
  {
    name: 'abort',
    summary: 'undo everything, while blue is live',
    description:
      'Stops both flows and takes away everything that Teal made: on blue its slot, publication and schema, on green also the tables and rows that were copied. The proxy goes on until clients are pointed at blue and it is ended by --stop-proxy.',
    destroys: 'all that was copied to green',
    explanation: {
      exits: {
        0: 'nothing of Teal is left on either side',
        3: 'green is live: go back first',
        130: 'interrupted; the same command goes on from there',
      },
      examples: [[`teal abort --yes --reason 'another day'`, 'both sides are as they were before `teal up`']],
    },
    work: async (migration, given) => endTraffic(migration, given, await migration.abort(given.reason ?? 'not given')),
  },
];

export function lifecycleCommands(program: Command): void {
  for (const shape of shapes) {
    const command = longOptions(program.command(shape.name).summary(shape.summary).description(shape.description));
    explain(command, shape.explanation);
    if (shape.name === 'up') {
      command.option('--standby', 'where another controller leads, wait for its end and take over then', false);
      command.option(
        '--take-proxy',
        'clients are pointed at the proxy of this machine: the one that they used is gone for good',
        false,
      );
    }
    if (shape.destroys !== undefined) command.option('--yes', 'do not ask', false);
    if (shape.name === 'finalise') command.option('--early', 'do not wait for the end of the soak', false);
    if (shape.destroys !== undefined) {
      command.option('--stop-proxy', 'end the proxy too; its clients are told that the server shuts down', false);
    }
    if (shape.name === 'cutover' || shape.name === 'rollback') {
      command.option(
        '--accept-schema <digest>',
        'accept the differences between the schemas that were listed under it',
      );
      command.option('--group <name...>', 'Kafka: move these consumer groups alone; producers stay where they are');
    }
    if (shape.name === 'cutover') {
      command.addOption(
        new Option(
          '--topic <name...>',
          'Kafka: move the producers of these topics alone, * for any characters; the others stay on blue',
        ).conflicts('group'),
      );
    }
    if (shape.name === 'rollback' || shape.name === 'abort') command.option('--reason <text>', 'for the journal');
    command.action(async (given: LifecycleArguments) => {
      if (shape.destroys !== undefined && given.yes !== true) await confirm(shape.name, shape.destroys);
      const name = journalName(shape.name, given);
      await withMigration(name, given, async (migration) => {
        if (given.acceptSchema !== undefined) await migration.acceptSchema(given.acceptSchema);
        return shape.work(migration, given);
      });
    });
  }
}

/** Groups that go back are no rollback, and some topics not all: who takes over must not take it for one. */
function journalName(command: string, { group = [], topic = [] }: LifecycleArguments): string {
  if (group.length > 0) return `${command} --group`;
  return topic.length > 0 ? topicsCommand : command;
}

/** The proxy has clients: it goes on unless it is said that nobody needs it any more. */
async function endTraffic(migration: Migration, given: LifecycleArguments, outcome: Outcome): Promise<Outcome> {
  if (given.stopProxy !== true || outcome.outcome !== 'done') return outcome;
  await migration.closeTraffic();
  return { ...outcome, next: [] };
}

async function confirm(name: string, destroys: string): Promise<void> {
  if (!process.stdin.isTTY) throw new TealError('TEAL-CLI-003', `\`teal ${name}\` ends ${destroys}`, { command: name });
  const ask = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await ask.question(`This ends ${destroys}. Type ${name} to go on: `);
    if (answer.trim() !== name)
      throw new TealError('TEAL-CLI-003', 'not confirmed; nothing was done', { command: name });
  } finally {
    ask.close();
  }
}
