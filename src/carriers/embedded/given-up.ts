import { sizeText } from '../../kernel/vocabulary.ts';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isoNow } from '../../kernel/clock.ts';
import { TealError } from '../../kernel/errors.ts';
import type { SourceLook } from '../../ports/change-source.ts';
import type { Flow, FlowMode } from '../../ports/carrier.ts';
import { writeAtomically } from './config.ts';

/**
 * Evidence that a flow was ended so that its source may drop its log. It is on disk before the slot is dropped and stays until the flow is retired: without it a
 * later start might make the slot anew, and what was written between would never arrive.
 */
const schema = z.strictObject({
  version: z.literal(1),
  flow: z.enum(['forward', 'reverse']),
  /** Whether the source is the side that owns the data: decides what is lost by it. */
  mode: z.enum(['live', 'shadow']),
  atIso: z.string(),
  retainedBytes: z.number(),
  limitBytes: z.number(),
  /** The slot is gone from the source. */
  released: z.boolean(),
});
export type GivenUp = Readonly<z.infer<typeof schema>>;

function fileOf(folder: string): string {
  return join(folder, 'given-up.json');
}

export function givenUpNow(flow: Flow, mode: FlowMode, look: SourceLook, limitBytes: number): GivenUp {
  const { retainedBytes = 0 } = look;
  return { version: 1, flow, mode, atIso: isoNow(), retainedBytes, limitBytes, released: false };
}

export async function keepGivenUp(folder: string, given: GivenUp): Promise<void> {
  // There may be no worker yet.
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeAtomically(fileOf(folder), `${JSON.stringify(given, undefined, 2)}\n`);
}

/** Undefined when the flow was not given up. A file that cannot be read is an error: nobody may go on past it. */
export async function readGivenUp(folder: string): Promise<GivenUp | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(fileOf(folder), 'utf8')));
  } catch (error) {
    if (error instanceof Error && Reflect.get(error, 'code') === 'ENOENT') return undefined;
    throw error;
  }
}

/** TEAL-CARRIERS-007 while blue owns the data, TEAL-CARRIERS-008 when green does: then there is no way back any more. */
export function errorOfGivenUp({ flow, mode, atIso, retainedBytes, limitBytes, released }: GivenUp): TealError {
  const source = flow === 'forward' ? 'blue' : 'green';
  const greenOwns = (flow === 'forward') === (mode === 'shadow');
  const kept = `${source} kept ${sizeText(retainedBytes)} of log, the limit is ${sizeText(limitBytes)}`;
  const slot = released ? '' : `; its slot on ${source} is still to be dropped`;
  const facts = { flow, retainedBytes, limitBytes, atIso };
  return greenOwns
    ? new TealError('TEAL-CARRIERS-008', `rollback unavailable since ${atIso}: ${kept}${slot}`, facts)
    : new TealError('TEAL-CARRIERS-007', `the ${flow} flow was ended at ${atIso}: ${kept}${slot}`, facts);
}
