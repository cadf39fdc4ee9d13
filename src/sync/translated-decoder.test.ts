import { expect, test } from 'vitest';
import { must } from '../kernel/assert.ts';
import { PackedValues } from '../kernel/packed-values.ts';
import type { Relation, StreamEvent } from '../model/change.ts';
import { namesFrom, type NameMap } from '../model/name-map.ts';
import { readDdlNote } from './ddl.ts';
import { translatedDecoder } from './translated-decoder.ts';

const map: NameMap = {
  schemas: [{ blue: 'shop', green: 'public' }],
  tables: [
    {
      blue: { schema: 'shop', name: 'customer' },
      green: { schema: 'public', name: 'client' },
      columns: [
        { blue: 'mail', green: 'email' },
        { blue: 'legacy' },
        { blue: 'total', green: 'total', computed: true },
        { blue: 'seen', green: 'seen', nullOnBlue: '0000-00-00' },
      ],
    },
    { blue: { schema: 'shop', name: 'log' }, columns: [] },
  ],
};

function relation(id: number, schema: string, name: string, columns: readonly string[]): Relation {
  return Object.freeze({
    id,
    schema,
    name,
    replicaIdentity: 'default',
    columns: columns.map((column, at) => ({ name: column, typeOid: 0, typeModifier: -1, key: at === 0 })),
  });
}

const cell = (text: string | null): Buffer | null => (text === null ? null : Buffer.from(text));
const row = (...texts: readonly (string | null)[]): PackedValues => PackedValues.of(texts.map(cell));
const textsOf = (values: PackedValues | undefined): readonly (string | null | undefined)[] | undefined =>
  values?.toArray().map((each) => (Buffer.isBuffer(each) ? each.toString() : each));

/** What becomes of events that a decoder answers one after the other. */
function through(side: 'blue' | 'green', events: readonly StreamEvent[]): readonly (StreamEvent | undefined)[] {
  const left = [...events];
  const decoder = translatedDecoder({ decode: () => left.shift() }, namesFrom(side, map));
  return events.map(() => decoder.decode(Buffer.alloc(0)));
}

const customer = relation(7, 'shop', 'customer', ['id', 'mail', 'legacy', 'seen', 'total']);

test('rows come under the names of the target, without what does not travel', () => {
  const values = row('1', 'a@b', 'x', null, '9');
  const [told, inserted, updated, deleted] = through('blue', [
    { kind: 'relation', relation: customer },
    { kind: 'insert', relation: customer, row: values },
    { kind: 'update', relation: customer, row: values },
    { kind: 'delete', relation: customer, old: { kind: 'full', values }, isUnchecked: true },
  ]);
  const to = must(told?.kind === 'relation' ? told.relation : undefined, 'a relation');
  expect([to.id, to.schema, to.name, ...to.columns.map(({ name }) => name)]).toEqual([
    7,
    'public',
    'client',
    'id',
    'email',
    'seen',
  ]);
  if (inserted?.kind !== 'insert' || updated?.kind !== 'update' || deleted?.kind !== 'delete') throw new Error('kinds');
  expect([updated.isUnchecked, deleted.isUnchecked]).toEqual([undefined, true]);
  expect(inserted.relation).toBe(to);
  expect(updated.relation).toBe(to);
  for (const values of [inserted.row, updated.row, deleted.old.values])
    expect(textsOf(values)).toEqual(['1', 'a@b', null]);
});

test('on the way back NULL is what blue has in its place, but in a key that was sent alone', () => {
  const client = relation(3, 'public', 'client', ['id', 'email', 'seen']);
  const [event] = through('green', [
    {
      kind: 'update',
      relation: client,
      old: { kind: 'key', values: row('1', null, null) },
      row: PackedValues.of([cell('2'), undefined, null]),
    },
  ]);
  if (event?.kind !== 'update') throw new Error('no update');
  expect(event.relation.columns.map(({ name }) => name)).toEqual(['id', 'mail', 'seen']);
  expect(textsOf(event.row)).toEqual(['2', undefined, '0000-00-00']);
  expect(textsOf(event.old?.values)).toEqual(['1', null, null]);
});

test('a table without a place is not told of; one that is called the same, and those of Teal, are passed on as they are', () => {
  const log = relation(8, 'shop', 'log', ['id']);
  const same = relation(9, 'other', 'same', ['id']);
  const owner = relation(10, 'teal', 'owner', ['epoch']);
  const events: readonly StreamEvent[] = [
    { kind: 'relation', relation: log },
    { kind: 'insert', relation: log, row: row('1') },
    { kind: 'truncate', relations: [log], cascade: false, restartIdentity: false },
    { kind: 'insert', relation: same, row: row('1') },
    { kind: 'insert', relation: owner, row: row('1') },
  ];
  const [a, b, c, d, e] = through('blue', events);
  expect([a, b, c]).toEqual([undefined, undefined, undefined]);
  expect(d).toBe(events[3]);
  expect(e).toBe(events[4]);
  const [some] = through('blue', [
    { kind: 'truncate', relations: [log, customer], cascade: false, restartIdentity: false },
  ]);
  expect(some?.kind === 'truncate' ? some.relations.map(({ name }) => name) : []).toEqual(['client']);
});

test('a note of the schema speaks of the target’s tables', () => {
  const form = (of: string, column: string) =>
    ({ kind: 'column', schema: 'shop', of, name: `shop.${of}.${column}`, definition: 'int' }) as const;
  const content = {
    command: 'ALTER TABLE',
    objects: ['table shop.customer'],
    tables: [
      { schema: 'shop', name: 'customer' },
      { schema: 'shop', name: 'log' },
    ],
    forms: [form('customer', 'mail'), form('customer', 'legacy'), form('log', 'id')],
    rewrote: false,
  };
  const note = { kind: 'message', transactional: true, prefix: 'teal.ddl' } as const;
  const [event, broken] = through('blue', [
    { ...note, content: Buffer.from(JSON.stringify(content)) },
    { ...note, content: Buffer.from('{') },
  ]);
  expect(readDdlNote(event?.kind === 'message' ? event.content : Buffer.alloc(0))).toEqual({
    command: 'ALTER TABLE',
    objects: ['table shop.customer'],
    tables: ['public.client'],
    forms: [{ kind: 'column', schema: 'public', of: 'client', name: 'public.client.email', definition: 'int' }],
    rewrote: false,
  });
  expect(broken?.kind === 'message' && broken.content.toString()).toBe('{');
});
