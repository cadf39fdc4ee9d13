import { appendFile, mkdtemp, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isTealError } from '../kernel/errors.ts';
import { PackedValues } from '../kernel/packed-values.ts';
import type { Relation, StreamEvent } from '../model/change.ts';
import { asPosition, type Position } from '../model/position.ts';
import type { ChangeDecoder, ChangeRecord } from '../ports/change-source.ts';
import { SpoolEncoder, encodeRecords, readFrame, segmentName, visitRecords } from './spool-format.ts';
import { SpoolReader } from './spool-reader.ts';
import { SpoolWriter } from './spool-writer.ts';

/** A source whose payloads are texts: `begin`, `commit 0007`, `table t 3`, `row t 3 …`; the number is the version of the table's description. */
function payload(text: string): Buffer {
  return Buffer.from(text);
}

const place = (number: number): Position => asPosition(String(number).padStart(8, '0'));

/** One transaction that ends at `end`, the tables it describes, and rows of them. */
function transaction(end: number, version: number, rowBytes: readonly number[], describes: boolean): ChangeRecord[] {
  const schema: ChangeRecord[] = describes
    ? [{ kind: 'schema', key: 't', payload: payload(`table t ${version}`) }]
    : [];
  const rows = rowBytes.map((bytes, index): ChangeRecord => ({
    kind: 'change',
    payload: payload(`row t ${version} ${end}.${index} ${'x'.repeat(bytes)}`),
  }));
  return [
    { kind: 'begin', payload: payload('begin') },
    ...schema,
    ...rows,
    { kind: 'commit', end: place(end), payload: payload(`commit ${place(end)}`) },
  ];
}

/** Refuses a row of a table that was not described, or in another version: what a segment must be able to stand alone for. */
class TextDecoder implements ChangeDecoder {
  #version: string | undefined;

  decode(bytes: Buffer): StreamEvent | undefined {
    const [kind, ...words] = bytes.toString().split(' ');
    const relation: Relation = { id: 1, schema: 's', name: 't', replicaIdentity: 'default', columns: [] };
    switch (kind) {
      case 'begin':
        return { kind: 'begin', xid: 1, committedAtUs: 0n, commitsAt: asPosition('') };
      case 'commit':
        return { kind: 'commit', end: asPosition(words[0] ?? '') };
      case 'table':
        this.#version = words[1];
        return { kind: 'relation', relation };
      default:
        if (words[1] !== this.#version) throw new Error(`row of version ${words[1]}, table of ${this.#version}`);
        return { kind: 'insert', relation, row: PackedValues.of([Buffer.from(words[2] ?? '')]) };
    }
  }
}

async function temporaryFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'teal-spool-'));
  return { path, [Symbol.asyncDispose]: async () => rm(path, { recursive: true, force: true }) };
}

/** Ends of transactions and rows, in order, of everything that can be read; fails on an event outside its transaction. */
async function readAll(
  folder: string,
  writer: SpoolWriter,
  applied: Position,
): Promise<{ ends: string[]; rows: string[] }> {
  const ends: string[] = [];
  const rows: string[] = [];
  const { readable } = writer;
  if (readable === undefined) return { ends, rows };
  await using reader = await SpoolReader.open({
    folder,
    decoder: new TextDecoder(),
    readable,
    applied,
    onRemoved: () => undefined,
  });
  let inside = false;
  while (reader.hasMore()) {
    for (const event of await reader.next(AbortSignal.timeout(5_000))) {
      expect(inside, `${event.kind} at its place`).toBe(event.kind !== 'begin');
      inside = event.kind !== 'commit';
      if (event.kind === 'commit') ends.push(event.end);
      if (event.kind === 'insert') rows.push(String(event.row.at(0)));
    }
  }
  expect(inside, 'nothing is left open').toBe(false);
  return { ends, rows };
}

const none = place(0);

async function readerOf(folder: string, writer: SpoolWriter): Promise<SpoolReader> {
  const { readable } = writer;
  if (readable === undefined) throw new Error('nothing to read');
  return SpoolReader.open({ folder, decoder: new TextDecoder(), readable, applied: none, onRemoved: () => undefined });
}

/**
 * Whatever comes when: pieces told ahead and places told afterwards, in their order, heard and read at any time, over segments and streams. The same events as of the file alone.
 */
