import { expect, test } from 'vitest';
import { TealError } from '../../../kernel/errors.ts';
import { asPosition } from '../../../model/position.ts';
import { msOfTimestamp, outboxEventOf } from './log-events.ts';
import { readPlace, writePlace } from './log-place.ts';

const table = { schema: 'public', name: 'outbox' };
const spot = { commitsAt: '0000000000000010', index: 3, committedMs: 5 };
const message = (content: string) =>
  outboxEventOf(
    { kind: 'message', transactional: true, prefix: 'public.outbox', content: Buffer.from(content) },
    table,
    spot,
  );
const whole = {
  id: '0D7C2A5E-8F5C-4C2E-9D41-000000000001',
  aggregatetype: 'order',
  aggregateid: '17',
  type: 'paid',
  payload: '{"n": 12345678901234567890.10}',
};

test('a message is an event with the very text of its payload, or one that can only become a letter', () => {
  expect(message(JSON.stringify(whole))).toEqual({
    id: '0d7c2a5e-8f5c-4c2e-9d41-000000000001',
    aggregateType: 'order',
    aggregateId: '17',
    type: 'paid',
    payload: Buffer.from(whole.payload),
    createdMs: 5,
    from: 'outbox',
  });
  const { payload: _, ...without } = whole;
  expect(message(JSON.stringify(without))?.payload).toBeNull();
  const wrong = [
    'x',
    'null',
    '[]',
    JSON.stringify({ ...whole, id: '17' }),
    JSON.stringify({ ...whole, payload: { n: 1 } }),
    JSON.stringify({ ...whole, type: 'x'.repeat(256) }),
    JSON.stringify({ ...whole, aggregateid: 'a\0b' }),
  ];
  for (const content of wrong) {
    const event = message(content);
    expect(event).toMatchObject({ aggregateType: 'unreadable', payload: Buffer.from(content) });
    // The same whenever it comes again.
    expect(message(content)?.id).toBe(event?.id);
    expect(event?.id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  }
  expect(
    outboxEventOf({ kind: 'message', transactional: true, prefix: 'outbox', content: Buffer.from('x') }, table, spot),
  ).toBeUndefined();
});

test('times are those of a session in UTC', () => {
  expect(msOfTimestamp('2026-01-31 10:00:00.123456+00', 0)).toBe(Date.UTC(2026, 0, 31, 10, 0, 0, 123));
  expect(msOfTimestamp('2026-01-31 10:00:00+00', 0)).toBe(Date.UTC(2026, 0, 31, 10));
  expect(msOfTimestamp('infinity', 7)).toBe(7);
});

test('a place is read as it was written, and nothing else is one', () => {
  const place = {
    system: '7',
    slot: 'teal_outbox_1',
    backlog: '3:5:4',
    after: asPosition('00000000000000A0'),
    inside: { commitsAt: asPosition('00000000000000B0'), done: 2 },
  };
  expect(readPlace(writePlace(place))).toEqual(place);
  expect(readPlace(null)).toBeUndefined();
  for (const text of ['', '7', '{}', writePlace({ ...place, after: asPosition('A0') }), '{"system":"7","slot":"s"}']) {
    expect(() => readPlace(text)).toThrow(TealError);
  }
});
