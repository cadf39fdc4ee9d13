import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { monotonicMs } from '../../kernel/clock.ts';
import { describeError } from '../../kernel/errors.ts';
import type { Gate, GateAnswer } from '../../ports/gate.ts';

export interface BackupGateOptions {
  readonly id: string;
  /** Program and arguments; no shell. It inherits the environment. */
  readonly command: readonly [program: string, ...args: string[]];
  readonly folder: string;
  /** Takes what it says; for its owner alone. */
  readonly log: string;
  /** After this it is ended, and has failed. */
  readonly timeoutMs: number;
}

/** Yes when a program of the user's has made a backup. Each asking makes one: it is asked once for each attempt at a cut, and never "cannot tell", which would be asked again. */
export function backupGate(options: BackupGateOptions): Gate {
  const [program, ...args] = options.command;
  return {
    id: options.id,
    asks: `has \`${program}\` made a backup?`,
    person: false,
    async ask(signal): Promise<GateAnswer> {
      const fromMs = monotonicMs();
      const limit = AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs)]);
      try {
        await mkdir(dirname(options.log), { recursive: true, mode: 0o700 });
        await using log = await open(options.log, 'a', 0o600);
        const child = spawn(program, args, {
          cwd: options.folder,
          stdio: ['ignore', log.fd, log.fd],
          signal: limit,
        });
        const [code, endedBy] = (await once(child, 'exit')) as [number | null, string | null];
        if (code === 0) return { answer: 'yes', evidence: `made in ${Math.round(monotonicMs() - fromMs)} ms` };
        const how = code === null ? `it was ended by ${endedBy}` : `it ended with ${code}`;
        return { answer: 'no', evidence: `${how}; what it said is in ${options.log}` };
      } catch (error) {
        signal.throwIfAborted();
        const why = limit.aborted ? `it did not end within ${options.timeoutMs} ms` : describeError(error);
        return { answer: 'no', evidence: why };
      }
    },
  };
}