test('a reader that is told ahead reads everything once, in order', async () => {
  const step = fc.record({
    sizes: fc.array(fc.oneof(fc.nat(40), fc.constantFrom(9_000, 20_000)), { maxLength: 3 }),
    splitAt: fc.nat(8),
    mark: fc.boolean(),
    reconnects: fc.boolean(),
    hears: fc.nat(4),
    reads: fc.boolean(),
    atOnce: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 25 }),
      fc.integer({ min: 300, max: 60_000 }),
      async (steps, segmentBytes) => {
        await using folder = await temporaryFolder();
        await using writer = await SpoolWriter.open({ folder: folder.path, segmentBytes });
        await writer.beginStream('source', none);
        await writer.append(transaction(1, 1, [1], true));
        await using reader = await readerOf(folder.path, writer);
        const news: (() => void)[] = [];
        const read: string[] = [];
        const sent = ['1'];
        const hear = (count: number): void => {
          for (const tell of news.splice(0, count)) tell();
        };
        const drain = async (): Promise<void> => {
          while (reader.hasMore()) {
            for (const event of await reader.next(AbortSignal.timeout(5_000)))
              if (event.kind === 'commit') read.push(String(Number(event.end)));
          }
        };
        const append = async (records: readonly ChangeRecord[], atOnce: boolean): Promise<void> => {
          const writing = writer.append(records, (piece) => news.push(() => reader.take(piece)));
          if (atOnce) {
            hear(Infinity);
            await drain();
          }
          await writing;
          const { readable } = writer;
          if (readable !== undefined) news.push(() => reader.extend(readable));
        };
        let end = 1;
        let version = 1;
        for (const { sizes, splitAt, mark, reconnects, hears, reads, atOnce } of steps) {
          end += 1;
          if (reconnects) {
            await append(transaction(end, version, [1], false).slice(0, 2), atOnce);
            version += 1;
            await writer.beginStream('source', none);
          }
          const records = transaction(end, version, sizes, reconnects);
          sent.push(String(end));
          await append(records.slice(0, splitAt), atOnce);
          await append(records.slice(splitAt), atOnce);
          if (mark) {
            end += 1;
            await append([{ kind: 'mark', end: place(end) }], atOnce);
          }
          hear(hears);
          if (reads) await drain();
        }
        hear(Infinity);
        await drain();
        expect(read).toEqual(sent);
      },
    ),
    { numRuns: 40 },
  );
}, 120_000);

