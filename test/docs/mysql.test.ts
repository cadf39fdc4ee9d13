import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parseSpec } from '../../src/spec/parse.ts';

test('the files on the page about MySQL are right as they stand, alone and together', async () => {
  const page = await readFile('docs/guide/mysql.md', 'utf8');
  const blocks = [...page.matchAll(/(?:^ {4}.*\n|^\n(?= {4}))+/gm)].map(([block]) => block.replaceAll(/^ {4}/gm, ''));
  const [sides, mapping] = ['teal: 1', 'mapping:'].map(
    (begin) => blocks.find((block) => block.trimStart().startsWith(begin)) ?? '',
  );
  const env = { BLUE_URL: 'mysql://teal@db/shop', GREEN_URL: 'postgres://teal@pg/shop' };
  for (const text of [sides ?? '', `${sides ?? ''}${mapping ?? ''}`]) {
    const parsed = parseSpec(text, { env, readText: () => undefined });
    expect(parsed.ok ? [] : parsed.mistakes).toEqual([]);
  }
  expect(mapping).toContain('jsonb');
});

test('what the page shows of the data layer is from the one that runs', async () => {
  const [page, example] = await Promise.all([
    readFile('docs/guide/mysql.md', 'utf8'),
    readFile('examples/follow-the-cut.ts', 'utf8'),
  ]);
  const pieces = [...page.matchAll(/^```ts\n(.*?)^```/gms)].map(([, piece]) => piece ?? '');
  expect(pieces).toHaveLength(4);
  for (const piece of pieces) expect(example).toContain(piece);
});
