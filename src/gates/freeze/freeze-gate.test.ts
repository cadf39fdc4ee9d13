import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { GateAnswer } from '../../ports/gate.ts';
import { freezeAt, parseCalendar, type Calendar } from './calendar.ts';
import { freezeGate } from './freeze-gate.ts';

const text = `zone: Europe/Berlin
freezes:
  - { from: 2026-12-18, to: 2027-01-03, why: the turn of the year }
  - { from: 2026-11-27T06:00, to: "2026-11-30 06:00", why: black friday }
`;

/** Whose end of the freeze an instant falls into, or none. */
const at = (calendar: Calendar, iso: string): string | undefined => freezeAt(calendar, Date.parse(iso))?.to;

describe('a calendar', () => {
  test('is by the clock of its zone; a date alone is its whole day, at both ends', () => {
    const calendar = parseCalendar(text);
    expect(at(calendar, '2026-12-17T22:59:59Z')).toBeUndefined();
    expect(at(calendar, '2026-12-17T23:00:00Z')).toBe('2027-01-04T00:00');
    expect(at(calendar, '2027-01-03T22:59:59Z')).toBe('2027-01-04T00:00');
    expect(at(calendar, '2027-01-03T23:00:00Z')).toBeUndefined();
    expect(at(calendar, '2026-11-27T04:59:00Z')).toBeUndefined();
    expect(at(calendar, '2026-11-27T05:00:00Z')).toBe('2026-11-30T06:00');
    expect(at(calendar, '2026-11-30T05:00:00Z')).toBeUndefined();
  });

  test('without a freeze lets everything pass; of two that overlap the later end counts', () => {
    expect(at(parseCalendar('zone: UTC\nfreezes: []\n'), '2026-12-24T00:00Z')).toBeUndefined();
    const two =
      'zone: UTC\nfreezes: [{ from: 2026-01-01, to: 2026-01-02, why: a }, { from: 2026-01-02, to: 2026-01-09, why: b }]';
    expect(at(parseCalendar(two), '2026-01-02T12:00Z')).toBe('2026-01-10T00:00');
  });

  test('an hour that is repeated is frozen both times', () => {
    const calendar = parseCalendar(
      'zone: Europe/Berlin\nfreezes: [{ from: 2026-10-25T02:00, to: 2026-10-25T02:30, why: x }]',
    );
    const frozen = ['T00:00Z', 'T00:29Z', 'T00:30Z', 'T01:00Z', 'T01:29Z', 'T01:30Z'].map(
      (time) => at(calendar, `2026-10-25${time}`) !== undefined,
    );
    expect(frozen).toEqual([true, true, false, true, true, false]);
  });

  test.each([
    ['', /the file: /],
    ['zone: UTC', /freezes: /],
    ['zone: Europe/Berln\nfreezes: []', /zone: the name of a time zone/],
    ['zone: UTC\nfreezes: [{ from: 18.12.2026, to: 2027-01-03, why: x }]', /freezes\.0\.from: a date such as/],
    [
      'zone: UTC\nfreezes: [{ from: 2026-02-30, to: 2027-01-03, why: x }]',
      /freezes\.0\.from: a date that is in the calendar/,
    ],
    ['zone: UTC\nfreezes: [{ from: 2026-12-18T25:00, to: 2027-01-03, why: x }]', /freezes\.0\.from: /],
    ['zone: UTC\nfreezes: [{ from: 2027-01-03, to: 2026-12-18, why: x }]', /freezes\.0: `to` is not after `from`/],
    ['zone: UTC\nfreezes: [{ from: 2027-01-03, to: 2027-01-04 }]', /freezes\.0\.why: /],
    ['zone: UTC\nfreezes: [{ from: 2027-01-03, to: 2027-01-04, why: x, form: y }]', /freezes\.0: .*form/],
    ['zone: UTC\nfreezes: [\n', /line \d: /],
    ['zone: UTC\nzone: UTC\nfreezes: []', /line 2: .*unique/],
  ])('%j is none', (given, why) => {
    expect(() => parseCalendar(given)).toThrow(
      expect.objectContaining({ code: 'TEAL-GATES-003', message: expect.stringMatching(why) }),
    );
  });
});

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'teal-freeze-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

test('the gate reads the file at every asking, and tells why and until when', async () => {
  const file = join(folder, 'freeze.yaml');
  const nowMs = Date.parse('2026-11-30T04:50:00Z');
  const ask = async (patienceMs = 30 * 60_000): Promise<GateAnswer> =>
    freezeGate({ id: 'g', file, patienceMs }, () => nowMs).ask(new AbortController().signal);
  expect(freezeGate({ id: 'g', file, patienceMs: 0 }).asks).toBe('does freeze.yaml let a cut begin now?');
  expect(await ask()).toMatchObject({
    answer: 'cannot tell',
    evidence: expect.stringMatching(/TEAL-GATES-003.*ENOENT/),
  });
  await writeFile(file, text);
  const evidence = 'it is 2026-11-30T05:50 in Europe/Berlin; frozen until 2026-11-30T06:00: black friday';
  expect(await ask()).toEqual({ answer: 'not yet', evidence });
  expect(await ask(60_000)).toEqual({ answer: 'no', evidence });
  await writeFile(file, 'zone: UTC\nfreezes: []\n');
  expect(await ask()).toEqual({
    answer: 'yes',
    evidence: 'it is 2026-11-30T04:50 in UTC; none of 0 freezes lasts now',
  });
  await writeFile(file, `${text}  - from: [\n`);
  expect(await ask()).toMatchObject({
    answer: 'cannot tell',
    evidence: expect.stringContaining('TEAL-GATES-003: line '),
  });
  await writeFile(file, '#'.repeat((1 << 20) + 1));
  expect(await ask()).toMatchObject({
    answer: 'cannot tell',
    evidence: expect.stringContaining('longer than 1048576 bytes'),
  });
});
