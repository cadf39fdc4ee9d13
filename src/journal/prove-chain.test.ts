import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { canonicalJson, sha256 } from './canonical.ts';
import { journalPath, openJournal } from './journal.ts';
import { proveChain } from './prove-chain.ts';
import { genesis, seal } from './record.ts';
import { openDatabase } from './sqlite.ts';
import { runStarted } from './test-support/events.ts';

let folder = '';
/** Of the records that were written, from the first. */
let hashes: readonly string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'teal-chain-'));
  using journal = openJournal(folder);
  journal.append(runStarted);
  for (let n = 2; n <= 6; n += 1) journal.append({ type: 'note', text: `note ${n}` });
  hashes = journal.records().map(({ hash }) => hash);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** As somebody would who has the file and SQLite: the triggers are no lock. */
function alter(sql: string): void {
  const database = openDatabase(journalPath(folder));
  database.exec(
    `DROP TRIGGER IF EXISTS record_is_never_changed; DROP TRIGGER IF EXISTS record_is_never_deleted; DROP TRIGGER IF EXISTS record_comes_last; ${sql}`,
  );
  database.close();
}

const moveUp = (from: number): string =>
  `UPDATE record SET seq = seq + 1001 WHERE seq >= ${from}; UPDATE record SET seq = seq - 1000 WHERE seq > 1000;`;
const swap = (a: number, b: number): string =>
  `UPDATE record SET seq = 99 WHERE seq = ${a}; UPDATE record SET seq = ${a} WHERE seq = ${b}; UPDATE record SET seq = ${b} WHERE seq = 99;`;

test('a journal that nobody has touched is unbroken, and its last hash is the one to keep', () => {
  expect(proveChain(folder)).toEqual({ unbroken: true, head: { seq: 6, hash: hashes[5] } });
  expect(proveChain(folder, hashes[3])).toMatchObject({ unbroken: true, kept: { seq: 4 } });
});

test('it is proven beside its writer, and goes on', () => {
  using journal = openJournal(folder);
  const [record] = journal.append({ type: 'note', text: 'more' });
  expect(proveChain(folder, hashes[5])).toEqual({
    unbroken: true,
    head: { seq: 7, hash: record?.hash },
    kept: { seq: 6 },
  });
});

describe('the first record that is not what was written', () => {
  test.each([
    [
      'one byte of its text is changed',
      `UPDATE record SET body = '{"text":"note 8"}' WHERE seq = 3`,
      3,
      /hash of record 3/,
    ],
    ['its time is changed', `UPDATE record SET at = replace(at, '2', '3') WHERE seq = 4`, 4, /hash of record 4/],
    [
      'its hash is changed',
      `UPDATE record SET hash = replace(hash, substr(hash, 1, 1), 'x') WHERE seq = 5`,
      5,
      /hash of record 5/,
    ],
    ['one is removed', 'DELETE FROM record WHERE seq = 3', 3, /record 3 is not there, 4 is the next/],
    ['the first is removed', 'DELETE FROM record WHERE seq = 1', 1, /record 1 is not there, 2 is the next/],
    [
      'one is removed and the others are moved up',
      'DELETE FROM record WHERE seq = 3; UPDATE record SET seq = seq - 1 WHERE seq > 3',
      3,
      /hash of record 3/,
    ],
    [
      'one is inserted',
      `${moveUp(3)} INSERT INTO record VALUES (3, 't', 'note', 1, '{"text":"x"}', '${'0'.repeat(64)}')`,
      3,
      /hash of record 3/,
    ],
    [
      'one is copied',
      `${moveUp(3)} INSERT INTO record SELECT 3, at, type, version, body, hash FROM record WHERE seq = 2`,
      3,
      /hash of record 3/,
    ],
    ['two are swapped', swap(2, 5), 2, /hash of record 2/],
    [
      'one is added at the end',
      `INSERT INTO record SELECT 7, at, type, version, body, hash FROM record WHERE seq = 6`,
      7,
      /hash of record 7/,
    ],
  ])('is named where %s', (_, sql, firstBad, why) => {
    alter(sql);
    expect(proveChain(folder)).toEqual({
      unbroken: false,
      firstBad,
      why: expect.stringMatching(why),
      whole: { seq: firstBad - 1, hash: hashes[firstBad - 2] ?? genesis.hash },
    });
  });

  test('is the one that was given a right hash of its own, or the one after it', () => {
    const forged = seal({ type: 'note', text: 'forged' }, '2026-01-01T00:00:00.000Z', {
      seq: 2,
      hash: hashes[1] ?? '',
    });
    alter(`UPDATE record SET at = '${forged.at}', body = '${forged.body}', hash = '${forged.hash}' WHERE seq = 3`);
    expect(proveChain(folder)).toMatchObject({ unbroken: false, firstBad: 4 });
  });

  test('is found whatever byte of it is changed', () => {
    const columns = ['at', 'type', 'body', 'hash'] as const;
    const change = fc.record({
      seq: fc.integer({ min: 1, max: 6 }),
      column: fc.constantFrom(...columns),
      place: fc.nat(300),
    });
    fc.assert(
      fc.property(change, ({ seq, column, place }) => {
        const database = openDatabase(journalPath(folder));
        database.exec('DROP TRIGGER IF EXISTS record_is_never_changed');
        const read = database.prepare(`SELECT ${column} AS text FROM record WHERE seq = ?`).get(seq);
        const text = String(read?.['text']);
        const at = place % text.length;
        const other = text[at] === 'a' ? 'b' : 'a';
        const write = database.prepare(`UPDATE record SET ${column} = ? WHERE seq = ?`);
        write.run(text.slice(0, at) + other + text.slice(at + 1), seq);
        const found = proveChain(folder);
        write.run(text, seq);
        database.close();
        expect(found).toMatchObject({ unbroken: false, firstBad: seq });
        expect(proveChain(folder)).toMatchObject({ unbroken: true });
      }),
      { numRuns: 60 },
    );
  });
});

describe('what a chain alone cannot show, a hash that was kept elsewhere does', () => {
  test('the tail was cut off', () => {
    const kept = hashes[5];
    alter('DELETE FROM record WHERE seq > 4');
    expect(proveChain(folder)).toEqual({ unbroken: true, head: { seq: 4, hash: hashes[3] } });
    expect(proveChain(folder, kept)).toMatchObject({ unbroken: true, kept: { seq: null } });
    expect(proveChain(folder, hashes[2])).toMatchObject({ unbroken: true, kept: { seq: 3 } });
  });

  test('all of it was written anew', () => {
    rmSync(folder, { recursive: true });
    {
      using journal = openJournal(folder);
      journal.append(runStarted);
      for (let n = 2; n <= 6; n += 1) journal.append({ type: 'note', text: `better note ${n}` });
    }
    expect(proveChain(folder, hashes[5])).toMatchObject({ unbroken: true, kept: { seq: null } });
  });
});

test('a record of a later version, which this one does not know, is proven all the same', () => {
  const unhashed = { seq: 7, at: '2026-01-01T00:00:00.000Z', type: 'teleported', version: 9, body: '{}' };
  const hash = sha256(`${hashes[5]}\n${canonicalJson(unhashed)}`);
  alter(`INSERT INTO record VALUES (7, '${unhashed.at}', 'teleported', 9, '{}', '${hash}')`);
  expect(proveChain(folder)).toEqual({ unbroken: true, head: { seq: 7, hash } });
});

test('where there is no journal it says so', () => {
  rmSync(folder, { recursive: true });
  expect(() => proveChain(folder)).toThrow(/TEAL-JOURNAL-008/);
});
