import type { Command } from 'commander';
import { captureTraffic, stopCapture } from '../../app/capture.ts';
import { loadSpec } from '../../app/load-spec.ts';
import { explain } from '../explain.ts';
import { exitCodes } from '../exit-codes.ts';
import { duration, size } from '../options.ts';
import { print, printJson } from '../print.ts';
import { renderCaptured } from '../render-load.ts';
import { untilInterrupted } from '../until-interrupted.ts';

interface CaptureArguments {
  readonly file: string;
  readonly out: string;
  readonly for: number;
  readonly limit: number;
  readonly redact: boolean;
  readonly stop: boolean;
  readonly json: boolean;
}

export function captureCommand(program: Command): void {
  const command = program
    .command('capture')
    .summary('record what clients ask, for a replay or a baseline')
    .description(
      'Has the proxy that runs record statements, parameters, times and sessions of its clients into a file (mode 0600). No client waits for it: what the file cannot take is dropped and counted. It ends after --for or at --limit, or with Ctrl-C, and what was recorded is kept. docs/guide/capture.md.',
    )
    .option('-f, --file <path>', 'migration file', 'teal.yaml')
    .option('--out <path>', 'the file to make', 'capture.jsonl')
    .option('--for <duration>', 'how long', duration, 600_000)
    .option('--limit <size>', 'the file is no larger', size, 256e6)
    .option('--redact', 'replace literals and parameters by others of their kind and length', false)
    .option('--stop', 'end a capture that runs, whoever began it', false)
    .option('--json', 'print JSON', false)
    .action(async (given: CaptureArguments) => {
      const loaded = loadSpec(given.file, process.env);
      if (given.stop) {
        const tally = await stopCapture(loaded);
        if (given.json) printJson(tally);
        else print(`Ended: ${tally.asks} asks of ${tally.sessions} sessions.`);
        return;
      }
      const { out, for: forMs, limit: limitBytes, redact } = given;
      const captured = await untilInterrupted(async (signal) =>
        captureTraffic({ loaded, out, forMs, limitBytes, redact, signal }),
      );
      if (captured === undefined) return;
      if (given.json) printJson(captured);
      else print(renderCaptured(captured));
      if (captured.asks === 0) process.exitCode = exitCodes.no;
    });
  explain(command, {
    exits: { 0: 'recorded, also when Ctrl-C has ended it', 3: 'nothing was asked meanwhile' },
    examples: [
      ['teal capture --for 10m --out monday.jsonl', 'what clients ask in ten minutes, with its values'],
      ['teal capture --for 1h --redact --out monday.jsonl', 'the same without their values'],
    ],
  });
}
