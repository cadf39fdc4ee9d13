import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { JournalEvent } from './events.ts';
import { JOURNAL_FORMAT } from './database.ts';
import { journalPath, memoryJournal, openJournal, openJournalReader } from './journal.ts';
import { hasWriter, readHolder, recovering } from './lock.ts';
import { openDatabase } from './sqlite.ts';
import { runStarted } from './test-support/events.ts';

const writerProgram = fileURLToPath(new URL('test-support/writer.ts', import.meta.url));
const note = (text: string): JournalEvent => ({ type: 'note', text });

let folder = '';
let children: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'teal-journal-'));
  children = [];
});
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** Starts the writing process and resolves with the last number it acknowledged once that is at least `atLeast`. */
async function startWriter(
  atLeast: number,
): Promise<{ readonly child: ChildProcess; readonly acknowledged: () => number }> {
  const child = spawn(process.execPath, [writerProgram, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  let last = 0;
  let rest = '';
  await new Promise<void>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      last = Number(lines.at(-1) ?? last);
      if (last >= atLeast) resolve();
    });
    child.once('exit', () => reject(new Error('the writer ended before it had written enough')));
  });
  return { child, acknowledged: () => last };
}

async function kill(child: ChildProcess): Promise<void> {
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}

function writeNotes(count: number): void {
  using journal = openJournal(folder);
  journal.append(runStarted);
  for (let n = 2; n <= count; n += 1) journal.append(note(`note ${n}`));
}

describe('a journal', () => {
  test('is there again after closing, with its state', () => {
    writeNotes(5);
    using journal = openJournal(folder);
    expect(journal.state).toMatchObject({ seq: 5, migration: 'shop', life: { phase: 'blue' } });
    expect(journal.records(3).map(({ seq }) => seq)).toEqual([4, 5]);
    expect(journal.append(note('six'))[0]?.seq).toBe(6);
  });

  test('what is synced with the next record only is read at once, and is there after closing', () => {
    {
      using journal = openJournal(folder);
      journal.append(runStarted);
      journal.appendUnsynced(note('soon'));
      using reader = openJournalReader(folder);
      expect(reader.refresh().seq).toBe(2);
      expect(() => journal.appendUnsynced({ type: 'cutDecided', cut: 'none', position: 'x' })).toThrow(
        'TEAL-JOURNAL-004',
      );
      journal.append(note('then'));
      journal.appendUnsynced(note('last'));
    }
    using again = openJournal(folder);
    expect(again.records().map(({ event }) => (event.type === 'note' ? event.text : event.type))).toEqual([
      'runStarted',
      'soon',
      'then',
      'last',
    ]);
  });

  test('writes all events of one append or none', () => {
    using journal = memoryJournal();
    const wrong: JournalEvent = { type: 'cutFinished', cut: 'none', facts: {} };
    expect(() => journal.append(runStarted, note('x'), wrong)).toThrow(/TEAL-JOURNAL-004/);
    expect(journal.state.seq).toBe(0);
    expect(journal.append(runStarted)[0]?.seq).toBe(1);
  });

  test('refuses an event whose fields are not as they should be', () => {
    using journal = memoryJournal();
    expect(() => journal.append({ ...runStarted, pid: -1 } as JournalEvent)).toThrow(/TEAL-JOURNAL-004.*its fields/);
  });

  test('keeps no secret, wherever in an event it stands', () => {
    using journal = memoryJournal();
    journal.append(runStarted, {
      type: 'note',
      text: 'failed for postgres://app:hunter2@db/shop',
      facts: {
        conninfo: "host=db password='hunter2'",
        PGPASSWORD: 'hunter2',
        clientSecret: 'hunter2',
        harmless: 'kept',
      },
    });
    const text = JSON.stringify(journal.records());
    expect(text).not.toContain('hunter2');
    expect(text).toContain('kept');
  });

  test('prints no warning about experimental modules', () => {
    const module = fileURLToPath(new URL('journal.ts', import.meta.url));
    const run = spawnSync(
      process.execPath,
      ['-e', `import(${JSON.stringify(module)}).then((it) => it.memoryJournal())`],
      {
        encoding: 'utf8',
      },
    );
    expect(run).toMatchObject({ status: 0, stderr: '' });
  });

  test('says when the disk takes no more, and goes on when it does', () => {
    const limited = spawnSync(
      '/bin/sh',
      ['-c', `trap '' XFSZ; ulimit -f 64; exec "$0" "$@"`, process.execPath, writerProgram, folder],
      { encoding: 'utf8' },
    );
    expect(limited.stderr).toContain('TEAL-JOURNAL-007');
    const acknowledged = Number(limited.stdout.trim().split('\n').at(-1));
    expect(acknowledged).toBeGreaterThan(1);
    using journal = openJournal(folder);
    expect(journal.state.seq).toBe(acknowledged);
    expect(journal.append(note('there is room'))[0]?.seq).toBe(acknowledged + 1);
  });
});

