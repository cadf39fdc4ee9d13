import { expect, test } from 'vitest';
import { EventParser } from '../../console/src/pure/event-parser.ts';
import { backoffMs, freshnessOf, staleAfterMs } from '../../console/src/pure/freshness.ts';
import { bytesText, countText, durationText, leftText } from '../../console/src/pure/format.ts';
import { hrefOf, pathOf, placeOf } from '../../console/src/pure/place.ts';
import { recordText } from '../../console/src/pure/record-text.ts';
import { columnsOf, queryRates, withPoint } from '../../console/src/pure/series.ts';
import { shapesOf } from '../../console/src/pure/shapes.ts';
import { situationOf } from '../../console/src/pure/situation.ts';
import { trackOf } from '../../console/src/pure/track.ts';
import type { GatesAnswer, MigrationAnswer, RatePoint } from '../../console/src/types.ts';

test('events are the same however the stream is cut', () => {
  const text =
    'retry: 2000\n\nid: 7\nevent: journal\ndata: {"a":1}\n\n: still here\n\nevent: rates\ndata: one\ndata: two\n\n';
  const wanted = [
    { event: 'journal', data: '{"a":1}', id: '7' },
    { event: 'rates', data: 'one\ntwo' },
  ];
  for (let cut = 0; cut <= text.length; cut += 1) {
    const parser = new EventParser();
    expect([...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut))]).toEqual(wanted);
  }
});

test('what was not heard lately is stale, also where a clock was set back; attempts are never far apart', () => {
  expect(freshnessOf(undefined, 5)).toEqual({ state: 'waiting' });
  expect(freshnessOf(1_000, 1_000 + staleAfterMs)).toEqual({ state: 'live' });
  expect(freshnessOf(1_000, 1_001 + staleAfterMs)).toEqual({ state: 'stale', sinceMs: 1_000 });
  expect(freshnessOf(100_000, 50_000)).toEqual({ state: 'stale', sinceMs: 100_000 });
  expect([0, 1, 2, 50].map(backoffMs)).toEqual([500, 1_000, 2_000, 15_000]);
});

test('a line is not drawn across silence, and a proxy that began anew has no rate', () => {
  const at = (seconds: number, queries: number): RatePoint => ({
    atMs: seconds * 1_000,
    forward: { lagBytes: 1, changesPerSecond: 2 },
    proxy: { queries, clients: 1, inFlight: 0 },
  });
  const points = [at(0, 10), at(2, 30), at(60, 90), at(62, 5)];
  expect(columnsOf(points, [({ forward }) => forward?.lagBytes, ({ forward }) => forward?.lagMs])).toEqual([
    [0, 2, 2.001, 60, 62],
    [1, 1, null, 1, 1],
    [null, null, null, null, null],
  ]);
  expect([...queryRates(points)]).toEqual([[2_000, 10]]);
  expect(withPoint(points, at(62, 6))).toBe(points);
  expect(withPoint(points, at(1_000, 6)).map(({ atMs }) => atMs)).toEqual([1_000_000]);
});

test('numbers are as exact as they are known', () => {
  expect([0, 999, 1_500, 12_345_678].map(bytesText)).toEqual(['0 bytes', '999 bytes', '1.5 kB', '12.3 MB']);
  expect([0, 0.4, 42, 1_250, 61_000, 5_400_000, 200_000_000].map(durationText)).toEqual([
    '0 ms',
    '< 1 ms',
    '42 ms',
    '1.3 s',
    '1 min',
    '1 h 30 min',
    '2 d 7 h',
  ]);
  expect([3, 41, 600].map(leftText)).toEqual(['a few seconds left', 'about 50 s left', 'about 10 min left']);
  expect(countText('1037290')).toBe('1,037,290');
});

const migration: MigrationAnswer = {
  name: 'shop',
  live: 'blue',
  phase: 'blue',
  stages: ['prepare', 'copy', 'follow'].map((stage) => ({ stage, state: 'finished' })),
  open: [],
  gates: [],
  cuts: [],
  flows: [],
};
const gates: GatesAnswer = {
  gates: [{ gate: 'cutover.gates[0]', asks: 'does dba say yes?', person: 'dba', answer: 'not yet', evidence: 'waits' }],
};
const seen = { migration, gates, commands: [], rates: undefined };