describe('spool', () => {
  test('gives back what was written, over segments and pieces', async () => {
    await using folder = await temporaryFolder();
    await using writer = await SpoolWriter.open({ folder: folder.path, segmentBytes: 1_000 });
    await writer.beginStream('source', none);
    await writer.append(transaction(1, 7, [10, 20], true));
    // Longer than the piece that a reader reads at once.
    await writer.append(transaction(2, 7, [2_500_000], false));
    for (let end = 3; end < 100; end += 1) await writer.append(transaction(end, 7, [50], false));
    const { ends, rows } = await readAll(folder.path, writer, none);
    expect(ends).toEqual(Array.from({ length: 99 }, (_, index) => place(index + 1)));
    expect(rows.slice(0, 4)).toEqual(['1.0', '1.1', '2.0', '3.0']);
    expect((await readdir(folder.path)).length).toBeGreaterThan(5);
  });

  test('shows nothing of an open transaction, and has nothing more after a mark', async () => {
    await using folder = await temporaryFolder();
    await using writer = await SpoolWriter.open({ folder: folder.path });
    await writer.beginStream('source', none);
    const [begin, ...rest] = transaction(5, 1, [1], true);
    if (begin === undefined) throw new Error('no begin');
    await writer.append([...transaction(4, 1, [1], true), begin]);
    const { readable } = writer;
    if (readable === undefined) throw new Error('nothing to read');
    await using reader = await SpoolReader.open({
      folder: folder.path,
      decoder: new TextDecoder(),
      readable,
      applied: none,
      onRemoved: () => undefined,
    });
    expect((await reader.next(AbortSignal.timeout(1_000))).at(-1)).toEqual({ kind: 'commit', end: place(4) });
    expect(reader.hasMore()).toBe(false);
    await writer.append([...rest, { kind: 'mark', end: place(6) }]);
    reader.extend(writer.readable ?? readable);
    expect((await reader.next(AbortSignal.timeout(1_000))).at(-1)).toEqual({ kind: 'commit', end: place(5) });
    await writer.append([{ kind: 'mark', end: place(7) }]);
    reader.extend(writer.readable ?? readable);
    expect(reader.hasMore()).toBe(false);
    expect(writer.received).toBe(place(7));
    const waiting = reader.next(AbortSignal.timeout(20));
    await expect(waiting).rejects.toThrow('timeout');
  });

  test('a reader that has come to the end takes what it is told ahead, over marks and beginnings', async () => {
    await using folder = await temporaryFolder();
    await using writer = await SpoolWriter.open({ folder: folder.path });
    await writer.beginStream('source', none);
    await writer.append(transaction(1, 1, [1], true));
    await using reader = await readerOf(folder.path, writer);
    expect((await reader.next(AbortSignal.timeout(1_000))).at(-1)).toEqual({ kind: 'commit', end: place(1) });
    const [begin, ...rest] = transaction(3, 1, [1], false);
    if (begin === undefined) throw new Error('no begin');
    const mark: ChangeRecord = { kind: 'mark', end: place(2) };
    for (const [records, end] of [
      [transaction(2, 1, [5], false), 2],
      [[mark, begin], undefined],
      [rest, 3],
      [[...transaction(4, 1, [2], false), ...transaction(5, 1, [2], false), { kind: 'mark', end: place(6) }], 5],
      [transaction(7, 1, [2], false), 7],
    ] as const) {
      const writing = writer.append(records, (piece) => reader.take(piece));
      // Before anything of it is known to be in the file.
      expect(reader.hasMore()).toBe(end !== undefined);
      if (end !== undefined)
        expect((await reader.next(AbortSignal.timeout(1_000))).at(-1)).toEqual({ kind: 'commit', end: place(end) });
      await writing;
      reader.extend(writer.readable ?? { segment: 1, bytes: 0 });
      expect(reader.hasMore()).toBe(false);
    }
  });

  test('acknowledges a mark only once it is on disk, so that a slot beyond it means a loss', async () => {
    await using folder = await temporaryFolder();
    {
      await using writer = await SpoolWriter.open({ folder: folder.path });
      await writer.beginStream('source', none);
      await writer.append([{ kind: 'mark', end: place(9) }]);
      expect(await writer.sync()).toBe(place(9));
    }
    await using again = await SpoolWriter.open({ folder: folder.path });
    expect([again.received, again.identity]).toEqual([place(9), 'source']);
  });

  test('removes segments that are applied, and says how much', async () => {
    await using folder = await temporaryFolder();
    await using writer = await SpoolWriter.open({ folder: folder.path, segmentBytes: 300 });
    await writer.beginStream('source', none);
    for (let end = 1; end <= 20; end += 1) await writer.append(transaction(end, 1, [100], end === 1));
    let removed = 0;
    const { readable } = writer;
    if (readable === undefined) throw new Error('nothing to read');
    {
      await using reader = await SpoolReader.open({
        folder: folder.path,
        decoder: new TextDecoder(),
        readable,
        applied: none,
        onRemoved: (bytes) => {
          removed += bytes;
        },
      });
      while (reader.hasMore()) await reader.next(AbortSignal.timeout(1_000));
      reader.trimmed(place(10));
    }
    writer.removed(removed);
    const left = await readdir(folder.path);
    const sizes = await Promise.all(left.map(async (name) => (await stat(join(folder.path, name))).size));
    expect(removed).toBeGreaterThan(0);
    expect(writer.totalBytes).toBe(sizes.reduce((sum, size) => sum + size, 0));
    const rest = await readAll(folder.path, writer, place(10));
    expect(rest.ends.at(-1)).toBe(place(20));
    expect(rest.ends).toContain(place(11));
    await expect(readAll(folder.path, writer, none)).rejects.toThrow('TEAL-SYNC-004');
  });

  test('a new stream forgets the open transaction of the old one', async () => {
    await using folder = await temporaryFolder();
    await using writer = await SpoolWriter.open({ folder: folder.path });
    await writer.beginStream('source', none);
    await writer.append([...transaction(1, 1, [1], true), ...transaction(2, 2, [1, 2], true).slice(0, 3)]);
    await writer.beginStream('source', none);
    expect(writer.received).toBe(place(1));
    await writer.append(transaction(2, 3, [9], true));
    expect((await readAll(folder.path, writer, none)).rows).toEqual(['1.0', '2.0']);
  });

  test('says that a segment is damaged, and reads nothing of it', async () => {
    await using folder = await temporaryFolder();
    await using writer = await SpoolWriter.open({ folder: folder.path, segmentBytes: 200 });
    await writer.beginStream('source', none);
    for (let end = 1; end <= 5; end += 1) await writer.append(transaction(end, 1, [300], end === 1));
    const path = join(folder.path, segmentName(2));
    const { size } = await stat(path);
    await truncate(path, size - 100);
    await appendFile(path, Buffer.alloc(100));
    await expect(readAll(folder.path, writer, none)).rejects.toThrow('TEAL-SYNC-001');
    await rm(path);
    await expect(SpoolWriter.open({ folder: folder.path })).rejects.toThrow('TEAL-SYNC-001');
  });

  test('refuses the format of a newer Teal', async () => {
    await using folder = await temporaryFolder();
    const header = { format: 3 as unknown as 2, identity: 'source', after: none };
    await writeFile(join(folder.path, segmentName(1)), encodeRecords([{ kind: 'header', header }]));
    await expect(SpoolWriter.open({ folder: folder.path })).rejects.toThrow('TEAL-SYNC-003');
  });

  test('frames records together, and ends a frame where it is told to', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(300), { minLength: 1, maxLength: 12 }), fc.nat(12), (sizes, cut) => {
        const encoder = new SpoolEncoder();
        let place: number | undefined;
        for (const [index, size] of sizes.entries()) {
          if (index === cut) place = encoder.at;
          encoder.add({ kind: 'change', payload: Buffer.alloc(size, index) });
        }
        encoder.end(place);
        const { bytes } = encoder;
        const found: Buffer[] = [];
        const ends: number[] = [];
        for (let at = 0; at < bytes.length;) {
          const frame = readFrame(bytes, at);
          if (frame.state !== 'whole') throw new Error(frame.state);
          expect(visitRecords(bytes, frame, (_, __, from, to) => void found.push(bytes.subarray(from, to)))).toBe(true);
          ends.push(frame.next);
          at = frame.next;
        }
        expect(found).toEqual(sizes.map((size, index) => Buffer.alloc(size, index)));
        expect(ends.length).toBe(cut > 0 && cut < sizes.length ? 2 : 1);
        if (ends.length === 2) expect(ends[0]).toBe(place);
      }),
    );
  });

  test('reads what was written in the format before', async () => {
    await using folder = await temporaryFolder();
    const old = (code: number, ...parts: readonly Buffer[]): Buffer => {
      const body = Buffer.concat([Buffer.of(code), ...parts]);
      const prefix = Buffer.alloc(8);
      prefix.writeUInt32BE(body.length, 0);
      prefix.writeUInt32BE(crc32(body), 4);
      return Buffer.concat([prefix, body]);
    };
    const text = (value: string): Buffer => Buffer.concat([Buffer.of(0, value.length), Buffer.from(value)]);
    const [begin, schema, change, commit] = transaction(1, 1, [3], true);
    if (begin?.kind !== 'begin' || schema?.kind !== 'schema') throw new Error('no transaction');
    if (change?.kind !== 'change' || commit?.kind !== 'commit') throw new Error('no transaction');
    const header = { format: 1, identity: 'source', after: none };
    const segment = [
      old(0, Buffer.from(JSON.stringify(header))),
      old(1, begin.payload),
      old(2, text(schema.key), schema.payload),
      old(3, change.payload),
      old(4, text(commit.end), commit.payload),
    ];
    await writeFile(join(folder.path, segmentName(1)), Buffer.concat(segment));
    await using writer = await SpoolWriter.open({ folder: folder.path });
    await writer.beginStream('source', none);
    await writer.append(transaction(2, 1, [2], true));
    const { ends, rows } = await readAll(folder.path, writer, none);
    expect(ends).toEqual([place(1), place(2)]);
    expect(rows).toEqual(['1.0', '2.0']);
  });

  test('takes any bytes for short, damaged or whole, never for more', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const read = readFrame(Buffer.from(bytes), 0);
        expect(read.state === 'whole' && read.next > bytes.length).toBe(false);
        // As if its checksum were right.
        visitRecords(Buffer.from(bytes), { from: 0, next: bytes.length }, (_, __, from, to) => {
          expect(from <= to && to <= bytes.length).toBe(true);
        });
      }),
    );
    const record = encodeRecords([{ kind: 'commit', end: place(1), payload: payload('commit') }]);
    for (let length = 0; length < record.length; length += 1) {
      expect(readFrame(record.subarray(0, length), 0).state).toBe('short');
    }
    for (let at = 8; at < record.length; at += 1) {
      const changed = Buffer.from(record);
      changed[at] = (changed[at] ?? 0) ^ 0x40;
      expect(readFrame(changed, 0).state).toBe('damaged');
    }
  });
});

