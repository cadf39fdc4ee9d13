import { InvalidArgumentError, Option, type Command } from 'commander';
import { positive } from '../options.ts';
import { expand } from '../../app/outbox/address.ts';
import {
  deadLetters,
  discardLetters,
  initOutbox,
  outboxDdl,
  outboxStatus,
  retryLetters,
  unfollowOutbox,
} from '../../app/outbox/index.ts';
import { renderLetters, renderOutbox } from '../render-outbox.ts';
import { explain } from '../explain.ts';
import { exitCodes } from '../exit-codes.ts';
import { print, printJson } from '../print.ts';

interface PlaceArguments {
  readonly from: string;
  readonly table: string;
}

interface RelayArguments extends PlaceArguments {
  readonly to: string;
  readonly by: 'polling' | 'log';
  readonly header?: readonly string[];
  readonly timeout: number;
  readonly lanes: number;
  readonly attempts: number;
  readonly patience: number;
  readonly topicPrefix: string;
  readonly toTable?: string;
  readonly metrics?: string;
}

const fromEnvironment = '${NAME} in it is taken from the environment';

export function outboxCommand(program: Command): void {
  const outbox = program
    .command('outbox')
    .summary('deliver events of an outbox table to Kafka, a webhook or another database')
    .description(
      'An outbox is a table in which an application writes events in the transaction that they tell of. The relay delivers them, in order for each aggregate, at least once, each under its id. An event that the receiver refuses becomes a dead letter: the later ones of its aggregate wait behind it, others go on. docs/guide/outbox.md.',
    );
  initCommand(outbox);
  relayCommand(outbox);
  statusCommand(outbox);
  letterCommands(outbox);
  unfollowCommand(outbox);
  for (const command of outbox.commands) command.exitOverride();
  explain(outbox, {
    exits: {
      0: 'done, or ended when told to',
      3: 'of status: a letter is dead, no relay runs while events wait or a slot keeps the log, or the log cannot be read',
    },
    examples: [
      ["teal outbox init --from '${SHOP_URL}' --print", 'the statements that make the tables'],
      [
        "teal outbox relay --from '${SHOP_URL}' --to https://shipping.example/events",
        'delivers until it is told to end',
      ],
      ["teal outbox status --from '${SHOP_URL}'", 'what waits, and whether a relay runs'],
      ["teal outbox retry --from '${SHOP_URL}' --all", 'has all dead letters delivered again'],
    ],
  });
}

function place(command: Command): Command {
  return command
    .requiredOption('--from <url>', `address of the database that has the outbox; ${fromEnvironment}`)
    .option('--table <schema.name>', 'the outbox', 'outbox');
}

function placeOf({ from, table }: PlaceArguments): PlaceArguments {
  return { from: expand(from, process.env), table };
}

function initCommand(outbox: Command): void {
  place(outbox.command('init'))
    .description('Makes the outbox, the table of its dead letters and that of its relay, where they are missing.')
    .option('--print', 'print the statements, do nothing', false)
    .action(async (given: PlaceArguments & { readonly print: boolean }) => {
      const at = placeOf(given);
      if (given.print) {
        print(`${outboxDdl(at).join(';\n\n')};`);
        return;
      }
      await initOutbox(at);
      print(`The outbox ${at.table} is there.`);
    });
}

