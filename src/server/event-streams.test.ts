import { expect, test } from 'vitest';
import { waitFor } from '../kernel/clock.ts';
import type { JournalRecord } from '../journal/record.ts';
import { EventStreams, streamLimits, type StreamLimits } from './event-streams.ts';

const record = (seq: number): JournalRecord => ({
  seq,
  at: '2026-01-01T00:00:00.000Z',
  hash: '0'.repeat(64),
  event: { type: 'note', text: `n ${seq} \n\ndata: forged` },
});

function streams(
  limits: Partial<StreamLimits> = {},
  count = 5,
): { readonly all: EventStreams; readonly end: AbortController; readonly read: number[]; readonly grow: () => void } {
  let last = count;
  const end = new AbortController();
  const read: number[] = [];
  const all = new EventStreams(
    {
      records: (after, limit) => {
        read.push(after);
        const seqs = Array.from({ length: last }, (_, index) => index + 1);
        return seqs
          .filter((seq) => seq > after)
          .slice(0, limit)
          .map(record);
      },
      rates: async () => ({ atIso: '2026-01-01T00:00:00.000Z', flows: [] }),
      signal: end.signal,
    },
    { ...streamLimits, lookEveryMs: 5, ratesEveryMs: 1_000_000, heartbeatMs: 1_000_000, ...limits },
  );
  return { all, end, read, grow: () => (last += 1) };
}

/** Reads until the text has what is looked for. */
async function readUntil(reader: ReadableStreamDefaultReader<Uint8Array>, wanted: string): Promise<string> {
  let text = '';
  while (!text.includes(wanted)) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`the stream ended after ${text}`);
    text += new TextDecoder().decode(value);
  }
  return text;
}

const idsOf = (text: string): readonly number[] => Array.from(text.matchAll(/^id: (\d+)$/gm), ([, id]) => Number(id));

test('tells the records after a place in order, then what comes, and rates; a text cannot forge an event', async () => {
  const { all, end, grow } = streams({ recordsAtOnce: 2 });
  const reader = all.follow(1).getReader();
  const first = await readUntil(reader, 'event: rates');
  expect(first.startsWith('retry: 2000\n\n')).toBe(true);
  expect(idsOf(first)).toEqual([2, 3, 4, 5]);
  expect(first).not.toMatch(/^data: forged/m);
  grow();
  expect(idsOf(await readUntil(reader, 'id: 6\n'))).toEqual([6]);
  end.abort();
  expect((await reader.read()).done).toBe(true);
  expect(all.open).toBe(0);
});

test('says that it is still here when there is nothing to tell', async () => {
  const { all } = streams({ heartbeatMs: 20 }, 0);
  const reader = all.follow(0).getReader();
  expect(await readUntil(reader, ': still here\n\n')).not.toContain('event: journal');
  await reader.cancel();
});

test('makes nothing for a client that does not read, and drops it', async () => {
  const { all, read } = streams({ unreadMs: 2_000, recordsAtOnce: 1 }, 1_000);
  const reader = all.follow(0).getReader();
  await readUntil(reader, 'id: 1\n');
  const made = read.length;
  await waitFor({ what: 'the client to be dropped', timeoutMs: 60_000, everyMs: 5 }, () => all.open === 0 || undefined);
  expect(read.length).toBe(made);
  await expect(reader.read()).rejects.toThrow(/TEAL-KERNEL-002/);
});

test('one that nobody ever reads gives its place back too', async () => {
  const { all, read } = streams({ unreadMs: 20 });
  const stream = all.follow(0);
  await waitFor({ what: 'the stream to be dropped', timeoutMs: 60_000, everyMs: 5 }, () => all.open === 0 || undefined);
  expect(read).toEqual([]);
  await expect(stream.getReader().read()).rejects.toThrow(/TEAL-KERNEL-002/);
});

test('a client that goes gives its place to the next; more than are allowed are refused', async () => {
  const { all } = streams({ clients: 2 });
  const [first, second] = [all.follow(0), all.follow(0)];
  expect(() => all.follow(0)).toThrow(/TEAL-SERVER-010/);
  await first.cancel();
  await all.follow(0).cancel();
  await second.cancel();
  expect(all.open).toBe(0);
});
