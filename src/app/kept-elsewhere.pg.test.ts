import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openJournal } from '../journal/journal.ts';
import type { PostgresPlace } from '../journal/place.ts';
import { moveHome } from '../journal/postgres/postgres-store.ts';
import { runStarted } from '../journal/test-support/events.ts';
import { greenMajor, testDatabase, type TestDatabase } from '../../test/support/postgres.ts';
import { homeWatch } from './home-watch.ts';
import { postgresPlace } from './journal-place.ts';
import { KeptElsewhere } from './kept-elsewhere.ts';

let database: TestDatabase;
let folders: string[] = [];
beforeEach(async () => {
  database = await testDatabase(greenMajor());
});
afterEach(async () => {
  await database[Symbol.asyncDispose]();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  folders = [];
});

function machine(): { readonly folder: string; readonly place: PostgresPlace } {
  const folder = mkdtempSync(join(tmpdir(), 'teal-kept-'));
  folders.push(folder);
  return { folder, place: postgresPlace(database.url, 'shop', folder) };
}

test('what a step has left on disk is kept before the record that it is done, and another folder has it then', () => {
  const [one, two] = [machine(), machine()];
  {
    using inner = openJournal(one.place);
    const kept = new KeptElsewhere(one.place, one.folder);
    kept.bring();
    const journal = kept.journal(inner);
    writeFileSync(join(one.folder, 'catalog.json'), '{"tables":[]}');
    writeFileSync(join(one.folder, 'schema.dump'), Buffer.from([0, 255, 1, 128]));
    mkdirSync(join(one.folder, 'certificates'));
    writeFileSync(join(one.folder, 'certificates', 'one.json'), '{}');
    writeFileSync(join(one.folder, 'progress.json'), '{}');
    journal.append(runStarted, { type: 'stepIntended', step: 'a' });
    writeFileSync(join(one.folder, 'first-position-forward.json'), '{"position":"1"}');
    journal.append({ type: 'stepDone', step: 'a', found: false, evidence: 'e', facts: {} });
    rmSync(join(one.folder, 'schema.dump'));
    journal.append({ type: 'stepUndoIntended', step: 'a' });
    journal.append({ type: 'stepUndone', step: 'a' });
  }
  using _leads = openJournal(two.place);
  writeFileSync(join(two.folder, 'catalog.json'), 'of another time');
  new KeptElsewhere(two.place, two.folder).bring();
  const text = (name: string): string => readFileSync(join(two.folder, name), 'utf8');
  expect(text('catalog.json')).toBe('{"tables":[]}');
  expect(text('first-position-forward.json')).toBe('{"position":"1"}');
  expect(text('certificates/one.json')).toBe('{}');
  expect(statSync(join(two.folder, 'catalog.json')).mode & 0o777).toBe(0o600);
  expect(['schema.dump', 'progress.json'].filter((name) => existsSync(join(two.folder, name)))).toEqual([]);
});

test('an archive comes as it was, byte by byte', () => {
  const [one, two] = [machine(), machine()];
  const bytes = Buffer.from(Array.from({ length: 512 }, (_, n) => n % 256));
  {
    using _leads = openJournal(one.place);
    writeFileSync(join(one.folder, 'schema.dump'), bytes);
    new KeptElsewhere(one.place, one.folder).share();
  }
  using _leads = openJournal(two.place);
  new KeptElsewhere(two.place, two.folder).bring();
  expect(readFileSync(join(two.folder, 'schema.dump')).equals(bytes)).toBe(true);
});

test('who leads no more changes nothing of it', () => {
  const [one, two] = [machine(), machine()];
  openJournal(one.place)[Symbol.dispose]();
  using _leads = openJournal(two.place);
  writeFileSync(join(one.folder, 'catalog.json'), '{}');
  expect(() => new KeptElsewhere(one.place, one.folder).share()).toThrow('TEAL-JOURNAL-020');
  expect(() => moveHome(one.place)).toThrow('TEAL-JOURNAL-020');
});

test('processes see that another folder carries once its controller has moved the migration on, and go on while nobody can tell', async () => {
  const [one, two] = [machine(), machine()];
  const told: string[] = [];
  const env = { TEAL_JOURNAL: database.url };
  await using watch = homeWatch('shop', one.folder, env, (text) => told.push(text));
  expect(homeWatch('shop', one.folder, {}, () => undefined)).toBeUndefined();
  // There is no journal yet.
  expect(await watch?.hasMoved()).toBe(false);
  {
    using _leads = openJournal(one.place);
    moveHome(one.place);
  }
  // Whoever only writes something down leads, and carries nothing.
  openJournal(two.place)[Symbol.dispose]();
  await using second = homeWatch('shop', one.folder, env, (text) => told.push(text));
  expect(await second?.hasMoved()).toBe(false);
  using _leads = openJournal(two.place);
  moveHome(two.place);
  expect(await second?.moved(AbortSignal.timeout(30_000))).toBe(true);
  expect(told).toEqual([expect.stringContaining('cannot be read')]);
});
