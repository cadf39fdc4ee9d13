import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isTealError } from '../../src/kernel/errors.ts';
import { monotonicMs } from '../../src/kernel/clock.ts';
import { pieces } from './mutate.ts';

/** A parser under test. */
export interface FuzzTarget {
  readonly name: string;
  /** Folder below `corpus/`; several targets may read the same bytes. */
  readonly corpus: string;
  /** Feeds the chunks to a new parser and tells each thing that came out of it, in words of which none says how the input was cut. Throws what the parser throws. */
  readonly read: (chunks: readonly Buffer[], tell: (what: string) => void) => void | Promise<void>;
  /** What is true of everything that was told, beside what holds for all targets. Throws. */
  readonly check?: (told: readonly string[]) => void;
  /** Of what was told, what does not depend on the cuts; default: all of it. */
  readonly comparable?: (told: readonly string[]) => readonly string[];
  /** Made whole again after a change, such as checksums. */
  readonly mend?: (input: Buffer) => Buffer;
}

export const corpusFolder = join(import.meta.dirname, 'corpus');
/** Beside the input itself, several times: what a parser may keep. */
const memoryFloorBytes = 2 << 20;
/** On a busy machine; what is meant is that nothing hangs. */
const timeLimitMs = 5_000;

export function corpusOf(target: FuzzTarget): readonly Buffer[] {
  const folder = join(corpusFolder, target.corpus);
  const files = readdirSync(folder).toSorted();
  return files.map((file) => readFileSync(join(folder, file)));
}

/**
 * Holds a parser to what all of them promise: malformed input is a TealError or a clean refusal, memory and time are bounded, and the cuts between chunks make
 * no difference. Returns what came out. Throws when a promise is broken.
 */
export async function hold(target: FuzzTarget, input: Buffer, cuts: readonly number[]): Promise<readonly string[]> {
  const whole = await outcome(target, [input]);
  const inPieces = await outcome(target, pieces(input, cuts));
  const comparable = target.comparable ?? ((told: readonly string[]) => told);
  if (comparable(whole).join('\n') !== comparable(inPieces).join('\n')) {
    throw new Error(
      `${target.name}: cut at ${cuts.join(', ')} it says\n${tail(inPieces)}\nand in one piece\n${tail(whole)}`,
    );
  }
  target.check?.(whole);
  return whole;
}

async function outcome(target: FuzzTarget, chunks: readonly Buffer[]): Promise<readonly string[]> {
  const told: string[] = [];
  const inputBytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const began = monotonicMs();
  const { allocated, error } = await watchingMemory(async () => target.read(chunks, (what) => told.push(what)));
  const tookMs = monotonicMs() - began;
  if (error !== undefined) {
    if (!isTealError(error)) throw new Error(`${target.name}: not an error of Teal`, { cause: error });
    told.push(`refused: ${error.code}`);
  }
  if (allocated > memoryFloorBytes + 64 * inputBytes) {
    throw new Error(`${target.name}: ${inputBytes} bytes of input made it take ${allocated} bytes of memory`);
  }
  if (tookMs > timeLimitMs) throw new Error(`${target.name}: it took ${Math.round(tookMs)} ms`);
  return told;
}

type Make = (size: number, ...rest: readonly unknown[]) => Buffer;

/** Bytes of all buffers that were asked for meanwhile: what is only announced must not be. */
async function watchingMemory(
  work: () => Promise<void>,
): Promise<{ readonly allocated: number; readonly error: unknown }> {
  let allocated = 0;
  const names = ['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const;
  const before = Object.fromEntries(names.map((name) => [name, Reflect.get(Buffer, name) as Make]));
  for (const name of names) {
    Reflect.set(Buffer, name, (size: number, ...rest: readonly unknown[]) => {
      allocated += size;
      if (allocated > 1 << 28) throw new Error(`a buffer of ${size} bytes was asked for`);
      return before[name]?.(size, ...rest);
    });
  }
  try {
    await work();
    return { allocated, error: undefined };
  } catch (error) {
    return { allocated, error };
  } finally {
    Object.assign(Buffer, before);
  }
}

function tail(told: readonly string[]): string {
  return told.slice(-5).join('\n');
}

/** The same for inputs that take the same way through a parser, as far as can be told from outside. */
export function shapeOf(told: readonly string[]): string {
  const words = told.map((what) => what.replace(/[0-9a-f]{6,}|\d+/g, '#').slice(0, 60));
  return [...new Set(words)].toSorted().join('|');
}
