import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { typeRules } from '../src/mapping/type-rules.ts';
import { renderMysqlTypesPage } from './mysql-types-page.ts';

const page = renderMysqlTypesPage();

test('the page in the repository is what the rules say', async () => {
  expect(await readFile(resolve(import.meta.dirname, '../docs/reference/mysql-types.md'), 'utf8')).toBe(page);
});

test('every rule is on it once, with what can be lost', () => {
  for (const { name, loss } of typeRules) {
    const rows = page.split('\n').filter((line) => line.startsWith(`| ${name} |`));
    expect(rows).toHaveLength(1);
    for (const sentence of loss) expect(rows[0]).toContain(sentence.replaceAll('|', '\\|'));
  }
});

test('every row of a table has as many cells as its head', () => {
  let cells: number | undefined;
  for (const line of page.split('\n')) {
    const found = line.startsWith('|') ? line.replaceAll('\\|', '').split('|').length : undefined;
    if (found !== undefined && cells !== undefined) expect(line.length > 0 && found, line).toBe(cells);
    cells = found;
  }
});
