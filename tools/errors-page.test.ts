import { glob, readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import type { ErrorEntry } from '../src/kernel/codes/entry.ts';
import { errorRegistry } from '../src/kernel/codes/registry.ts';
import { renderErrorsPage } from './errors-page.ts';

const top = resolve(import.meta.dirname, '..');
const registry: Readonly<Record<string, ErrorEntry>> = errorRegistry;

test('every code names its room and three digits', () => {
  expect(Object.keys(registry).filter((code) => !/^TEAL-[A-Z]+-\d{3}$/.test(code))).toEqual([]);
});

test('every entry tells its reader something, as sentences', () => {
  const isSentence = (text: string): boolean => /^\S.{10,}[.!?)]$/s.test(text);
  const isLine = (text: string): boolean => /^[A-Z`].{5,}[^.]$/.test(text);
  const untold = Object.entries(registry).filter(
    ([, { summary, happened, doThis }]) => !isLine(summary) || !isSentence(happened) || !isSentence(doThis),
  );
  expect(untold.map(([code]) => code)).toEqual([]);
});

test('every code is on the page once, with all that its entry says', () => {
  const page = renderErrorsPage();
  for (const [code, entry] of Object.entries(registry)) {
    const [, section] = page.split(`## ${code}\n`);
    expect(page.split(`## ${code}\n`)).toHaveLength(2);
    for (const said of [entry.summary, entry.happened, entry.doThis]) expect(section).toContain(said);
  }
});

test('every code is raised somewhere', async () => {
  const used = new Set<string>();
  for await (const path of glob(['src/**/*.ts', 'tools/**/*.ts', 'demo/**/*.ts'], { cwd: top })) {
    if (path.startsWith('src/kernel/codes/') || path.endsWith('.test.ts')) continue;
    const text = await readFile(resolve(top, path), 'utf8');
    for (const [code] of text.matchAll(/TEAL-[A-Z]+-\d{3}/g)) used.add(code);
  }
  expect(Object.keys(registry).filter((code) => !used.has(code))).toEqual([]);
});
