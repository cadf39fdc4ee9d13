import { Command, CommanderError, Help, type Option } from 'commander';
import { isTealError } from '../kernel/errors.ts';
import { tealVersion } from '../kernel/version.ts';
import { journalVariable } from '../app/journal-place.ts';
import { anomaliesCommand } from './commands/anomalies.ts';
import { assessCommand } from './commands/assess.ts';
import { baselineCommand } from './commands/baseline.ts';
import { canaryCommand } from './commands/canary.ts';
import { captureCommand } from './commands/capture.ts';
import { connectorsCommand } from './commands/connectors.ts';
import { exportCommand } from './commands/export.ts';
import { initCommand } from './commands/init.ts';
import { journalCommands } from './commands/journal.ts';
import { lifecycleCommands } from './commands/lifecycle.ts';
import { outboxCommand } from './commands/outbox.ts';
import { planCommand } from './commands/plan.ts';
import { proxyCommand } from './commands/proxy.ts';
import { replayCommand } from './commands/replay.ts';
import { serveCommand } from './commands/serve.ts';
import { verifyCommand } from './commands/verify.ts';
import { exitCodes } from './exit-codes.ts';
import { errorJson, errorText, printJson } from './print.ts';

export function buildProgram(): Command {
  const program = new Command('teal')
    .description(
      'Moves a live database from blue to green with no failed query, proves both sides equal, and can go back without losing a write.',
    )
    .version(tealVersion)
    .showHelpAfterError('(teal --help lists the commands)')
    .configureHelp({ helpWidth: 80, optionDescription: describeOption })
    .exitOverride()
    .addHelpText(
      'after',
      `\nExit codes: 0 done, 1 failed, 2 mistakes in the command or the file,\n3 the answer is no (blockers, differences, a gate), 4 a person is awaited,\n130 interrupted. \`teal help up\` tells them, and examples, for one command.`,
    );
  initCommand(program);
  assessCommand(program);
  planCommand(program);
  lifecycleCommands(program);
  canaryCommand(program);
  verifyCommand(program);
  proxyCommand(program);
  captureCommand(program);
  replayCommand(program);
  baselineCommand(program);
  anomaliesCommand(program);
  serveCommand(program);
  outboxCommand(program);
  exportCommand(program);
  connectorsCommand(program);
  journalCommands(program);
  for (const command of program.commands) command.exitOverride();
  program.commands.forEach(journalOption);
  program.hook('preAction', (_, command) => nameJournal(command.opts()));
  return program;
}

/** Whatever reads a migration file reads its journal, or refuses to make a second one. */
function journalOption(command: Command): void {
  command.commands.forEach(journalOption);
  if (!command.options.some(({ long, description }) => long === '--file' && description === 'migration file')) return;
  command.option(
    '--journal <url>',
    'keep the journal in this PostgreSQL, for several controllers; better set in TEAL_JOURNAL, where no list of processes shows it',
  );
}

/** As the variable, which the processes that this one starts have too. */
function nameJournal({ journal }: { readonly journal?: unknown }): void {
  if (typeof journal === 'string') process.env[journalVariable] = journal;
}

/** A switch is off by default: that need not be said. */
function describeOption(this: Help, option: Option): string {
  return option.defaultValue === false ? option.description : Help.prototype.optionDescription.call(this, option);
}

/** Runs one command line; returns the exit code. Everything that is thrown ends here, as text for a person or JSON for a program. */
export async function main(argv: readonly string[]): Promise<number> {
  process.exitCode = exitCodes.ok;
  try {
    await buildProgram().parseAsync([...argv], { from: 'user' });
    const code: unknown = process.exitCode;
    return typeof code === 'number' ? code : exitCodes.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    if (argv.includes('--json')) printJson(errorJson(error));
    else process.stderr.write(`${errorText(error)}\n`);
    return exitCodeOf(error);
  }
}

function exitCodeOf(error: unknown): number {
  if (!isTealError(error)) return exitCodes.failed;
  if (error.code === 'TEAL-APP-001') return exitCodes.no;
  return error.code.startsWith('TEAL-SPEC') ? exitCodes.usage : exitCodes.failed;
}