describe('one writer', { timeout: 300_000 }, () => {
  test('shuts out a second one in the same process, and is free again after closing', () => {
    const first = openJournal(folder);
    expect(() => openJournal(folder)).toThrow(new RegExp(`TEAL-JOURNAL-003: process ${process.pid} on `));
    first[Symbol.dispose]();
    using second = openJournal(folder);
    expect(second.state.seq).toBe(0);
  });

  test('in another process is named, and its place is free the moment it is killed', async () => {
    const { child, acknowledged } = await startWriter(3);
    expect(() => openJournal(folder)).toThrow(
      expect.objectContaining({ code: 'TEAL-JOURNAL-003', facts: expect.objectContaining({ pid: child.pid }) }),
    );
    await kill(child);
    using journal = openJournal(folder);
    expect(journal.state.seq).toBeGreaterThanOrEqual(acknowledged());
  });

  test('is seen from another process by its lock, whatever the holder’s file says', async () => {
    expect(hasWriter(folder)).toBe(false);
    const { child } = await startWriter(3);
    expect(hasWriter(folder)).toBe(true);
    await kill(child);
    expect(readHolder(folder)?.pid).toBe(child.pid);
    expect(hasWriter(folder)).toBe(false);
  });

  test('keeps its place when this process asks whether there is one', () => {
    const first = openJournal(folder);
    expect([hasWriter(folder), hasWriter(folder)]).toEqual([true, true]);
    const script = `import(process.argv[1]).then(({ hasWriter }) => process.stdout.write(String(hasWriter(process.argv[2]))))`;
    const lock = fileURLToPath(new URL('lock.ts', import.meta.url));
    const elsewhere = spawnSync(process.execPath, ['-e', script, lock, folder], { encoding: 'utf8' });
    expect(elsewhere).toMatchObject({ stdout: 'true', stderr: '' });
    first[Symbol.dispose]();
    expect(hasWriter(folder)).toBe(false);
  });

  test('is not refused because somebody asks in that moment', async () => {
    {
      using _made = openJournal(folder);
    }
    // A loop of questions, without a pause, for as long as the openings last.
    const script = `import(process.argv[1]).then(({ hasWriter }) => { process.stdout.write('asks'); for (;;) hasWriter(process.argv[2]); })`;
    const lock = fileURLToPath(new URL('lock.ts', import.meta.url));
    const asker = spawn(process.execPath, ['-e', script, lock, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(asker);
    await once(asker.stdout, 'data');
    for (let n = 0; n < 50; n += 1) openJournal(folder)[Symbol.dispose]();
  });

  test('tells what it does where others may wait for it; a file of an older Teal is read', () => {
    {
      using _recovery = openJournal(folder, recovering);
      expect(readHolder(folder)).toMatchObject({ pid: process.pid, what: recovering });
      expect(() => openJournal(folder)).toThrow(
        expect.objectContaining({ facts: expect.objectContaining({ what: recovering }) }),
      );
    }
    const old = { pid: 1, host: 'there', sinceIso: '2026-01-01T00:00:00.000Z' };
    writeFileSync(join(folder, 'journal.holder'), JSON.stringify(old));
    expect(readHolder(folder)).toEqual(old);
    writeFileSync(join(folder, 'journal.holder'), JSON.stringify({ ...old, what: 1 }));
    expect(readHolder(folder)).toBeUndefined();
  });

  test('is read beside while it writes', async () => {
    const { child } = await startWriter(3);
    using reader = openJournalReader(folder);
    const first = reader.refresh();
    expect(first).toMatchObject({ migration: 'shop', life: { phase: 'blue' } });
    expect(reader.holder?.pid).toBe(child.pid);
    await expect.poll(() => reader.refresh().seq).toBeGreaterThan(first.seq + 5);
    await kill(child);
    expect(reader.refresh().seq).toBe(reader.records().length);
  });

  test('has lost nothing that it acknowledged, whenever it was killed', async () => {
    for (const atLeast of [1, 2, 40, 90, 300]) {
      const { child, acknowledged } = await startWriter(atLeast);
      await kill(child);
      using journal = openJournal(folder);
      expect(journal.state.seq).toBeGreaterThanOrEqual(acknowledged());
      expect(journal.records()).toHaveLength(journal.state.seq);
    }
  });
});

test('a reader says that there is no journal', () => {
  expect(() => openJournalReader(folder)).toThrow(/TEAL-JOURNAL-008/);
  writeFileSync(journalPath(folder), '');
  expect(() => openJournalReader(folder)).toThrow(/TEAL-JOURNAL-008/);
});

describe('what others did to the file', () => {
  const alter = (sql: string): void => {
    const database = openDatabase(journalPath(folder));
    database.exec(sql);
    database.close();
  };
  const formatOf = (stateDir: string): unknown => {
    const database = openDatabase(journalPath(stateDir), { readOnly: true });
    const row = database.prepare('SELECT user_version AS format FROM pragma_user_version').get();
    database.close();
    return row?.['format'];
  };
  const withoutTriggers =
    'DROP TRIGGER record_is_never_changed; DROP TRIGGER record_is_never_deleted; DROP TRIGGER record_comes_last;';

  test.each([
    ['an update', "UPDATE record SET body = '{}' WHERE seq = 2", 'never changed'],
    ['a delete', 'DELETE FROM record WHERE seq = 5', 'never deleted'],
    ['a replaced row', "INSERT OR REPLACE INTO record VALUES (2, 't', 'note', 1, '{}', 'h')", 'one after the other'],
    ['a gap', "INSERT INTO record VALUES (9, 't', 'note', 1, '{}', 'h')", 'one after the other'],
  ])('%s is refused by the file itself', (_, sql, why) => {
    writeNotes(5);
    expect(() => alter(sql)).toThrow(why);
  });

  test.each([
    ['a changed text', `UPDATE record SET body = '{"text":"other"}' WHERE seq = 3`, 3],
    ['a changed time', `UPDATE record SET at = '2020' WHERE seq = 4`, 4],
    ['a changed type', `UPDATE record SET type = 'aborted' WHERE seq = 2`, 2],
    ['a missing record', 'DELETE FROM record WHERE seq = 2', 2],
    [
      'two records exchanged',
      'UPDATE record SET seq = 100 - seq WHERE seq IN (2, 3); UPDATE record SET seq = 100 - seq + 1 WHERE seq = 98; UPDATE record SET seq = 2 WHERE seq = 97',
      2,
    ],
    [
      'a record with a hash of its own',
      `INSERT INTO record VALUES (6, 't', 'note', 1, '{"text":"x"}', '${'0'.repeat(64)}')`,
      6,
    ],
  ])('%s is found, with the place', (_, sql, fromSeq) => {
    writeNotes(5);
    alter(`${withoutTriggers} ${sql}`);
    const found = expect.objectContaining({ code: 'TEAL-JOURNAL-001', facts: { fromSeq } });
    expect(() => openJournal(folder)).toThrow(found);
    using reader = openJournalReader(folder);
    expect(() => reader.refresh()).toThrow(found);
    // The failed opening has given the lock back.
    expect(() => openJournal(folder)).toThrow(found);
  });

  test('a newer format is refused before anything is read', () => {
    writeNotes(2);
    alter(`PRAGMA user_version = ${JOURNAL_FORMAT + 1}`);
    expect(() => openJournal(folder)).toThrow(new RegExp(`TEAL-JOURNAL-002.*format is ${JOURNAL_FORMAT + 1}`));
    expect(() => openJournalReader(folder)).toThrow(/TEAL-JOURNAL-002/);
  });

  test('a file of an earlier format is read as it is, and is of this one once somebody writes: an older Teal then refuses it', () => {
    writeNotes(2);
    alter('PRAGMA user_version = 1');
    using reader = openJournalReader(folder);
    expect(reader.refresh().seq).toBe(2);
    expect(formatOf(folder)).toBe(1);
    openJournal(folder)[Symbol.dispose]();
    expect(formatOf(folder)).toBe(JOURNAL_FORMAT);
    expect(reader.refresh().seq).toBe(2);
  });

  test('a page of records ends where it is told to', () => {
    writeNotes(5);
    using reader = openJournalReader(folder);
    reader.refresh();
    expect(reader.records(1, 2).map(({ seq }) => seq)).toEqual([2, 3]);
    expect(reader.records(4).map(({ seq }) => seq)).toEqual([5]);
  });

  test('another program’s database, and no database at all, are not taken for a journal', () => {
    const database = openDatabase(journalPath(folder));
    database.exec('CREATE TABLE theirs (n)');
    database.close();
    expect(() => openJournal(folder)).toThrow(/TEAL-JOURNAL-005/);
    writeFileSync(journalPath(folder), 'x'.repeat(5_000));
    expect(() => openJournal(folder)).toThrow(/TEAL-JOURNAL-005/);
  });
});

describe('a torn end of the log', () => {
  /** A journal whose records are all in the -wal, as after a crash; copies of its files can be damaged at will. */
  async function crashedFiles(): Promise<{
    readonly db: string;
    readonly wal: string;
    readonly records: readonly string[];
  }> {
    const { child } = await startWriter(60);
    await kill(child);
    const [db, wal] = [join(folder, 'crashed.db'), join(folder, 'crashed.wal')];
    copyFileSync(journalPath(folder), db);
    copyFileSync(`${journalPath(folder)}-wal`, wal);
    using journal = openJournal(folder);
    return { db, wal, records: journal.records().map(({ hash }) => hash) };
  }

  test('loses what came after the damage and nothing before it, wherever it is cut or garbled', async () => {
    const { db, wal, records } = await crashedFiles();
    const bytes = readFileSync(wal);
    const commits = endsOfCommits(bytes);
    expect(commits.length).toBeGreaterThan(60);
    const left = (damage: Buffer): readonly string[] => {
      const copy = join(folder, 'damaged');
      rmSync(copy, { recursive: true, force: true });
      mkdirSync(copy);
      copyFileSync(db, journalPath(copy));
      writeFileSync(`${journalPath(copy)}-wal`, damage);
      using journal = openJournal(copy);
      const hashes = journal.records().map(({ hash }) => hash);
      journal.append(journal.state.migration === undefined ? runStarted : note('goes on'));
      return hashes;
    };
    fc.assert(
      fc.property(fc.integer({ min: 0, max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }), (offset, flip) => {
        const lost = commits.filter((end) => end > offset).length;
        const kept = records.slice(0, Math.max(0, records.length - lost));
        const garbled = Buffer.from(bytes);
        garbled[offset] = (garbled[offset] ?? 0) ^ flip;
        expect(left(bytes.subarray(0, offset))).toEqual(kept);
        expect(left(garbled)).toEqual(kept);
      }),
      {
        numRuns: 60,
        examples: [
          [0, 1],
          [bytes.length - 1, 1],
          [31, 128],
          [32, 1],
        ],
      },
    );
  }, 300_000);
});

/**
 * Where each transaction in a write-ahead log ends, in bytes. A frame is a header of 24 bytes and a page; the last frame of a transaction
 * carries the size of the database in bytes 4 to 8, all others 0 there (sqlite.org/fileformat2.html#walformat).
 */
function endsOfCommits(wal: Buffer): readonly number[] {
  const frameSize = 24 + wal.readUInt32BE(8);
  const ends: number[] = [];
  for (let at = 32; at + frameSize <= wal.length; at += frameSize) {
    if (wal.readUInt32BE(at + 4) !== 0) ends.push(at + frameSize);
  }
  return ends;
}
