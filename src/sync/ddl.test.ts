import { expect, test } from 'vitest';
import type { SchemaForm } from '../model/schema-form.ts';
import { afterNews, newsText, noteText, readDdlNote, withNote, type DdlNote, type SchemaNews } from './ddl.ts';

const column = (of: string, name: string): SchemaForm => ({
  kind: 'column',
  schema: 'public',
  of,
  name: `public.${of}.${name}`,
  definition: 'text',
});

function note(more: Partial<DdlNote> = {}): DdlNote {
  return { command: 'ALTER TABLE', objects: [], tables: ['public.t'], forms: [], rewrote: false, ...more };
}

function newsOf(...notes: readonly DdlNote[]): SchemaNews | undefined {
  return notes.reduce<SchemaNews | undefined>((news, each) => withNote(news, afterNews(news, each)), undefined);
}

test.each(['not json', 'null', '7', '{}', '{"command": 7}', '["command"]'])(
  'what cannot be read is no note: %s',
  (text) => {
    expect(readDdlNote(Buffer.from(text))).toBeUndefined();
  },
);

test('a note keeps what has the right shape, and nothing else', () => {
  const good = column('t', 'a');
  const read = readDdlNote(
    Buffer.from(
      JSON.stringify({
        command: 'ALTER TABLE',
        objects: ['table public.t', 7],
        tables: ['public.t', { schema: 'public', name: 'u' }, { schema: 'x' }, null],
        forms: [good, { ...good, kind: 'row' }, { ...good, definition: 1 }, 'form'],
        rewrote: 'yes',
      }),
    ),
  );
  expect(read).toEqual({
    command: 'ALTER TABLE',
    objects: ['table public.t'],
    tables: ['public.t', 'public.u'],
    forms: [good],
    rewrote: false,
  });
  expect(readDdlNote(Buffer.from('{"command": "DROP TABLE", "failed": "XX000"}'))).toEqual(
    note({ command: 'DROP TABLE', tables: [] }),
  );
});

test('of several notes of a table the last says how it is; a table that is dropped again is no news', () => {
  const news = newsOf(
    note({ forms: [column('t', 'a'), column('u', 'a')] }),
    note({ forms: [column('t', 'b')] }),
    note({ command: 'DROP TABLE', tables: ['public.u'] }),
  );
  expect([...(news?.forms.values() ?? [])].flat()).toEqual([column('t', 'b')]);
});

test('a person hears of five commands, and how many more there were', () => {
  const notes = Array.from({ length: 7 }, (_, at) => note({ objects: [`table public.t${at}`] }));
  const news = newsOf(...notes);
  expect(news === undefined ? '' : newsText(news)).toMatch(/^ALTER TABLE \(table public\.t0\); .*t4\); and 2 more$/);
  const many = note({ objects: ['a', 'b', 'c', 'd', 'e', 'f', 'g'] });
  expect(noteText(many)).toBe('ALTER TABLE (a, b, c, d, e and 2 more)');
});

test('a rewrite is told with the command that made it', () => {
  const news = newsOf(note({ rewrote: true }), note({ objects: ['table public.t'], forms: [column('t', 'a')] }));
  expect(news === undefined ? '' : newsText(news)).toBe(
    'ALTER TABLE (table public.t), which computed rows anew: run the same there, then compare',
  );
});
