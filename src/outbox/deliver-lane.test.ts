import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TealError, type ErrorCode } from '../kernel/errors.ts';
import type { OutboxEvent, OutboxTarget, Settled } from '../ports/outbox.ts';
import { deliverLane } from './deliver-lane.ts';
import { aggregateKey, lanesOf } from './lanes.ts';
import { defaultLimits, pauseAfter } from './limits.ts';
import { exposeOutbox } from './metrics.ts';
import { Patience } from './patience.ts';
import { asHeader, codeOfStatus } from './webhook.ts';

const limits = { ...defaultLimits, pauseMs: 0, attempts: 3 };
const eventOf = (number: number, aggregateId: string): OutboxEvent => ({
  id: String(number),
  aggregateType: 't',
  aggregateId,
  type: 'x',
  payload: null,
  createdMs: 0,
  from: 'outbox',
});

interface Fake extends OutboxTarget {
  readonly delivered: string[];
  readonly tried: string[][];
}

/** Fails as it is told; what it takes of several before one that fails is taken. */
function fake(mostAtOnce: number, failure: (event: OutboxEvent, tries: number) => ErrorCode | undefined): Fake {
  const tries = new Map<string, number>();
  const target: Fake = {
    place: 'fake',
    lanes: 1,
    mostAtOnce,
    delivered: [],
    tried: [],
    deliver: async (events) => {
      target.tried.push(events.map(({ id }) => id));
      for (const event of events) {
        const count = (tries.get(event.id) ?? 0) + 1;
        tries.set(event.id, count);
        const code = failure(event, count);
        if (code !== undefined) throw new TealError(code, 'told to fail');
        target.delivered.push(event.id);
      }
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
  return target;
}

const ids = (settled: readonly Settled[], outcome: Settled['outcome']): readonly string[] =>
  settled.filter((each) => each.outcome === outcome).map(({ event }) => event.id);

async function run(events: readonly OutboxEvent[], target: OutboxTarget, patienceMs = 60_000) {
  const own = { ...limits, patienceMs };
  return deliverLane(events, { target, limits: own, patience: new Patience(own), stop: new AbortController().signal });
}

test('whatever fails, all is settled once, nothing passes a dead one of its aggregate, and first deliveries are in order', async () => {
  const codes = fc.constantFrom<ErrorCode | undefined>(
    undefined,
    undefined,
    'TEAL-OUTBOX-010',
    'TEAL-OUTBOX-011',
    'TEAL-OUTBOX-012',
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 12 }),
      fc.array(codes, { maxLength: 40 }),
      fc.integer({ min: 1, max: 5 }),
      async (aggregates, failures, mostAtOnce) => {
        const events = aggregates.map((aggregate, at) => eventOf(at, aggregate));
        let at = 0;
        const target = fake(mostAtOnce, () => failures[at++]);
        const { settled, ended } = await run(events, target);
        expect(ended).toBeUndefined();
        expect(settled.map(({ event }) => event.id).toSorted()).toEqual(events.map(({ id }) => id).toSorted());
        const first = [...new Set(target.delivered)];
        for (const of of Map.groupBy(events, aggregateKey).values()) {
          const mine = settled
            .filter(({ event }) => of.includes(event))
            .map(({ outcome }) => outcome)
            .join(' ');
          expect(mine).toMatch(/^((delivered ?)*)(dead( behind)*)?$/);
          const seen = first.filter((id) => of.some((event) => event.id === id));
          expect(seen).toEqual(seen.toSorted((a, b) => Number(a) - Number(b)));
        }
        for (const id of ids(settled, 'delivered')) expect(target.delivered).toContain(id);
      },
    ),
  );
});

test('one that fails for good is tried once, one that fails is tried so often, and those that fail together one by one', async () => {
  const poison = fake(10, ({ id }) => (id === '2' ? 'TEAL-OUTBOX-010' : undefined));
  const events = ['a', 'a', 'a', 'a', 'b'].map((aggregate, at) => eventOf(at, aggregate));
  expect((await run(events, poison)).settled.map(({ outcome }) => outcome)).toEqual([
    'delivered',
    'delivered',
    'dead',
    'behind',
    'delivered',
  ]);
  expect(poison.tried).toEqual([['0', '1', '2', '3', '4'], ['0'], ['1'], ['2'], ['4']]);
  const failing = fake(1, () => 'TEAL-OUTBOX-011');
  expect((await run([eventOf(0, 'a')], failing)).settled).toMatchObject([{ outcome: 'dead', attempts: 3 }]);
  expect(failing.tried).toHaveLength(3);
});

test('a receiver that is away kills no event, and after a while the lane gives up with what it has done', async () => {
  const away = fake(1, ({ id }) => (id === '1' ? 'TEAL-OUTBOX-012' : undefined));
  const { settled, ended } = await run([eventOf(0, 'a'), eventOf(1, 'b')], away, 20);
  expect(ids(settled, 'delivered')).toEqual(['0']);
  expect(settled).toHaveLength(1);
  expect(ended).toMatchObject({ code: 'TEAL-OUTBOX-003' });
});

test('lanes keep aggregates whole and share the work', () => {
  const events = ['a', 'b', 'c', 'a', 'd', 'a', 'b'].map((aggregate, at) => eventOf(at, aggregate));
  const lanes = lanesOf(events, 2).map((lane) => lane.map(({ id }) => id));
  expect(lanes).toEqual([
    ['0', '2', '3', '5'],
    ['1', '4', '6'],
  ]);
  expect(lanesOf(events, 9)).toHaveLength(4);
  expect(aggregateKey({ aggregateType: 'a', aggregateId: 'bc' })).not.toBe(
    aggregateKey({ aggregateType: 'ab', aggregateId: 'c' }),
  );
});

test('pauses grow to a bound; a status tells whose fault it is; headers are as CloudEvents has them', () => {
  expect([1, 2, 3, 10, 5_000].map((failures) => pauseAfter(failures, defaultLimits))).toEqual([
    200, 400, 800, 10_000, 10_000,
  ]);
  expect([302, 401, 404, 429, 503].map(codeOfStatus)).toEqual(Array(5).fill('TEAL-OUTBOX-012'));
  expect([408, 409, 500, 501].map(codeOfStatus)).toEqual(Array(4).fill('TEAL-OUTBOX-011'));
  expect([400, 413, 422].map(codeOfStatus)).toEqual(Array(3).fill('TEAL-OUTBOX-010'));
  expect(asHeader('a "b" 100%\r\nx: € 😀')).toBe('a%20%22b%22%20100%25%0D%0Ax:%20%E2%82%AC%20%F0%9F%98%80');
});

test('metrics are what the database says, and none for what is not known', () => {
  const look = { pending: 3, countLimit: 100_000, oldestMs: 1_500, dead: 1, behind: 2, due: 0 };
  const text = exposeOutbox(look);
  const values = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  expect(values).toEqual([
    'teal_outbox_pending 3',
    'teal_outbox_lag_seconds 1.5',
    'teal_outbox_letters{state="dead"} 1',
    'teal_outbox_letters{state="behind"} 2',
    'teal_outbox_letters{state="due"} 0',
    'teal_outbox_relay_up 0',
  ]);
  const relay = { host: 'h', pid: 1, runs: true, delivered: 7n, deliveredAgoMs: 500 };
  expect(exposeOutbox({ ...look, relay })).toContain('teal_outbox_delivered_total 7\n');
});
