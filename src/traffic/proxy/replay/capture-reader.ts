import { open } from 'node:fs/promises';
import { TealError } from '../../../kernel/errors.ts';
import { captureHeader, captureRecord, type CaptureHeader, type CaptureRecord } from '../capture/format.ts';

/** A line holds one unit of at most 1 MiB, in which a byte may take six characters. */
const lineLimitBytes = 8 << 20;
const chunkBytes = 256 << 10;

/** What a capture holds, line by line; `number` counts from 1. The header is not among them. */
export interface ReadLine {
  readonly number: number;
  readonly record: CaptureRecord;
}

/** Errors: TEAL-TRAFFIC-036 when it is no capture. */
export async function readCaptureHeader(path: string): Promise<CaptureHeader> {
  for await (const { number, text } of linesOf(path)) {
    const header = captureHeader.safeParse(parsed(text));
    if (header.success) return header.data;
    throw unreadable(path, number, 'it does not begin as a capture of this version does');
  }
  throw unreadable(path, 1, 'it has no whole line');
}

/**
 * The records of a capture, in the order of the file. A last line without an end is left out: whoever wrote it was stopped there. Memory is bounded by one line. Errors: TEAL-TRAFFIC-036 for a line
 * that is no record.
 */
export async function* readCapture(path: string): AsyncGenerator<ReadLine, void, void> {
  await readCaptureHeader(path);
  for await (const { number, text } of linesOf(path)) {
    if (number === 1) continue;
    const record = captureRecord.safeParse(parsed(text));
    if (!record.success) throw unreadable(path, number, 'it is no record');
    yield { number, record: record.data };
  }
}

/** Records by their time, where none is further from its place than `disorderMs`. */
export async function* inOrder(
  records: AsyncIterable<ReadLine>,
  disorderMs: number,
): AsyncGenerator<CaptureRecord, void, void> {
  let waiting: CaptureRecord[] = [];
  let latest = 0;
  for await (const { record } of records) {
    waiting.push(record);
    latest = Math.max(latest, record.t);
    if ((waiting[0]?.t ?? latest) + 2 * disorderMs + batchMs > latest) continue;
    // Stable: records of one session at one time stay in their order.
    waiting.sort((a, b) => a.t - b.t);
    const ripe = waiting.findIndex(({ t }) => t > latest - disorderMs);
    yield* waiting.slice(0, ripe === -1 ? waiting.length : ripe);
    waiting = ripe === -1 ? [] : waiting.slice(ripe);
  }
  yield* waiting.sort((a, b) => a.t - b.t);
}

/** So much is put in order together. */
const batchMs = 1_000;

async function* linesOf(path: string): AsyncGenerator<{ readonly number: number; readonly text: string }, void, void> {
  await using file = await opened(path);
  const chunk = Buffer.alloc(chunkBytes);
  let rest = Buffer.alloc(0);
  for (let number = 1; ;) {
    const { bytesRead } = await file.read(chunk, 0, chunkBytes);
    if (bytesRead === 0) return;
    rest = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
    let from = 0;
    for (let end = rest.indexOf(0x0a); end !== -1; end = rest.indexOf(0x0a, from)) {
      yield { number, text: rest.toString('utf8', from, end) };
      number += 1;
      from = end + 1;
    }
    rest = Buffer.from(rest.subarray(from));
    if (rest.length > lineLimitBytes) throw unreadable(path, number, 'it has no end');
  }
}

async function opened(path: string): Promise<Awaited<ReturnType<typeof open>>> {
  try {
    return await open(path, 'r');
  } catch (error) {
    throw new TealError('TEAL-TRAFFIC-036', `${path} cannot be opened`, { path }, error);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No JSON is no record either.
    return undefined;
  }
}

function unreadable(path: string, line: number, why: string): TealError {
  return new TealError('TEAL-TRAFFIC-036', `${path}, line ${line}: ${why}`, { path, line });
}
