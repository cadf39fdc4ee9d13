import { InvalidArgumentError, type Command } from 'commander';
import { loadSpec } from '../../app/load-spec.ts';
import { expand } from '../../app/outbox/address.ts';
import { explain } from '../explain.ts';
import { exitCodes } from '../exit-codes.ts';
import { positive, times } from '../options.ts';
import { print, printJson } from '../print.ts';
import { renderReplay } from '../render-load.ts';
import { untilInterrupted } from '../until-interrupted.ts';

interface ReplayArguments {
  readonly file: string;
  readonly side: 'blue' | 'green';
  readonly to?: string;
  readonly speed: number;
  readonly connections: number;
  readonly writes: boolean;
  readonly slowerThan: number;
  readonly json: boolean;
}

export function replayCommand(program: Command): void {
  const command = program
    .command('replay')
    .summary('put a capture to green, and compare its latencies with the recorded ones')
    .description(
      'Asks what `teal capture` has recorded of the side that is not live, session by session, at the pace of the clients times --speed. Only what reads is asked, in transactions that can write nothing; --writes asks everything of a scratch copy (--to). Tells by statement counts, errors and p50/p95/p99 of both. Refuses the live side, and ends when its side becomes live.',
    )
    .argument('<capture>', 'file of `teal capture`')
    .option('-f, --file <path>', 'migration file', 'teal.yaml')
    .option('--side <side>', 'blue or green', side, 'green')
    .option('--to <url>', 'another database in place of the side; ${NAME} in it is taken from the environment')
    .option('--speed <times>', 'how many times as fast as it was recorded', times, 1)
    .option('--connections <n>', 'sessions at the same time; more are left out', positive, 100)
    .option('--writes', 'ask also what writes; only where no flow is', false)
    .option('--slower-than <times>', 'a statement is slower when its p95 is so many times what it was', times, 2)
    .option('--json', 'print JSON', false)
    .action(async (capture: string, given: ReplayArguments) => {
      const { side: of, to, speed, connections, writes, slowerThan } = given;
      const loaded = loadSpec(given.file, process.env);
      const address = to === undefined ? {} : { to: expand(to, process.env) };
      const { replayCapture } = await import('../../app/replay.ts');
      const found = await untilInterrupted(async (signal) =>
        replayCapture({ loaded, capture, side: of, speed, connections, writes, slowerThan, signal, ...address }),
      );
      if (found === undefined) return;
      if (given.json) printJson(found);
      else print(renderReplay(found));
      if (found.because.length > 0) process.exitCode = exitCodes.no;
    });
  explain(command, {
    exits: {
      0: 'no statement fails more often or is slower than when it was recorded',
      3: 'one is, a session was lost, or the pace could not be kept',
      130: 'interrupted',
    },
    examples: [
      ['teal replay monday.jsonl', 'what clients read on blue, asked of green at the same pace'],
      ['teal replay monday.jsonl --speed 5', 'five times as fast'],
      ["teal replay monday.jsonl --writes --to '${SCRATCH_URL}'", 'everything, on a copy that nobody follows'],
    ],
  });
}

function side(text: string): string {
  if (text !== 'blue' && text !== 'green') throw new InvalidArgumentError('It is blue or green.');
  return text;
}
