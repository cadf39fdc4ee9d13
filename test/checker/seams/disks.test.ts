import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { setFull } from './disk-full.ts';
import { flagsOf, ledgerOf, seamEnvironment, withPreload } from './index.ts';
import { loseUnsynced } from './sync-ledger.ts';

let folder = '';
let spool = '';

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'teal-seam-')));
  spool = join(folder, 'spool');
  mkdirSync(spool);
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** What a program with the seam in it prints. */
function run(program: string): string {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    env: { ...process.env, ...seamEnvironment({ folder }) },
  });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

const src = (file: string): string => JSON.stringify(new URL(`../../../src/${file}`, import.meta.url).href);
const inSpool = (name: string): string => JSON.stringify(join(spool, name));

describe('what a power cut leaves', () => {
  test('each file is as long as its last sync promised', () => {
    run(`
      import { open } from 'node:fs/promises';
      const file = await open(${inSpool('a')}, 'w');
      await file.write('durable');
      await file.datasync();
      const folder = await open(${JSON.stringify(spool)}, 'r');
      await folder.sync();
      await file.write(' and not');`);
    expect(readFileSync(join(spool, 'a'), 'utf8')).toBe('durable and not');
    expect(loseUnsynced(ledgerOf(folder), spool)).toEqual([{ file: 'a', bytes: 8 }]);
    expect(readFileSync(join(spool, 'a'), 'utf8')).toBe('durable');
    expect(loseUnsynced(ledgerOf(folder), spool)).toEqual([]);
  });

  test('a file whose name was not made durable is gone, however well it was synced itself', () => {
    run(`
      import { open } from 'node:fs/promises';
      const file = await open(${inSpool('a')}, 'w');
      await file.write('durable');
      await file.sync();`);
    loseUnsynced(ledgerOf(folder), spool);
    expect(existsSync(join(spool, 'a'))).toBe(false);
  });

  test('what was cut off is not durable when something else has come into its place', () => {
    run(`
      import { open } from 'node:fs/promises';
      const file = await open(${inSpool('a')}, 'w');
      await file.write('123456789');
      await file.sync();
      const folder = await open(${JSON.stringify(spool)}, 'r');
      await folder.sync();
      await file.truncate(3);
      await file.write('abcdef', 3);`);
    loseUnsynced(ledgerOf(folder), spool);
    expect(readFileSync(join(spool, 'a'), 'utf8')).toBe('123');
  });

  test('a spool keeps what it said was durable', () => {
    const said = run(`
      const { SpoolWriter } = await import(${src('sync/spool-writer.ts')});
      const spool = await SpoolWriter.open({ folder: ${JSON.stringify(spool)} });
      await spool.beginStream('1/1', '0');
      const transaction = (end) => [
        { kind: 'begin', payload: Buffer.from('B') },
        { kind: 'change', payload: Buffer.from('I'.repeat(100)) },
        { kind: 'commit', end, payload: Buffer.from('C') },
      ];
      await spool.append(transaction('1'));
      const durable = await spool.sync();
      await spool.append(transaction('2'));
      console.log(durable, spool.received);`);
    expect(said).toBe('1 2\n');
    const [lost] = loseUnsynced(ledgerOf(folder), spool);
    expect(lost?.bytes).toBeGreaterThan(100);
    const found = run(`
      const { SpoolWriter } = await import(${src('sync/spool-writer.ts')});
      console.log((await SpoolWriter.open({ folder: ${JSON.stringify(spool)} })).received);`);
    expect(found).toBe('1\n');
  });
});

describe('a full disk', () => {
  test('takes a part of a write now and then, and refuses the rest', () => {
    setFull(flagsOf(folder), 'spool', true);
    const refused = run(`
      import { open } from 'node:fs/promises';
      const file = await open(${inSpool('a')}, 'w');
      const write = async () => file.writev([Buffer.from('1234'), Buffer.from('5678')], 0).catch((error) => error);
      console.log((await write()).bytesWritten, (await write()).code, (await write()).code, (await write()).bytesWritten);`);
    expect(refused).toBe('2 ENOSPC ENOSPC 2\n');
    expect(statSync(join(spool, 'a')).size).toBe(2);
  });

  test('is the spool’s own error, and passes', () => {
    const program = `
      const { SpoolWriter } = await import(${src('sync/spool-writer.ts')});
      const spool = await SpoolWriter.open({ folder: ${JSON.stringify(spool)} });
      const told = await spool.beginStream('1/1', '0').catch((error) => error);
      console.log(told?.code, told?.entry?.retry);`;
    setFull(flagsOf(folder), 'spool', true);
    expect(run(program)).toBe('TEAL-SYNC-002 auto\n');
    setFull(flagsOf(folder), 'spool', false);
    expect(run(program)).toBe('undefined undefined\n');
  });

  test('of the journal refuses a record, and the journal goes on afterwards', () => {
    const told = run(`
      const { openJournal } = await import(${src('journal/journal.ts')});
      const { runStarted } = await import(${src('journal/test-support/events.ts')});
      const { setFull } = await import(${JSON.stringify(new URL('disk-full.ts', import.meta.url).href)});
      using journal = openJournal(${JSON.stringify(folder)}, 'up');
      const tries = () => { try { return journal.append(runStarted).length; } catch (error) { return error.code + ' ' + error.cause.errcode; } };
      setFull(${JSON.stringify(flagsOf(folder))}, 'journal', true);
      console.log(tries(), journal.records().length);
      setFull(${JSON.stringify(flagsOf(folder))}, 'journal', false);
      console.log(tries(), journal.records().length);`);
    expect(told).toBe('TEAL-JOURNAL-007 13 0\n1 1\n');
  });
});

test('the seam is in Node’s options once', () => {
  const once = withPreload('--max-old-space-size=200');
  expect(once).toMatch(/^--max-old-space-size=200 --import=file:.*preload\.ts$/);
  expect(withPreload(once)).toBe(once);
});