/**
 * The spool's promise. A crash takes away any part of what was written after the last sync, or turns it into garbage: a file system may have written
 * the length and not the bytes. Whatever it takes, what was acknowledged can be read, in order, and nothing but whole transactions.
 */
describe('spool after a crash', () => {
  /** Position texts and identity are of constant length here, and so is the header. */
  const headerBytes = encodeRecords([
    { kind: 'header', header: { format: 2, identity: 'source', after: none } },
  ]).length;

  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant('transaction' as const), rows: fc.array(fc.nat(200), { maxLength: 6 }) }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('mark' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('sync' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('reconnect' as const), cutAt: fc.nat(4) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('crash' as const),
        keep: fc.double({ min: 0, max: 1, noNaN: true }),
        garbage: fc.uint8Array({ maxLength: 60 }),
      }),
    },
  );

  test('has everything that was acknowledged, and whole transactions only', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 150, max: 2_000 }),
        async (steps, segmentBytes) => {
          await using folder = await temporaryFolder();
          const options = { folder: folder.path, segmentBytes };
          const sent = new Map<string, string[]>();
          let version = 0;
          let described = false;
          let next = 1;
          let acknowledged: Position = none;
          /** Of the newest file: what the last sync covered. */
          let durable = { name: '', bytes: 0 };
          let writer = await SpoolWriter.open(options);
          const connect = async (): Promise<void> => {
            version += 1;
            described = false;
            await writer.beginStream('source', none);
            next = Number(writer.received) + 1;
            // The source sends again what the crash took, here as other transactions of the same place.
            for (const end of sent.keys()) if (end > (writer.received ?? none)) sent.delete(end);
          };
          const newest = async (): Promise<{ name: string; bytes: number }> => {
            const name = (await readdir(folder.path)).sort().at(-1) ?? '';
            return { name, bytes: (await stat(join(folder.path, name))).size };
          };
          await connect();
          for (const now of steps) {
            switch (now.do) {
              case 'transaction':
                sent.set(
                  place(next),
                  now.rows.map((_, index) => `${next}.${index}`),
                );
                await writer.append(transaction(next, version, now.rows, !described));
                described = true;
                next += 1;
                break;
              case 'mark':
                await writer.append([{ kind: 'mark', end: place(next) }]);
                next += 1;
                break;
              case 'sync':
                acknowledged = (await writer.sync()) ?? acknowledged;
                durable = await newest();
                break;
              case 'reconnect':
                await writer.append(transaction(next, version, [1, 2, 3], !described).slice(0, now.cutAt));
                await connect();
                break;
              case 'crash': {
                await writer.append(transaction(next, version, [1, 2], !described).slice(0, 3));
                await writer[Symbol.asyncDispose]();
                const file = await newest();
                // A newer file than the synced one: all before it was made durable when it was begun, and so was its header.
                const least = file.name === durable.name ? durable.bytes : headerBytes;
                await truncate(join(folder.path, file.name), least + Math.floor((file.bytes - least) * now.keep));
                await appendFile(join(folder.path, file.name), now.garbage);
                writer = await SpoolWriter.open(options);
                durable = await newest();
                expect((writer.received ?? none) >= acknowledged, 'what was acknowledged is there').toBe(true);
                await connect();
                break;
              }
              default:
                now satisfies never;
            }
            const { ends, rows } = await readAll(folder.path, writer, none);
            expect(ends.every((end, index) => index === 0 || end > (ends[index - 1] ?? ''))).toBe(true);
            expect(rows).toEqual(ends.flatMap((end) => sent.get(end) ?? ['never sent']));
            const expected = [...sent.keys()].filter((end) => end <= acknowledged).sort();
            expect(ends.slice(0, expected.length)).toEqual(expected);
          }
          await writer[Symbol.asyncDispose]();
        },
      ),
      { numRuns: 150 },
    );
  }, 300_000);

  test('forgets a segment that had only just been begun', async () => {
    await using folder = await temporaryFolder();
    {
      await using writer = await SpoolWriter.open({ folder: folder.path });
      await writer.beginStream('source', none);
      await writer.append(transaction(1, 1, [1], true));
      await writer.sync();
    }
    await writeFile(join(folder.path, segmentName(2)), Buffer.alloc(5));
    await using writer = await SpoolWriter.open({ folder: folder.path });
    expect(writer.received).toBe(place(1));
    expect(await readdir(folder.path)).toEqual([segmentName(1)]);
    await writeFile(join(folder.path, segmentName(2)), Buffer.alloc(5));
    await truncate(join(folder.path, segmentName(1)), 3);
    const error: unknown = await SpoolWriter.open({ folder: folder.path }).catch((thrown: unknown) => thrown);
    expect(isTealError(error, 'TEAL-SYNC-001')).toBe(true);
  });
});
