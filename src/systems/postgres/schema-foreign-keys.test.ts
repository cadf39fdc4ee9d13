import { expect, test } from 'vitest';
import { additionOf, readForeignKey } from './schema-foreign-keys.ts';
import type { SchemaItem } from './schema-script.ts';

function item(sql: string, type = 'FK CONSTRAINT'): SchemaItem {
  return { dumpId: 1, type, schema: 'public', name: 't fk', section: 'post-data', needs: [], sql, key: 'k' };
}

const plain = `SET default_tablespace = '';\nALTER TABLE ONLY public.child\n    ADD CONSTRAINT fk FOREIGN KEY (a, b) REFERENCES public.parent(a, b) ON DELETE SET NULL (a) DEFERRABLE;\n`;
const odd = `ALTER TABLE ONLY "odd "" . ;schema"."A table; NOT VALID"\n    ADD CONSTRAINT "x) REFERENCES y" FOREIGN KEY ("(", "a ""b") REFERENCES "S.x"."p ( ;"("select") MATCH FULL;\n`;
const parted = `ALTER TABLE public.parted\n    ADD CONSTRAINT fk FOREIGN KEY (k) REFERENCES public.parent(k);\n`;

const old = { major: 14, partitioned: new Set(['public.tree']) };
const young = { major: 18, partitioned: new Set(['public.tree']) };

test('a key is added without looking at the rows, and checked by a statement of its own', () => {
  expect(readForeignKey(item(plain))).toMatchObject({
    table: { schema: 'public', name: 'child' },
    references: { schema: 'public', name: 'parent' },
    holds: true,
    validate: 'ALTER TABLE ONLY public.child\n    VALIDATE CONSTRAINT fk;\n',
  });
  expect(additionOf(item(plain), old).sql).toMatch(/SET NULL \(a\) DEFERRABLE NOT VALID;\n$/);
});

test('names may hold anything', () => {
  expect(readForeignKey(item(odd))).toMatchObject({
    table: { schema: 'odd " . ;schema', name: 'A table; NOT VALID' },
    references: { schema: 'S.x', name: 'p ( ;' },
    holds: true,
    validate: `ALTER TABLE ONLY "odd "" . ;schema"."A table; NOT VALID"\n    VALIDATE CONSTRAINT "x) REFERENCES y";\n`,
  });
});

test('a key that does not hold on the source is not made to hold', () => {
  for (const word of ['NOT VALID', 'NOT ENFORCED']) {
    const sql = plain.replace(/;\n$/, ` ${word};\n`);
    expect(readForeignKey(item(sql))?.holds).toBe(false);
    expect(additionOf(item(sql), young).sql).toBe(sql);
  }
});

test('partitioned tables get their keys in one go before 18', () => {
  expect(additionOf(item(parted), old).sql).toBe(parted);
  expect(additionOf(item(parted), young).sql).toMatch(/ NOT VALID;\n$/);
  const toTree = plain.replace('public.parent', 'public.tree');
  expect(additionOf(item(toTree), old).sql).toBe(toTree);
  expect(additionOf(item(toTree), young).sql).toMatch(/ NOT VALID;\n$/);
});

test('what is not written as pg_dump writes it is left alone', () => {
  expect(readForeignKey(item(plain, 'CONSTRAINT'))).toBeUndefined();
  expect(readForeignKey(item('ALTER TABLE x ADD FOREIGN KEY (a) REFERENCES y;'))).toBeUndefined();
});