test('the page says first what stands in the way, then what runs, then what is awaited', () => {
  expect(situationOf({ ...seen, migration: undefined })).toMatchObject({
    title: 'Nothing was begun yet',
    actions: ['up'],
  });
  expect(situationOf(seen)).toMatchObject({
    tone: 'waits',
    title: 'It waits for dba',
    actions: ['approve', 'cutover', 'verify'],
  });
  const copying = {
    ...migration,
    controller: { pid: 1, host: 'h' },
    progress: {
      step: 'copy:rows',
      text: '1 of 2 tables',
      done: 430,
      total: 1_000,
      secondsLeft: 9,
      atIso: '2026-01-01T00:00:00.000Z',
      pid: 1,
    },
  };
  expect(situationOf({ ...seen, migration: copying })).toMatchObject({
    tone: 'busy',
    title: 'Rows are copied: 43%',
    share: 0.43,
    secondsLeft: 9,
  });
  const failed = {
    ...copying,
    flows: [{ flow: 'forward', now: { state: 'failed', code: 'TEAL-X-001', reason: 'lost' } }],
  } as unknown as MigrationAnswer;
  expect(situationOf({ ...seen, migration: failed })).toMatchObject({ tone: 'bad', detail: 'lost (TEAL-X-001)' });
  expect(situationOf({ ...seen, migration: { ...migration, phase: 'green', live: 'green' } })).toMatchObject({
    actions: ['rollback', 'verify'],
  });
  expect(situationOf({ ...seen, migration: { ...migration, phase: 'cutting' } })).toMatchObject({ tone: 'busy' });
});

test('the track marks what is done, what waits, and what is ahead again after a rollback', () => {
  const marks = (told: MigrationAnswer): readonly string[] =>
    trackOf(told, gates).map(({ id, mark }) => `${id} ${mark}`);
  expect(marks(migration)).toEqual([
    'prepare done',
    'copy done',
    'follow done',
    'verify ahead',
    'cut waits',
    'soak ahead',
    'finalise ahead',
  ]);
  expect(marks({ ...migration, phase: 'green', live: 'green' })).toEqual([
    'prepare done',
    'copy done',
    'follow done',
    'verify done',
    'cut done',
    'soak now',
    'finalise ahead',
  ]);
  const open = [{ step: 'copy:rows', state: 'failed', why: 'x' }];
  const stages = [
    { stage: 'prepare', state: 'finished' },
    { stage: 'copy', state: 'running' },
  ];
  expect(marks({ ...migration, stages, open }).slice(0, 3)).toEqual(['prepare done', 'copy failed', 'follow ahead']);
  expect(trackOf(undefined).every(({ mark }) => mark === 'ahead')).toBe(true);
});

test('tables that differ are grouped by what they have in common', () => {
  const differs = (
    table: string,
    blue: number,
    green: number,
    different: number,
    columns: Record<string, number> = {},
  ) => ({ table, outcome: 'differs', missing: { blue, green }, different, columns }) as const;
  const shapes = shapesOf([
    differs('a', 0, 0, 3, { city: 3 }),
    differs('b', 0, 7, 0),
    differs('c', 2, 0, 0),
    differs('d', 1, 0, 1, { note: 1 }),
    { table: 'e', outcome: 'absent', reason: 'only on blue' },
  ]);
  expect(shapes.map(({ id, tables }) => `${id}: ${tables.map(({ table }) => table).join()}`)).toEqual([
    'absent: e',
    'one column: a',
    'only missing on green: b',
    'only missing on blue: c',
    'mixed: d',
  ]);
});

test('an address names a page, of one of several migrations where it says so', () => {
  for (const place of [
    { migration: undefined, route: '' },
    { migration: undefined, route: 'gates' },
    { migration: 'shop-14-to-18', route: '' },
    { migration: 'a/b c%?', route: 'journal' },
  ]) {
    expect(placeOf(hrefOf(place))).toEqual(place);
  }
  expect(placeOf('')).toEqual({ migration: undefined, route: '' });
  expect(placeOf('#/of/shop')).toEqual({ migration: 'shop', route: '' });
  // Typed by hand: none has such a name, and nothing fails.
  expect(placeOf('#/of/%zz/gates')).toEqual({ migration: '%zz', route: 'gates' });
});

test('what is of all is asked of all, everything else of the migration that is looked at', () => {
  expect(pathOf('api/v1/journal?after=0', undefined)).toBe('api/v1/journal?after=0');
  expect(pathOf('api/v1/journal?after=0', 'a b')).toBe('api/v1/migrations/a%20b/journal?after=0');
  for (const path of ['api/v1/caller', 'api/v1/sign-in', 'api/v1/migrations']) expect(pathOf(path, 'shop')).toBe(path);
});

test('an answered call of the API is told with who, what, and how often', () => {
  const event = { type: 'callAnswered', by: 'ada', role: 'cut', call: 'cutover', atIso: '2026-01-01T00:00:00.000Z' };
  const said = (answer: string, times: number): string => recordText({ event: { ...event, answer, times } });
  expect(said('TEAL-SERVER-005', 3)).toBe('ada was refused by the API (TEAL-SERVER-005): cutover, 3 times');
  expect(said('accepted', 1)).toBe('ada asked by the API: cutover');
});
