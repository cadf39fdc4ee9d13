import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { journalPath, openJournal } from '../../journal/journal.ts';
import { openDatabase } from '../../journal/sqlite.ts';
import { runStarted } from '../../journal/test-support/events.ts';
import { main } from '../command-line.ts';
import { proofText } from './journal.ts';

let folder = '';
let head = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'teal-report-'));
  writeFileSync(
    join(folder, 'teal.yaml'),
    'teal: 1\nname: shop\nblue: { url: "postgres://b/" }\ngreen: { url: "postgres://g/" }\n',
  );
  using journal = openJournal(stateDir());
  journal.append(runStarted, { type: 'note', text: 'something' }, { type: 'note', text: 'more' });
  head = journal.records().at(-1)?.hash ?? '';
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const stateDir = (): string => join(folder, '.teal/shop');

/** The command line itself, in this process. */
async function teal(
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const said = { out: '', err: '' };
  const listen = (stream: NodeJS.WriteStream, name: keyof typeof said) =>
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      said[name] += String(text);
      return true;
    });
  const [out, err] = [listen(process.stdout, 'out'), listen(process.stderr, 'err')];
  try {
    return { code: await main([...args, '-f', join(folder, 'teal.yaml')]), ...said };
  } finally {
    out.mockRestore();
    err.mockRestore();
    process.exitCode = undefined;
  }
}

function alter(sql: string): void {
  const database = openDatabase(journalPath(stateDir()));
  database.exec(`DROP TRIGGER record_is_never_changed; DROP TRIGGER record_is_never_deleted; ${sql}`);
  database.close();
}

test('the hash to keep is in status and in the report; it proves the journal, and one that was cut off does not have it', async () => {
  expect(JSON.parse((await teal('status', '--json')).out)).toMatchObject({ head: { seq: 3, hash: head } });
  expect(await teal('report', '--html', '--out', join(folder, 'report.html'))).toMatchObject({ code: 0, out: '' });
  expect(readFileSync(join(folder, 'report.html'), 'utf8')).toMatch(new RegExp(`^<!doctype html>[^]*${head}`));
  expect(await teal('report', '--verify', '--head', head.toUpperCase())).toMatchObject({ code: 0 });
  alter('DELETE FROM record WHERE seq = 3');
  const cut = await teal('report', '--verify', '--head', head, '--json');
  expect(cut.code).toBe(3);
  expect(JSON.parse(cut.out)).toMatchObject({ unbroken: true, head: { seq: 2 }, kept: { seq: null } });
});

test('a broken chain is told with its first bad record, and there is no report of it', async () => {
  alter(`UPDATE record SET body = '{"text":"other"}' WHERE seq = 2`);
  const { code, out } = await teal('report', '--verify');
  expect(code).toBe(3);
  expect(out.replaceAll('\n', ' ')).toContain(
    'from record 2 on: the hash of record 2 is not that of its text after record 1.',
  );
  expect(await teal('report')).toMatchObject({ code: 1, err: expect.stringContaining('TEAL-JOURNAL-001') });
});

test('a hash that is none, and two forms at once, are mistakes of the command line', async () => {
  expect(await teal('report', '--head', 'abc')).toMatchObject({
    code: 2,
    err: expect.stringContaining('64 hexadecimal digits'),
  });
  expect(await teal('report', '--html', '--json')).toMatchObject({
    code: 2,
    err: expect.stringContaining('cannot be used with'),
  });
});

test.each([
  [
    { unbroken: true, head: { seq: 2, hash: 'h' } },
    'the chain of hashes is unbroken. 2 records; the last has the hash h.',
  ],
  [{ unbroken: true, head: { seq: 2, hash: 'h' }, kept: { seq: 1 } }, 'Record 1 has the hash that was kept'],
  [{ unbroken: true, head: { seq: 2, hash: 'h' }, kept: { seq: null } }, 'No record has the hash that was kept'],
  [
    { unbroken: false, firstBad: 3, why: 'w', whole: { seq: 2, hash: 'h' } },
    'from record 3 on: w. Up to record 2 it is whole.',
  ],
  [{ unbroken: false, firstBad: 1, why: 'w', whole: { seq: 0, hash: 'h' } }, 'Nothing before it can be proven.'],
] as const)('%j in words', (proof, expected) => expect(proofText('shop', proof)).toContain(expected));
