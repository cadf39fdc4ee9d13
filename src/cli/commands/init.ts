import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { initFile } from '../../app/init.ts';
import { explain } from '../explain.ts';
import { TealError } from '../../kernel/errors.ts';
import { print, printJson } from '../print.ts';

interface InitArguments {
  readonly blue?: string;
  readonly green?: string;
  readonly name: string;
  readonly file: string;
  readonly force: boolean;
  readonly json: boolean;
}

export function initCommand(program: Command): void {
  const command = program
    .command('init')
    .summary('write a migration file, from a look at both systems')
    .description(
      'Looks at both systems and writes a commented migration file. It holds no password: the URLs stay in BLUE_URL and GREEN_URL. Changes nothing on either side.',
    )
    .option('--blue <url>', 'the old system (default: $BLUE_URL)')
    .option('--green <url>', 'the new system (default: $GREEN_URL)')
    .option('--name <name>', 'name of the migration', 'migration')
    .option('-f, --file <path>', 'file to write', 'teal.yaml')
    .option('--force', 'write over a file that is there', false)
    .option('--json', 'print JSON', false)
    .action(async (given: InitArguments) => {
      const blueUrl = urlOf(given.blue, 'BLUE_URL');
      const greenUrl = urlOf(given.green, 'GREEN_URL');
      const text = await initFile({ name: given.name, blueUrl, greenUrl });
      write(given, text);
      if (given.json) printJson({ file: given.file });
      else print(`Wrote ${given.file}. Next: ${nextOf(given)}\`teal assess\`.`);
    });
  explain(command, {
    exits: { 0: 'the file is written' },
    examples: [
      ['BLUE_URL=postgres://… GREEN_URL=postgres://… teal init --name shop', 'looks at both and writes teal.yaml'],
    ],
  });
}

/** The file takes both URLs from the environment: said where one was given by an option. */
function nextOf({ blue, green }: InitArguments): string {
  const missing = [blue === undefined ? [] : ['BLUE_URL'], green === undefined ? [] : ['GREEN_URL']].flat();
  return missing.length === 0 ? '' : `export ${missing.join(' and ')}, then `;
}

function urlOf(given: string | undefined, variable: string): string {
  const url = given ?? process.env[variable];
  if (url === undefined || url === '') {
    throw new TealError('TEAL-CLI-001', `no URL: set ${variable} or give the option`, { variable });
  }
  return url;
}

function write({ file, force }: InitArguments, text: string): void {
  try {
    writeFileSync(file, text, { flag: force ? 'w' : 'wx' });
  } catch (error) {
    throw new TealError('TEAL-CLI-002', `${file} was not written`, { file }, error);
  }
}
