import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { isTealError } from '../kernel/errors.ts';
import { asPosition } from '../model/position.ts';
import { certificateSchema, openCertificate } from './certificate.ts';
import { renderCertificate } from './certificate-text.ts';
import { certificateOf, outcomeOfAbsent, type Certified } from './certify.ts';
import type { TableOutcome } from './outcome.ts';

const sum = { rows: 3n, digest: '0'.repeat(63) + '1' };

function found(tables: readonly TableOutcome[], changes: Partial<Certified> = {}): Certified {
  const side = (name: 'blue' | 'green', major: number): Certified['live'] => ({
    side: name,
    facts: { version: `${major}.1`, major, address: `${name}:5432/shop`, hashProbe: '' },
    snapshot: { position: asPosition('00000000016B3748'), takenAt: '2026-01-01T00:00:00.000Z' },
  });
  return {
    migration: 'shop',
    flow: 'forward',
    startedAt: '2026-01-01T00:00:00.000Z',
    durationMs: 1_234,
    heldMs: 5,
    live: side('blue', 14),
    other: side('green', 18),
    tables,
    objects: { compared: { index: 2 }, differences: [] },
    ...changes,
  };
}

const equal: TableOutcome = {
  name: { schema: 's', name: 'a' },
  form: 'quick',
  live: sum,
  other: sum,
  outcome: 'equal',
};
const differs: TableOutcome = {
  name: { schema: 's', name: 'b' },
  form: 'text',
  live: sum,
  other: { ...sum, rows: 2n },
  outcome: 'differs',
  differences: {
    missingOnLive: 0,
    missingOnOther: 1,
    different: 2,
    columns: { price: 2 },
    kept: [],
    equal: [],
    truncated: false,
  },
};
const unsettled: TableOutcome = { name: { schema: 's', name: 'c' }, outcome: 'unsettled', reason: 'rewritten' };

const equalParts = {
  outcome: 'equal',
  rows: { blue: '10', green: '10' },
  digest: { blue: 'a'.repeat(64), green: 'a'.repeat(64) },
} as const;

test('version 1 is frozen: a change of its shape is a new version beside it', () => {
  const shape = createHash('sha256')
    .update(JSON.stringify(z.toJSONSchema(certificateSchema)))
    .digest('hex');
  expect(shape).toBe('851e1bafc53357d316bd7aa105dedd08dc6603cc7b02b016ce8a6b072987f016');
});

test.each([
  [[equal], 'equal'],
  [[equal, unsettled], 'unsettled'],
  [[equal, unsettled, differs], 'differs'],
  [[equal, outcomeOfAbsent({ name: { schema: 's', name: 'd' }, absentOn: ['other'] }, 'blue')], 'differs'],
] as const)('its result is that of the worst table', (tables, result) => {
  expect(certificateOf(found(tables)).result).toBe(result);
});

test('live and other become blue and green in either direction', () => {
  const forward = certificateOf(found([differs]));
  expect(forward.tables[0]).toMatchObject({
    rows: { blue: '3', green: '2' },
    differences: { missing: { blue: 0, green: 1 } },
  });
  const { live, other } = found([]);
  const reverse = certificateOf(found([differs], { flow: 'reverse', live: other, other: live }));
  expect(reverse.tables[0]).toMatchObject({
    rows: { blue: '2', green: '3' },
    differences: { missing: { blue: 1, green: 0 } },
  });
});

test('it survives being written and read, in any order of its names', () => {
  const certificate = certificateOf(found([equal, differs, unsettled]));
  expect(openCertificate(JSON.stringify(certificate, null, 2))).toEqual(certificate);
  const reversed = Object.fromEntries(Object.entries(certificate).toReversed());
  expect(openCertificate(JSON.stringify(reversed))).toEqual(certificate);
});

test('no edit of it goes unseen', () => {
  const text = JSON.stringify(certificateOf(found([equal, differs, unsettled])));
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.constantFrom('0', '1', 'a', '"', ' ', '9'), (at, letter) => {
      fc.pre(text[at] !== letter);
      const edited = text.slice(0, at) + letter + text.slice(at + 1);
      try {
        // White space between two tokens says nothing; then it is the same certificate.
        expect(openCertificate(edited)).toEqual(openCertificate(text));
      } catch (error) {
        expect(isTealError(error, 'TEAL-VERIFY-004')).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
});

test('people read the same in Markdown, and a name cannot break its table', () => {
  const odd: TableOutcome = { ...unsettled, name: { schema: 'a|b', name: 'c\n| d' } };
  const text = renderCertificate(certificateOf(found([equal, differs, odd])));
  expect(text).toContain('**Different**');
  expect(text).toContain('1 missing on green; 2 different; columns price 2×');
  expect(text).toContain('| a\\|b.c \\| d | unsettled |');
});

test('of topics it speaks of partitions, records and offsets', () => {
  const topics = [
    { name: { schema: 'topic', name: 'orders' }, keyed: false, ...equalParts },
    { name: { schema: 'topic', name: 'prices' }, keyed: true, ...equalParts },
  ].map(({ name: { schema, name }, ...rest }) => ({ schema, name, ...rest, leftOut: [], differentTypes: [] }));
  const { live, other } = certificateOf(found([equal]));
  const body = { ...certificateOf(found([equal])), tables: topics };
  const text = renderCertificate(
    {
      ...body,
      live: { ...live, position: 'orders 7 3, prices 1' },
      other: { ...other, position: 'orders 9 4, prices 1' },
    },
    'topics',
  );
  expect(text).toContain('all records of 2 topics are the same on both sides at the offsets of blue below');
  expect(text).toMatch(/\| orders \| equal \| 2 \| 10 \| `a+…` \| every record \|/);
  expect(text).toMatch(/\| prices \| equal \| 1 \| 10 \| `a+…` \| the newest of each key \|/);
  expect(text).not.toMatch(/\b(table|row|position)s?\b/i);
});
