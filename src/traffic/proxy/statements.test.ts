import { describe, expect, test } from 'vitest';
import { encodeParse } from '../../wire/postgres/frontend.ts';
import { frame } from '../../wire/postgres/body.ts';
import { Statements } from './statements.ts';
import { translateTypes, withTypes } from './type-numbers.ts';
import type { ExpectedParse } from './units.ts';

function parse(name: string, sql = 'select 1'): ExpectedParse {
  return { kind: 'parse', name, bytes: encodeParse(name, sql), injected: false, knownOn: undefined, unit: 0 };
}

describe('prepared statements of a client', () => {
  test('are sent again to a backend that does not know them, once', () => {
    const statements = new Statements();
    statements.parsed(parse('a'), 1);
    expect(statements.missing('a', 1, 0)).toBeUndefined();
    statements.newBackend();
    expect(statements.missing('a', 2, 0)).toEqual(encodeParse('a', 'select 1'));
    statements.parsing('a', 2);
    expect(statements.missing('a', 2, 0)).toBeUndefined();
    expect(statements.missing('b', 2, 0)).toBeUndefined();
  });

  test('are sent again after our own Parse failed', () => {
    const statements = new Statements();
    statements.parsed(parse('a'), 1);
    statements.telling('a', 2, 0);
    statements.failed({ ...parse('a'), injected: true });
    expect(statements.missing('a', 2, 0)).toBeDefined();
  });

  test('a failed Parse leaves a named one as it was, and takes the unnamed one away', () => {
    const statements = new Statements();
    statements.parsed(parse('a'), 1);
    statements.parsed(parse(''), 1);
    statements.parsing('a', 2);
    statements.failed({ ...parse('a'), knownOn: 1 });
    expect(statements.missing('a', 2, 0)).toBeDefined();
    statements.failed(parse(''));
    expect(statements.missing('', 2, 0)).toBeUndefined();
  });

  test('are forgotten when closed or cleared', () => {
    const statements = new Statements();
    for (const name of ['a', 'b']) statements.parsed(parse(name), 1);
    statements.closed('a');
    expect([statements.missing('a', 2, 0), statements.missing('b', 2, 0) !== undefined]).toEqual([undefined, true]);
    statements.clear();
    expect(statements.missing('b', 2, 0)).toBeUndefined();
  });

  test('are kept without their text past the limit, and then cannot move', () => {
    const statements = new Statements();
    const long = 'x'.repeat(1_000_000);
    for (let n = 0; n < 20; n += 1) statements.parsed(parse(`s${n}`, long), 1);
    expect(statements.cannotMove).toBe(true);
    statements.clear();
    statements.parsed(parse('s', long), 1);
    expect(statements.cannotMove).toBe(false);
  });
});

describe('numbers of types', () => {
  const typed = (...oids: readonly number[]): Buffer => {
    const tail = Buffer.alloc(2 + 4 * oids.length);
    tail.writeUInt16BE(oids.length, 0);
    oids.forEach((oid, at) => tail.writeUInt32BE(oid, 2 + 4 * at));
    return frame('P', Buffer.from('s\0select $1\0'), tail);
  };

  test('of user types are translated by name, built-in ones stay', () => {
    const types = translateTypes(
      new Map([
        [16_400, 'public.mood'],
        [16_500, 'public.gone'],
      ]),
      new Map([[20_000, 'public.mood']]),
    );
    expect(withTypes(typed(23, 16_400, 0), types.kept)).toEqual(typed(23, 20_000, 0));
    expect(withTypes(typed(16_500), types.kept)).toBeUndefined();
    const plain = typed(23);
    expect(withTypes(plain, types.kept)).toBe(plain);
  });

  test('that mean something on the new side are not taken for old ones', () => {
    const types = translateTypes(
      new Map([[16_400, 'public.mood']]),
      new Map([
        [16_400, 'public.other'],
        [16_401, 'public.mood'],
      ]),
    );
    expect(types.kept.get(16_400)).toBe(16_401);
    expect(types.remembered.size).toBe(0);
  });
});
