import { appendFileSync, chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TokenFile } from './tokens.ts';

let folder = '';
let tokens = new TokenFile('');
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'teal-tokens-'));
  tokens = new TokenFile(join(folder, 'state', 'api-tokens'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a token says whose it is and what it is for, and only its hash is kept', () => {
  expect(tokens.isEmpty).toBe(true);
  const ada = tokens.add('ada', ['approve', 'approve', 'cut']);
  const scraper = tokens.add('prometheus', ['view']);
  expect(ada).toMatch(/^teal_[\w-]{43}$/);
  expect(tokens.callerOf(ada)).toEqual({ name: 'ada', roles: ['approve', 'cut'] });
  expect(tokens.callerOf(scraper)).toEqual({ name: 'prometheus', roles: ['view'] });
  const text = readFileSync(tokens.path, 'utf8');
  expect(text).not.toContain(ada);
  expect(text).not.toContain(ada.slice(5, 20));
  expect(statSync(tokens.path).mode & 0o777).toBe(0o600);
  // Another process reads the same file.
  expect(new TokenFile(tokens.path).callerOf(ada)?.name).toBe('ada');
});

test.each(['', 'teal_', 'x'.repeat(129), 'y'.repeat(1 << 20)])('%# is nobody', (token) => {
  tokens.add('ada', ['view']);
  expect(tokens.callerOf(token)).toBeUndefined();
});

test('one that differs in its last letter is nobody', () => {
  const token = tokens.add('ada', ['view']);
  expect(tokens.callerOf(`${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`)).toBeUndefined();
});

test('a line that is deleted revokes its token at once', () => {
  const [ada, bob] = [tokens.add('ada', ['view']), tokens.add('bob', ['view'])];
  const lines = readFileSync(tokens.path, 'utf8').split('\n');
  writeFileSync(tokens.path, lines.filter((line) => !line.includes('"ada"')).join('\n'), { mode: 0o600 });
  expect(tokens.callerOf(ada)).toBeUndefined();
  expect(tokens.callerOf(bob)?.name).toBe('bob');
});

test('a name is taken once, and roles are those that there are', () => {
  tokens.add('ada', ['view']);
  expect(() => tokens.add('ada', ['cut'])).toThrow(/TEAL-SERVER-003/);
  expect(() => tokens.add('bob', ['root'])).toThrow(/TEAL-SERVER-003/);
  expect(() => tokens.add('bob', [])).toThrow(/TEAL-SERVER-003/);
  expect(() => tokens.add('two words', ['view'])).toThrow(/TEAL-SERVER-003/);
  expect(() => tokens.add('', ['view'])).toThrow(/TEAL-SERVER-003/);
});

test('a file that others may read, or that is not of this form, lets nobody in and says where', () => {
  const token = tokens.add('ada', ['view']);
  chmodSync(tokens.path, 0o640);
  expect(() => tokens.callerOf(token)).toThrow(/TEAL-SERVER-002.*chmod 600/);
  chmodSync(tokens.path, 0o600);
  expect(tokens.callerOf(token)?.name).toBe('ada');
  appendFileSync(tokens.path, '{"name":"eve","secret":"hunter2"}\n');
  expect(() => tokens.callerOf(token)).toThrow(/TEAL-SERVER-002.*line 2 is not a token$/);
});
