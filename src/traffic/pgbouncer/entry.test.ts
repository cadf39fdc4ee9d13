import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isTealError } from '../../kernel/errors.ts';
import { isSamePlace, placeIn, withPlace, type Place } from './entry.ts';

const green: Place = { host: '10.0.0.2', port: 5433, database: 'shop_new' };
const file = `;; shop = host=commented
[users]
shop = pool_mode=session
[databases]
shop_ro = host=10.0.0.1 dbname=shop
%include other.ini
  shop = user=app host=10.0.0.1 port=5432   password='a ''b'' c=d' pool_size=20\t
* = host=10.0.0.9
[pgbouncer]
shop = nonsense here
`;

describe('the line of one database in a file of PgBouncer', () => {
  test('leads elsewhere, and nothing else changes', () => {
    expect(placeIn(file, 'shop')).toEqual({ host: '10.0.0.1', port: 5432, database: 'shop' });
    const changed = withPlace(file, 'shop', green);
    expect(changed).toBe(
      file.replace(
        "host=10.0.0.1 port=5432   password='a ''b'' c=d' pool_size=20\t",
        "host=10.0.0.2 port=5433   password='a ''b'' c=d' pool_size=20 dbname=shop_new\t",
      ),
    );
    expect(placeIn(changed, 'shop')).toEqual(green);
    expect(withPlace(changed, 'shop', green)).toBe(changed);
  });

  test.each([
    ['shop=', 'shop= host=10.0.0.2 port=5433 dbname=shop_new'],
    ["shop = host = '10.0.0.1'  port = '1'", 'shop = host = 10.0.0.2  port = 5433 dbname=shop_new'],
    ['shop = host=1 host=2 dbname=x', 'shop = host=1 host=10.0.0.2 dbname=shop_new port=5433'],
    ["shop = dbname=x'y host=h", 'shop = dbname=shop_new host=10.0.0.2 port=5433'],
    ['shop = host=h\r', 'shop = host=10.0.0.2 port=5433 dbname=shop_new\r'],
  ])('as people write it: %s', (line, expected) => {
    expect(withPlace(`[databases]\n${line}\n`, 'shop', green)).toBe(`[databases]\n${expected}\n`);
  });

  test.each([
    ['none', '[databases]\nother = host=h\n', 'no line'],
    ['one that is not of the section', 'shop = host=h\n', 'no line'],
    ['two', '[databases]\nshop = host=h\nshop = host=i\n', 'two lines'],
    ['what cannot be read', "[databases]\nshop = host='h\n", 'cannot be read'],
    ['words without a value', '[databases]\nshop = host=h junk\n', 'cannot be read'],
  ])('is refused where there is %s', (_, text, why) => {
    expect(() => withPlace(text, 'shop', green)).toThrow(
      expect.toSatisfy((error) => isTealError(error, 'TEAL-TRAFFIC-016') && error.message.includes(why)),
    );
  });

  test('whatever stands there before: it leads where it was told, and back again', () => {
    const word = fc.string({ minLength: 1, maxLength: 8 });
    const pair = fc
      .tuple(fc.constantFrom('user', 'password', 'pool_size', 'application_name'), word)
      .filter(([, value]) => !/[\n\r]/.test(value))
      .map(([key, value]) => `${key}='${value.replaceAll("'", "''")}'`);
    const place = fc.record({
      host: fc.constantFrom('::1', 'db-1.example', '/run/pg socket'),
      port: fc.integer({ min: 1, max: 65_535 }),
      database: word.filter((name) => !/[\n\r]/.test(name)),
    });
    fc.assert(
      fc.property(
        fc.array(pair, { maxLength: 4 }),
        fc.array(pair, { maxLength: 4 }),
        place,
        place,
        (before, after, a, b) => {
          const line = ['shop =', ...before, 'host=h', ...after, 'port=1', 'dbname=d'].join(' ');
          const text = `[databases]\n${line}\n`;
          const there = withPlace(text, 'shop', a);
          expect(isSamePlace(placeIn(there, 'shop'), a)).toBe(true);
          expect(withPlace(withPlace(there, 'shop', b), 'shop', a)).toBe(there);
          for (const each of [...before, ...after]) expect(there).toContain(each);
        },
      ),
    );
  });
});
