import { expect, test } from 'vitest';
import type { OrderedItem } from './schema-order.ts';
import { isPartitioned, readKey, withKeyIndex } from './schema-key-indexes.ts';

const settings = `SET default_tablespace = fast;\n`;
const constraint = (sql: string): { readonly type: string; readonly sql: string } => ({ type: 'CONSTRAINT', sql });

test('the index of a key is built by itself, and everything about it stays', () => {
  const sql = `${settings}ALTER TABLE ONLY public.item\n    ADD CONSTRAINT item_pkey PRIMARY KEY (id, "at, ""x""") INCLUDE (price)\n    WITH (fillfactor='70') DEFERRABLE INITIALLY DEFERRED;\n\nALTER TABLE ONLY public.item REPLICA IDENTITY USING INDEX item_pkey;\n`;
  expect(readKey(constraint(sql))).toEqual({
    buildIndex: `${settings}CREATE UNIQUE INDEX item_pkey ON public.item (id, "at, ""x""") INCLUDE (price)\n    WITH (fillfactor='70');\n`,
    addConstraint: `${settings}ALTER TABLE ONLY public.item\n    ADD CONSTRAINT item_pkey PRIMARY KEY USING INDEX item_pkey DEFERRABLE INITIALLY DEFERRED;\n\nALTER TABLE ONLY public.item REPLICA IDENTITY USING INDEX item_pkey;\n`,
  });
  const nulls = `ALTER TABLE ONLY "S; x"."t (y"\n    ADD CONSTRAINT "a b" UNIQUE NULLS NOT DISTINCT (c);\n`;
  expect(readKey(constraint(nulls))?.buildIndex).toBe(
    `CREATE UNIQUE INDEX "a b" ON "S; x"."t (y" (c) NULLS NOT DISTINCT;\n`,
  );
});

test.each([
  [
    'a period',
    `ALTER TABLE ONLY public.t\n    ADD CONSTRAINT k PRIMARY KEY (id, at WITHOUT OVERLAPS);\n`,
    'CONSTRAINT',
  ],
  ['an exclusion', `ALTER TABLE ONLY public.t\n    ADD CONSTRAINT k EXCLUDE USING gist (at WITH &&);\n`, 'CONSTRAINT'],
  ['a check', `ALTER TABLE public.t\n    ADD CONSTRAINT k CHECK ((a > 0)) NOT VALID;\n`, 'CHECK CONSTRAINT'],
  ['what MySQL had', `alter table "s"."t" add primary key ("a");\n`, 'CONSTRAINT'],
])('%s is made as it is written', (_, sql, type) => {
  expect(readKey({ type, sql })).toBeUndefined();
});

test('beside the other builds of its table, and before its constraint; never of a partitioned table', () => {
  const sql = `ALTER TABLE ONLY public.t\n    ADD CONSTRAINT k UNIQUE (a);\n`;
  const item = { dumpId: 7, schema: 'public', name: 't k', section: 'post-data', needs: [3], key: 'k' } as const;
  const ordered: OrderedItem = {
    item: { ...item, ...constraint(sql) },
    part: 'keys',
    after: new Set([3]),
    tables: [{ schema: 'public', name: 't' }],
    lock: 'exclusive',
  };
  const [index, key] = withKeyIndex(ordered, new Set());
  expect(index).toMatchObject({ item: { dumpId: -7, type: 'KEY INDEX' }, lock: 'shared', after: new Set([3]) });
  expect(key).toMatchObject({ item: { dumpId: 7, key: 'k' }, lock: 'exclusive', after: new Set([3, -7]) });
  expect(withKeyIndex(ordered, new Set(['public.t']))).toEqual([ordered]);
  expect(isPartitioned({ type: 'TABLE', sql: 'CREATE TABLE public.t (\n    a int\n)\nPARTITION BY LIST (a);\n' })).toBe(
    true,
  );
  expect(isPartitioned({ type: 'TABLE', sql: 'CREATE TABLE public.t (\n    a int\n);\n' })).toBe(false);
});
