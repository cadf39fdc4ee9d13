import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hasReadAll, judgeGroup, judgeLog, type GroupEvent, type LogRecord, type Sending } from './log-history.ts';

const at = { topic: 't', fromMs: 0, untilMs: 0 };
const recordOf = (number: number, key = `k${number % 2}`): LogRecord => ({ producer: 'p', key, number });
const sending = (outcome: Sending['outcome'], ...numbers: readonly number[]): Sending => ({
  ...at,
  outcome,
  records: numbers.map((number) => recordOf(number)),
});
const whole = { lost: 0, doubled: 0, disordered: 0, strange: 0, texts: [] };
const read = (...numbers: readonly number[]): readonly GroupEvent[] =>
  numbers.map((number) => ({ did: 'read', record: recordOf(number) }));
const began: GroupEvent = { did: 'began', side: 'blue' };
const committed: GroupEvent = { did: 'committed' };

/** Producers with acts of every end, and the log that a cluster without a fault would hold: what nobody knows is there or not, whole. */
const histories = fc
  .array(
    fc.record({
      outcome: fc.constantFrom<Sending['outcome']>('ok', 'ok', 'ok', 'fail', 'info'),
      size: fc.integer({ min: 1, max: 3 }),
      isThere: fc.boolean(),
    }),
    { maxLength: 30 },
  )
  .map((acts) => {
    let next = 1;
    const sendings: Sending[] = [];
    const log: LogRecord[] = [];
    for (const { outcome, size, isThere } of acts) {
      const act = sending(outcome, ...Array.from({ length: size }, () => next++));
      sendings.push(act);
      if (outcome === 'ok' || (outcome === 'info' && isThere)) log.push(...act.records);
    }
    return { sendings, log };
  });

const acknowledged = ({ sendings, log }: { sendings: readonly Sending[]; log: readonly LogRecord[] }) =>
  log.filter(({ number }) =>
    sendings.some(({ outcome, records }) => outcome === 'ok' && records.some((record) => record.number === number)),
  );

describe('a log', () => {
  test('that holds what was acknowledged, in its order, is right; whatever became of the rest', () => {
    fc.assert(
      fc.property(histories, ({ sendings, log }) => {
        expect(judgeLog(sendings, log)).toMatchObject(whole);
      }),
    );
  });

  test('that lacks one, has one twice, or has two of a key the other way round, is found', () => {
    fc.assert(
      fc.property(histories, fc.nat(), (history, choice) => {
        const { sendings, log } = history;
        const sure = acknowledged(history);
        fc.pre(sure.length > 0);
        const one = sure[choice % sure.length] as LogRecord;
        expect(
          judgeLog(
            sendings,
            log.filter((record) => record !== one),
          ).lost,
        ).toBe(1);
        expect(judgeLog(sendings, [...log, one]).doubled).toBe(1);
        const later = sure.find(({ key, number }) => key === one.key && number > one.number);
        if (later === undefined) return;
        const swapped = log.map((record) => (record === one ? later : record === later ? one : record));
        expect(judgeLog(sendings, swapped).disordered).toBeGreaterThan(0);
      }),
    );
  });

  test.each([
    ['refused', [sending('fail', 1)], [recordOf(1)], '1 was refused'],
    ['never sent', [], [recordOf(1)], '1 was never sent'],
    ['under another key', [sending('ok', 1)], [recordOf(1, 'x')], '1 has another key'],
    ['a part of a transaction', [sending('info', 1, 2)], [recordOf(1)], 'of a transaction p:2 alone is not there'],
  ] as const)('that has what was %s is found', (_, sendings, log, text) => {
    const { strange, texts } = judgeLog(sendings, log);
    expect(strange).toBe(1);
    expect(texts.join()).toContain(text);
  });
});

describe('a group', () => {
  const sendings = [sending('ok', 1), sending('ok', 2), sending('ok', 3), sending('ok', 4)];

  test('may read again what it had not committed, from there on and no more', () => {
    const events = [began, ...read(1, 2), committed, ...read(3, 4), began, ...read(3, 4), committed];
    expect(judgeGroup(sendings, events)).toMatchObject({ records: 4, ...whole });
    expect(hasReadAll(sendings, events)).toBe(true);
  });

  test.each([
    ['what it had committed', [began, ...read(1, 2), committed, began, ...read(2, 3, 4)], { doubled: 1 }],
    ['the same without an end between', [began, ...read(1, 2, 3, 3, 4)], { doubled: 1 }],
    ['an older one of a key', [began, ...read(1, 4, 2, 3)], { disordered: 1 }],
    ['not all', [began, ...read(1, 2, 4), committed], { lost: 1 }],
  ] as const)('that reads %s is found', (_, events, wrong) => {
    expect(judgeGroup(sendings, events)).toMatchObject({ ...whole, texts: expect.any(Array), ...wrong });
  });

  test('that has not read all is told from one that has', () => {
    expect(hasReadAll(sendings, [began, ...read(1, 2, 3)])).toBe(false);
  });
});
