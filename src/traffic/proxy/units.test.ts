import { describe, expect, test } from 'vitest';
import { frontend } from '../../wire/postgres/frontend.ts';
import { status } from '../../wire/postgres/backend.ts';
import { Units } from './units.ts';

const { query, parse, bind, execute, sync, flush, copyData, copyDone } = frontend;

function sent(units: Units, ...types: readonly number[]): Units {
  for (const type of types) units.sent(type);
  return units;
}

describe('where a session stands', () => {
  test('a query is in flight until its ReadyForQuery', () => {
    const units = sent(new Units(), query);
    expect([units.outstanding, units.atBoundary]).toEqual([1, false]);
    units.ready(status.idle);
    expect([units.outstanding, units.atBoundary]).toEqual([0, true]);
  });

  test('a transaction is in flight between its statements, also a failed one', () => {
    const units = sent(new Units(), query);
    units.ready(status.inTransaction);
    expect(units.atBoundary).toBe(false);
    sent(units, query).ready(status.failed);
    expect(units.atBoundary).toBe(false);
    sent(units, query).ready(status.idle);
    expect(units.atBoundary).toBe(true);
  });

  test('extended messages are a unit up to their Sync, answered or not', () => {
    const units = sent(new Units(), parse, flush);
    expect([units.midUnit, units.atBoundary]).toEqual([true, false]);
    sent(units, bind, execute, sync);
    expect([units.midUnit, units.outstanding]).toEqual([false, 1]);
    units.ready(status.idle);
    expect(units.atBoundary).toBe(true);
  });

  test('a pipeline is as many units as it has ends', () => {
    const units = sent(new Units(), parse, bind, execute, sync, bind, execute, sync, query);
    expect(units.outstanding).toBe(3);
    for (const left of [2, 1, 0]) {
      units.ready(status.idle);
      expect(units.outstanding).toBe(left);
    }
    expect(units.atBoundary).toBe(true);
  });

  test('COPY by a simple query: one end, whatever is sent in between', () => {
    const units = sent(new Units(), query);
    units.copyStarted();
    expect(units.midUnit).toBe(true);
    sent(units, copyData, copyData, copyDone);
    expect([units.midUnit, units.outstanding]).toEqual([false, 1]);
    units.ready(status.idle);
    expect(units.atBoundary).toBe(true);
  });

  test('COPY by extended messages: the server ignores Syncs until it is done, and so does the count', () => {
    const units = sent(new Units(), parse, bind, execute, sync);
    units.copyStarted();
    expect([units.outstanding, units.midUnit]).toEqual([0, true]);
    sent(units, copyData, sync, copyDone);
    expect([units.outstanding, units.midUnit]).toEqual([0, true]);
    sent(units, sync);
    expect(units.outstanding).toBe(1);
    units.ready(status.idle);
    expect(units.atBoundary).toBe(true);
  });

  test('COPY that fails on the server ends there', () => {
    const simple = sent(new Units(), query);
    simple.copyStarted();
    simple.failed();
    simple.ready(status.idle);
    sent(simple, copyData, copyDone);
    expect(simple.atBoundary).toBe(true);

    const extended = sent(new Units(), parse, bind, execute, sync);
    extended.copyStarted();
    extended.failed();
    expect(extended.atBoundary).toBe(false);
    sent(extended, copyDone, sync);
    extended.ready(status.idle);
    expect(extended.atBoundary).toBe(true);
  });

  test('answers find the Parse that they answer; those without an answer failed', () => {
    const units = new Units();
    const entry = (name: string, injected = false) =>
      ({ kind: 'parse', name, bytes: undefined, injected, knownOn: undefined, unit: 0 }) as const;
    units.expect(entry('a'));
    units.expect(entry('b', true));
    sent(units, parse, bind, sync);
    units.expect(entry('c'));
    sent(units, parse, sync);
    expect(units.parsed()?.name).toBe('a');
    expect(units.ready(status.idle).map((lost) => lost.name)).toEqual(['b']);
    expect(units.parsed()?.name).toBe('c');
    expect(units.ready(status.idle)).toEqual([]);
    expect(units.atBoundary).toBe(true);
  });
});