function relayCommand(outbox: Command): void {
  place(outbox.command('relay'))
    .description(
      'Delivers until it is told to end. A second one waits beside the first and goes on when that ends. Logs JSON lines to standard output; SIGTERM and Ctrl-C end it after what it delivers.',
    )
    .requiredOption('--to <url>', `http(s)://, kafka://, postgres:// or mysql:// address; ${fromEnvironment}`)
    .addOption(
      new Option('--by <way>', 'how it hears of events: it looks at the table, or follows the log of a PostgreSQL')
        .choices(['polling', 'log'])
        .default('polling'),
    )
    .option('--header <name: value>', `webhook: a header, as a secret; may be repeated; ${fromEnvironment}`, collect)
    .option('--timeout <seconds>', 'webhook: for one answer', positive, 10)
    .option('--lanes <n>', 'webhook: requests side by side, never two of one aggregate', positive, 8)
    .option('--topic-prefix <text>', 'Kafka: a topic is this and the aggregatetype', 'outbox.event.')
    .option('--to-table <schema.name>', 'PostgreSQL and MySQL: the table that takes the events')
    .option('--attempts <n>', 'tries of an event that fails, before it is a dead letter', positive, 5)
    .option('--metrics <host:port>', 'answer /metrics there, for Prometheus')
    .option('--patience <seconds>', 'how long the receiver or the database may be away', positive, 3_600)
    .action(async (given: RelayArguments) => {
      const { runOutbox } = await import('../../app/outbox/run-outbox.ts');
      await runOutbox({
        ...placeOf(given),
        to: expand(given.to, process.env),
        by: given.by,
        headers: Object.fromEntries((given.header ?? []).map((each) => headerOf(expand(each, process.env)))),
        timeoutMs: given.timeout * 1_000,
        lanes: given.lanes,
        topicPrefix: given.topicPrefix,
        ...(given.toTable === undefined ? {} : { toTable: given.toTable }),
        ...(given.metrics === undefined ? {} : { metrics: given.metrics }),
        limits: { attempts: given.attempts, patienceMs: given.patience * 1_000 },
      });
    });
}

function statusCommand(outbox: Command): void {
  place(outbox.command('status'))
    .description('Tells what waits, how old it is, the dead letters, and whether a relay runs.')
    .option('--json', 'print JSON', false)
    .action(async (given: PlaceArguments & { readonly json: boolean }) => {
      const look = await outboxStatus(placeOf(given));
      if (given.json) printJson(look);
      else print(renderOutbox(look));
      const isRelayed = look.relay?.runs === true;
      const isLogWell = look.log === undefined || (isRelayed && look.log.state === 'usable');
      if (look.dead > 0 || (look.pending > 0 && !isRelayed) || !isLogWell) process.exitCode = exitCodes.no;
    });
}

function unfollowCommand(outbox: Command): void {
  place(outbox.command('unfollow'))
    .description(
      'Ends following by the log: drops the slot and the publication, so that the server keeps nothing for a relay. What is not delivered is in the table; messages, and rows that the application deleted itself, are not. No relay may run.',
    )
    .action(async (given: PlaceArguments) => {
      await unfollowOutbox(placeOf(given));
      print(`The outbox ${given.table} is not followed by its log.`);
    });
}

function letterCommands(outbox: Command): void {
  place(outbox.command('letters'))
    .description('Lists the dead letters and what waits behind them, the oldest first.')
    .option('--limit <n>', 'so many at most', positive, 100)
    .option('--json', 'print JSON', false)
    .action(async (given: PlaceArguments & { readonly limit: number; readonly json: boolean }) => {
      const letters = await deadLetters({ ...placeOf(given), limit: given.limit });
      if (given.json) printJson(letters);
      else print(renderLetters(letters));
    });
  const retry = place(outbox.command('retry'));
  retry
    .description('Has letters delivered again: of these ids the whole aggregates, in their order; or all.')
    .argument('[id...]', 'ids of letters')
    .option('--all', 'every letter', false)
    .action(async (ids: readonly string[], given: PlaceArguments & { readonly all: boolean }) => {
      if (given.all === ids.length > 0) retry.error('teal outbox retry takes ids or --all', { exitCode: 2 });
      print(`${await retryLetters(placeOf(given), given.all ? 'all' : ids)} letters are delivered again.`);
    });
  place(outbox.command('discard'))
    .description('Throws dead letters away, for good. What waits behind them is delivered.')
    .argument('<id...>', 'ids of dead letters')
    .action(async (ids: readonly string[], given: PlaceArguments) => {
      print(`${await discardLetters(placeOf(given), ids)} letters are thrown away.`);
    });
}

function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

function headerOf(text: string): readonly [string, string] {
  const [, name, value] = /^([\w-]+):\s*(.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError('A header is `name: value`.');
  return [name.toLowerCase(), value];
}
