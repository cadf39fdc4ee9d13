import { describe, expect, test } from 'vitest';
import { parseSpec } from './parse.ts';
import { readPlace } from './place.ts';
import { printableSpec, type Spec } from './spec.ts';

const env = {
  BLUE_URL: 'postgres://u:s3cret@db-old/shop',
  GREEN_URL: 'postgres://u:s3cret@db-new:5433/shop',
  MY_URL: 'mysql://u:s3cret@my/shop',
  ADMIN_URL: 'postgres://teal:s3cret@pooler:6432/pgbouncer',
};

function parse(traffic: string, blue = 'BLUE_URL', system = 'postgres'): ReturnType<typeof parseSpec> {
  const text = `teal: 1\nname: shop\nblue: { system: ${system}, url: "\${${blue}}" }\ngreen: { url: "\${GREEN_URL}" }\ntraffic: { ${traffic} }\n`;
  return parseSpec(text, { env, readText: () => undefined, folder: '/etc/teal' });
}

function specOf(traffic: string): Spec {
  const parsed = parse(traffic);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.mistakes));
  return parsed.spec;
}

function mistakesIn(...args: Parameters<typeof parse>): readonly string[] {
  const parsed = parse(...args);
  return parsed.ok ? [] : parsed.mistakes.map(({ path, message }) => `${path}: ${message}`);
}

const pgbouncer = 'router: pgbouncer, admin: "${ADMIN_URL}", database: shop, config: pgbouncer.ini';

describe('a router that is not of Teal', () => {
  test('PgBouncer, with the places of both sides as in their addresses', () => {
    const { traffic } = specOf(pgbouncer);
    expect(traffic.via).toEqual({
      router: 'pgbouncer',
      admin: env.ADMIN_URL,
      database: 'shop',
      config: 'pgbouncer.ini',
      folder: '/etc/teal',
      places: {
        blue: { host: 'db-old', port: 5432, database: 'shop' },
        green: { host: 'db-new', port: 5433, database: 'shop' },
      },
    });
    const elsewhere = specOf(`${pgbouncer}, blue: "10.0.0.1:5433/shop_old", green: "[::1]/shop"`);
    expect(elsewhere.traffic.via).toMatchObject({
      places: {
        blue: { host: '10.0.0.1', port: 5433, database: 'shop_old' },
        green: { host: '::1', port: 5432, database: 'shop' },
      },
    });
  });

  test('does not print its passwords', () => {
    expect(JSON.stringify(printableSpec(specOf(pgbouncer)))).not.toContain('s3cret');
  });

  test('what it needs and what it has no use for, each at once', () => {
    expect(mistakesIn('router: pgbouncer, listen: "127.0.0.1:1", blue: "h:x/y"')).toEqual([
      'traffic.admin: is missing: router pgbouncer needs it',
      'traffic.database: is missing: router pgbouncer needs it',
      'traffic.config: is missing: router pgbouncer needs it',
      'traffic.listen: expected nothing: it is a word of router proxy',
      'traffic.blue: expected host:port/database',
    ]);
    expect(mistakesIn('database: shop')).toEqual([
      'traffic.database: expected nothing: it is a word of router pgbouncer',
    ]);
    expect(mistakesIn('router: pgbouncer, admin: "postgres://u:p@h/pgbouncer", database: shop, config: x')).toEqual([
      expect.stringContaining('traffic.admin: a password stands in the file'),
    ]);
    expect(mistakesIn(pgbouncer, 'MY_URL', 'mysql')).toEqual([
      'traffic.router: expected another: PgBouncer is of PostgreSQL',
    ]);
  });
});

test.each([
  ['h', undefined],
  ['h/d', { host: 'h', port: 5432, database: 'd' }],
  ['h:1/d%20e', { host: 'h', port: 1, database: 'd e' }],
  ['postgres://u@h:1', { host: 'h', port: 1, database: 'u' }],
  ['postgres:///d?host=/run', { host: undefined, port: 5432, database: 'd' }],
  ['h:1/%', undefined],
])('the place %s', (text, place) => {
  expect(readPlace(text)).toEqual(place);
});
