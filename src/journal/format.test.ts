import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { canonicalJson, sha256, type Json } from './canonical.ts';
import { EVENT_VERSION } from './events.ts';
import { JOURNAL_FORMAT } from './database.ts';
import { fold } from './fold.ts';
import { GENESIS, seal, verifyChain, type RawRecord } from './record.ts';
import { eventTypes, runStarted, sampleOf, schemaOfEvents } from './test-support/events.ts';

/**
 * The shapes of all events, frozen. When this fails you have changed what a journal may say, or zod has changed how it writes a schema.
 *
 * A journal is for ever: every later version folds it. So
 * 1. never remove or rename a field or a type, nor narrow a field; add a new type beside the old one instead;
 * 2. after adding a type or a field (optional, for old records lack it), raise JOURNAL_FORMAT in `database.ts`, so that older versions of Teal
 *    refuse the file instead of stumbling over the record;
 * 3. teach `fold.ts` the meaning, and `fold.test.ts` where it may happen;
 * 4. add a recorded journal of the new format beside `test-support/journal-1.json` (leave the old ones: they must fold for ever);
 * 5. then put the new hash here, with the format that it belongs to.
 */
test('the shapes of events are frozen', () => {
  const shapes = sha256(canonicalJson(schemaOfEvents() as Json));
  expect({ format: JOURNAL_FORMAT, version: EVENT_VERSION, shapes }).toEqual({
    format: 4,
    version: 1,
    shapes: 'fab7af7e13bc784516d026585d5bd3a3b2a1e0ffe300a164e88318dbdff55f22',
  });
});

test('the chain is frozen: this record has this hash', () => {
  const row = seal(runStarted, '2026-01-01T00:00:00.000Z', { seq: 0, hash: GENESIS });
  expect(row.hash).toBe('3f28ece951c9771f31db774f5fc7491904d031533f46c5253234328ad3262e7d');
});

const sinceFormat2: ReadonlySet<string> = new Set(['callAccepted']);
const sinceFormat3: ReadonlySet<string> = new Set(['callAnswered']);

test.each([
  [1, eventTypes.filter((type) => !sinceFormat2.has(type) && !sinceFormat3.has(type))],
  [2, eventTypes.filter((type) => !sinceFormat3.has(type))],
  [3, eventTypes],
  // A cut of some topics.
  [4, eventTypes],
])('a journal recorded by format %i is whole and folds to what it meant', (format, types) => {
  const file = new URL(`test-support/journal-${format}.json`, import.meta.url);
  const rows = JSON.parse(readFileSync(file, 'utf8')) as readonly RawRecord[];
  const state = fold(verifyChain(rows));
  expect(new Set(rows.map(({ type }) => type))).toEqual(new Set(types));
  expect(state).toMatchObject({
    life: { phase: 'finalised', live: 'green' },
    epoch: 3,
    runs: 4,
    cuts: [
      { cut: 'e1a1', end: { how: 'aborted' } },
      { cut: 'e1a2', to: 'green', end: { how: 'finished' } },
      { cut: 'e2a1', to: 'blue', end: { how: 'finished' } },
      { cut: 'e3a1', to: 'green', end: { how: 'finished' } },
    ],
    rollbacks: [{ cut: 'e2a1', by: 'dba' }],
    certificates: { count: 1, last: { certificate: 'c1' } },
    steps: { 'prepare.publication': { state: 'done', facts: { tables: 3 } }, 'prepare.slot': { state: 'undone' } },
  });
});

test('every type of event passes through a row and back unchanged', () => {
  for (const type of eventTypes) {
    const event = sampleOf(type);
    const row = seal(event, '2026-01-01T00:00:00.000Z', { seq: 0, hash: GENESIS });
    expect([...verifyChain([row])].map((record) => record.event)).toEqual([event]);
  }
});

test('one value has one canonical text', () => {
  expect(canonicalJson({ b: [1, { d: null, c: 'ä"' }], a: true })).toBe('{"a":true,"b":[1,{"c":"ä\\"","d":null}]}');
  expect(() => canonicalJson({ a: Number.NaN })).toThrow(/finite/);
});

test.each([
  ['a type that is not known', { type: 'teleported', version: 1, body: '{}' }],
  ['a later version of a type', { type: 'note', version: 2, body: '{"text":"x"}' }],
  ['a field that is not known', { type: 'note', version: 1, body: '{"mood":"x","text":"x"}' }],
  ['a body that is no JSON', { type: 'note', version: 1, body: '{' }],
])('%s in a whole chain is said to be from another version, not altered', (_, content) => {
  const unhashed = { seq: 1, at: '2026-01-01T00:00:00.000Z', ...content };
  const row = { ...unhashed, hash: sha256(`${GENESIS}\n${canonicalJson(unhashed)}`) };
  expect(() => [...verifyChain([row])]).toThrow(/TEAL-JOURNAL-006: record 1 /);
});
