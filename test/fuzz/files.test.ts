import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { journalPath, openJournal, openJournalReader } from '../../src/journal/journal.ts';
import { runStarted } from '../../src/journal/test-support/events.ts';
import { isTealError } from '../../src/kernel/errors.ts';
import { asPosition, type Position } from '../../src/model/position.ts';
import type { ChangeDecoder, ChangeRecord } from '../../src/ports/change-source.ts';
import { SpoolReader } from '../../src/sync/spool-reader.ts';
import { SpoolWriter } from '../../src/sync/spool-writer.ts';
import { mutated, type Mutation } from './mutate.ts';

const seed = Number(process.env['TEAL_FUZZ_SEED'] ?? Math.floor(Math.random() * 0x7fff_ffff));
const number = fc.nat({ max: 0xffff });
/** What disks do: bits and bytes that are others, and files that are shorter. They take nothing out of the middle, which checksums of records would not see. */
const disk = fc.record({ what: fc.constantFrom(0, 1, 2, 3, 6), at: number, value: number });
const mutations = fc.array(disk, { minLength: 1, maxLength: 3 });

let root = '';
let copies = 0;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'teal-fuzz-files-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const place = (end: number): Position => asPosition(String(end).padStart(8, '0'));

/** Tells the end of each transaction, which is all that its payloads say. */
const decoder: ChangeDecoder = {
  decode: (payload) => {
    const [kind = '', end = ''] = payload.toString().split(' ');
    if (kind === 'begin') return { kind: 'begin', xid: 1, committedAtUs: 0n, commitsAt: asPosition('') };
    if (kind === 'commit') return { kind: 'commit', end: asPosition(end) };
    return { kind: 'message', transactional: true, prefix: end, content: payload };
  },
};

function transaction(end: number): readonly ChangeRecord[] {
  const payload = (kind: string): Buffer => Buffer.from(`${kind} ${place(end)}`);
  return [
    { kind: 'begin', payload: payload('begin') },
    { kind: 'change', payload: payload('change') },
    { kind: 'commit', end: place(end), payload: payload('commit') },
  ];
}

async function readSpool(folder: string): Promise<readonly string[]> {
  const ends: string[] = [];
  await using writer = await SpoolWriter.open({ folder, segmentBytes: 600 });
  const { readable } = writer;
  if (readable === undefined) return ends;
  const options = { folder, decoder, readable, applied: place(0), onRemoved: () => undefined };
  await using reader = await SpoolReader.open(options);
  while (reader.hasMore()) {
    for (const event of await reader.next(AbortSignal.timeout(5_000))) {
      if (event.kind === 'commit') ends.push(event.end);
    }
  }
  return ends;
}

/** A copy of a folder in which one file was changed. */
function damagedCopy(of: string, chosen: number, changes: readonly Mutation[]): string {
  const folder = join(root, `copy${(copies += 1)}`);
  mkdirSync(folder);
  const names = readdirSync(of).toSorted();
  for (const [index, name] of names.entries()) {
    const bytes = readFileSync(join(of, name));
    writeFileSync(join(folder, name), index === chosen % names.length ? mutated(bytes, changes, bytes) : bytes);
  }
  return folder;
}

describe(`damaged files (TEAL_FUZZ_SEED=${seed})`, () => {
  test(
    'a spool gives whole transactions in their order, or says that it is damaged',
    { timeout: 300_000 },
    async () => {
      const whole = join(root, 'spool');
      const ends = Array.from({ length: 30 }, (_, index) => place(index + 1));
      {
        await using writer = await SpoolWriter.open({ folder: whole, segmentBytes: 600 });
        await writer.beginStream('source', place(0));
        for (let end = 1; end <= ends.length; end += 1) await writer.append(transaction(end));
      }
      expect(await readSpool(whole)).toEqual(ends);
      expect(readdirSync(whole).length).toBeGreaterThan(3);
      // A segment in the middle that is cut short, at many places of it: where a transaction ends it looks whole by itself.
      const size = readFileSync(join(whole, readdirSync(whole).toSorted()[1] ?? '')).length;
      for (let at = 0; at < size; at += 4) {
        const folder = damagedCopy(whole, 1, [{ what: 6, at, value: 0 }]);
        await expect(readSpool(folder), `cut at ${at}`).rejects.toThrow('TEAL-SYNC-001');
        rmSync(folder, { recursive: true, force: true });
      }
      let [refused, read] = [0, 0];
      await fc.assert(
        fc.asyncProperty(number, mutations, async (chosen, changes) => {
          const folder = damagedCopy(whole, chosen, changes);
          try {
            const found = await readSpool(folder);
            read += 1;
            expect(found).toEqual(ends.slice(0, found.length));
          } catch (error) {
            if (!isTealError(error)) throw error;
            refused += 1;
          } finally {
            rmSync(folder, { recursive: true, force: true });
          }
        }),
        { seed, numRuns: 120 },
      );
      expect(refused).toBeGreaterThan(0);
      expect(read).toBeGreaterThan(0);
    },
  );

  test('a journal gives what was written, or says that it is damaged', { timeout: 300_000 }, async () => {
    const whole = join(root, 'journal');
    {
      using journal = openJournal(whole);
      journal.append(runStarted);
      for (let n = 0; n < 60; n += 1) journal.append({ type: 'note', text: `note ${n} ${'x'.repeat(100)}` });
    }
    const bytes = readFileSync(journalPath(whole));
    const recordsOf = (folder: string): readonly string[] => {
      using reader = openJournalReader(folder);
      reader.refresh();
      return reader.records().map((record) => JSON.stringify(record));
    };
    const written = recordsOf(whole);
    expect(statSync(journalPath(whole)).mode & 0o777).toBe(0o600);
    let refused = 0;
    fc.assert(
      fc.property(mutations, (changes) => {
        const folder = join(root, `copy${(copies += 1)}`);
        mkdirSync(folder);
        writeFileSync(journalPath(folder), mutated(bytes, changes, bytes));
        try {
          expect(written.slice(0, recordsOf(folder).length)).toEqual(recordsOf(folder));
        } catch (error) {
          if (!isTealError(error)) throw error;
          refused += 1;
        } finally {
          rmSync(folder, { recursive: true, force: true });
        }
      }),
      { seed, numRuns: 120 },
    );
    expect(refused).toBeGreaterThan(0);
  });
});
