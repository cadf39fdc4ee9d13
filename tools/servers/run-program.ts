import { execFile } from 'node:child_process';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { TealError } from '../../src/kernel/errors.ts';

const exec = promisify(execFile);

export interface ProgramOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly uid?: number;
  readonly gid?: number;
  readonly timeoutMs?: number;
}

/** Runs a program to its end and returns what it printed. TEAL-TOOLS-005 with the last lines of its output when it fails. */
export async function runProgram(file: string, args: readonly string[], options: ProgramOptions = {}): Promise<string> {
  const { timeoutMs, ...rest } = options;
  try {
    const { stdout } = await exec(file, args, { ...rest, timeout: timeoutMs ?? 300_000, maxBuffer: 64 << 20 });
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    const said = lastLines(`${stdout}\n${stderr}`);
    throw new TealError('TEAL-TOOLS-005', `${basename(file)} failed:\n${said}`, { program: file }, error);
  }
}

export function lastLines(text: string, count = 15): string {
  return text.trim().split('\n').slice(-count).join('\n');
}
