import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { sleep } from '../kernel/clock.ts';
import { TealError } from '../kernel/errors.ts';
import { redact } from '../kernel/redact.ts';

export interface Program {
  /** Program and arguments; no shell. It inherits the environment. */
  readonly command: readonly string[];
  readonly folder: string;
  readonly timeoutMs: number;
  /** Of each of its streams. Default 4096. */
  readonly keptBytes?: number;
}

/** What is kept of each stream. A program that says more is listened to, and not remembered. */
const usuallyKeptBytes = 4_096;
/** Between its end and that of its output. */
const lastWordsMs = 1_000;

/**
 * Runs it to its end and returns what it wrote to standard output, without passwords. TEAL-TRAFFIC-019 with the end of what it said when it does not end with 0, cannot be started, or
 * takes too long: it is killed then, with every process of its group.
 */
export async function runProgram(
  { command, folder, timeoutMs, keptBytes = usuallyKeptBytes }: Program,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const [program = '', ...rest] = command;
  const child = spawn(program, [...rest, ...args], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const [out, err] = [new Kept(child.stdout, keptBytes), new Kept(child.stderr, keptBytes)];
  const closed = once(child, 'close').catch(() => undefined);
  const late = AbortSignal.timeout(timeoutMs);
  const kill = (): void => killGroup(child);
  late.addEventListener('abort', kill, { once: true });
  const failed = (how: string, cause?: unknown): TealError => {
    const said = `${out.text}\n${err.text}`.trim().slice(-1_000).replace(/\s+/g, ' ');
    return new TealError('TEAL-TRAFFIC-019', `\`${program}\` ${how}${said === '' ? '' : `: ${said}`}`, {}, cause);
  };
  try {
    const [code, endedBy] = (await once(child, 'exit')) as [number | null, string | null];
    if (late.aborted) throw failed(`did not end within ${timeoutMs} ms`);
    if (code !== 0) throw failed(code === null ? `was ended by ${endedBy}` : `ended with ${code}`);
    // What it has left behind may hold its output open: what came by then is all.
    await Promise.race([closed, sleep(lastWordsMs)]);
    return out.text;
  } catch (error) {
    if (error instanceof TealError) throw error;
    throw failed('cannot be run', error);
  } finally {
    late.removeEventListener('abort', kill);
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // It has ended meanwhile.
    if (!(error instanceof Error && Reflect.get(error, 'code') === 'ESRCH')) throw error;
  }
}

/** The beginning of a stream. */
class Kept {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(stream: Readable, keptBytes: number) {
    stream.on('data', (chunk: Buffer) => {
      if (this.#bytes < keptBytes) this.#chunks.push(chunk.subarray(0, keptBytes - this.#bytes));
      this.#bytes += chunk.length;
    });
  }

  get text(): string {
    return redact(Buffer.concat(this.#chunks).toString('utf8'));
  }
}
