import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describeError } from '../../kernel/errors.ts';
import type { Gate, GateAnswer } from '../../ports/gate.ts';

export interface CommandGateOptions {
  readonly id: string;
  /** Program and arguments; no shell. It inherits the environment, and its output goes nowhere. */
  readonly command: readonly [program: string, ...args: string[]];
  /** Longer than this is "cannot tell", and the program is ended. */
  readonly timeoutMs: number;
}

/** Yes when a program of the user's ends with 0. */
export function commandGate(options: CommandGateOptions): Gate {
  const [program, ...args] = options.command;
  return {
    id: options.id,
    asks: `does \`${program}\` end with 0?`,
    person: false,
    async ask(signal): Promise<GateAnswer> {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs)]);
      try {
        const child = spawn(program, args, { stdio: 'ignore', signal: limit });
        const [code, endedBy] = (await once(child, 'exit')) as [number | null, string | null];
        if (code === 0) return { answer: 'yes', evidence: 'it ended with 0' };
        return { answer: 'no', evidence: code === null ? `it was ended by ${endedBy}` : `it ended with ${code}` };
      } catch (error) {
        signal.throwIfAborted();
        return {
          answer: 'cannot tell',
          evidence: limit.aborted ? `it did not end within ${options.timeoutMs} ms` : describeError(error),
        };
      }
    },
  };
}
