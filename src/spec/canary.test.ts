import { expect, test } from 'vitest';
import { parseSpec, type ParsedSpec } from './parse.ts';
import { printableSpec } from './spec.ts';

const env = { BLUE_URL: 'postgres://app@blue:5432/shop', GREEN_URL: 'postgres://app@green:5432/shop', TOKEN: 'hidden' };
const parse = (canary: string, more = ''): ParsedSpec =>
  parseSpec(
    `teal: 1\nname: shop\nblue: { url: "\${BLUE_URL}" }\ngreen: { url: "\${GREEN_URL}" }\ncanary: ${canary}\n${more}`,
    { env, readText: () => undefined },
  );

function mistakes(canary: string, more?: string): readonly string[] {
  const parsed = parse(canary, more);
  return parsed.ok ? [] : parsed.mistakes.map(({ path, message }) => `${path}: ${message}`);
}

test('every default is in', () => {
  const parsed = parse('{}');
  expect(parsed.ok && parsed.spec.canary).toEqual({
    shares: [0.01, 0.1, 0.5, 1],
    holdMs: 1_800_000,
    revertOn: [],
    everyMs: 10_000,
    failures: 3,
    maxErrors: 0.01,
    atLeast: 1,
  });
  const given = parse('{ reads: 5%, hold: 1m, by: session, revertOn: [{ sql: select 1, equals: 1 }] }');
  expect(given.ok && given.spec.canary).toMatchObject({
    shares: [0.05],
    holdMs: 60_000,
    revertOn: [{ kind: 'sql', on: 'green' }],
  });
});

test('sessions go by themselves, or with those that gave the same value of a setting', () => {
  const parsed = parse('{ by: app.tenant_id }');
  expect(parsed.ok && parsed.spec.canary).toMatchObject({ by: 'app.tenant_id' });
  const alone = parse('{ by: session }');
  expect(alone.ok && alone.spec.canary).not.toHaveProperty('by');
});

const tenants = 'by: tenant_id, tenants: ["17"], session: app.tenant_id';

test('tenants alone leave reads where they are', () => {
  const writes = { by: 'tenant_id', tenants: ['17'], session: 'app.tenant_id', shared: [], holdMs: 1_800_000 };
  const alone = parse(`{ writes: { ${tenants} } }`);
  expect(alone.ok && alone.spec.canary).toMatchObject({ shares: [], writes });
  const both = parse(`{ reads: 5%, writes: { ${tenants}, shared: [public.country], hold: 1m } }`);
  expect(both.ok && both.spec.canary).toMatchObject({
    shares: [0.05],
    writes: { ...writes, shared: ['public.country'], holdMs: 60_000 },
  });
  expect(mistakes(`{ writes: { ${tenants} } }`, 'traffic: { processes: 2 }')).toEqual([
    'canary.writes: expected `traffic.processes: 1`: one process knows where the sessions of each tenant go',
  ]);
});

test('no secret of its questions is printed', () => {
  const parsed = parse('{ revertOn: [{ http: "https://h/?key=hidden", headers: { Authorization: "${TOKEN}" } }] }');
  if (!parsed.ok) throw new Error('mistakes');
  expect(JSON.stringify(printableSpec(parsed.spec))).not.toContain('hidden');
});

test.each([
  ['{ reads: 0% }', 'canary.reads: expected a share of sessions such as 10%, or a list of them'],
  ['{ reads: [10%, 10%] }', 'canary.reads[1]: expected more than the step before it'],
  ['{ every: 1ms }', 'canary.every: expected a time from 500ms to 10m'],
  ['{ by: tenant_id }', 'canary.by: expected session, or a setting such as app.tenant_id'],
  ['{ writes: { by: tenant_id, tenants: ["17"] } }', 'canary.writes.session: is missing'],
  [
    '{ writes: { by: tenant_id, tenants: ["17"], session: user } }',
    'canary.writes.session: expected a setting such as app.tenant_id',
  ],
  [
    '{ revertOn: [{ person: dba }] }',
    'canary.revertOn[0]: expected one of http, command, sql, prometheus, datadog, alert: what can be asked at any time',
  ],
  [
    '{ revertOn: [{ http: "https://h", headers: { Authorization: secret } }] }',
    'canary.revertOn[0].headers.Authorization: a secret stands in the file: take it from the environment ("${TOKEN}")',
  ],
])('of %s it is said what is wrong', (canary, what) => {
  expect(mistakes(canary)).toEqual([what]);
});

test('between MySQL and MariaDB reads are moved, and tenants are not', () => {
  const of = (canary: string, green = 'mariadb'): readonly string[] => {
    const sides = `blue: { system: mysql, url: "\${BLUE_URL}" }\ngreen: { system: ${green}, url: "\${GREEN_URL}" }`;
    const urls = {
      BLUE_URL: 'mysql://app@blue/shop',
      GREEN_URL: green === 'mariadb' ? 'mysql://app@green/shop' : env.GREEN_URL,
    };
    const parsed = parseSpec(`teal: 1\nname: shop\n${sides}\ncanary: ${canary}\n`, {
      env: urls,
      readText: () => undefined,
    });
    return parsed.ok ? [] : parsed.mistakes.map(({ path, message }) => `${path}: ${message}`);
  };
  expect(of('{ reads: 10%, by: app.tenant_id }')).toEqual([]);
  expect(of('{ writes: { by: tenant_id, tenants: ["17"], session: app.tenant_id } }')).toEqual([
    'canary.writes: expected nothing: tenants are moved between two PostgreSQL databases alone',
  ]);
  expect(of('{ reads: 10% }', 'postgres')).toEqual([
    'canary: expected nothing: reads are moved between two PostgreSQL databases, or two of MySQL and MariaDB',
  ]);
});

test('it is of the proxy and of the log', () => {
  expect(mistakes('{}', 'traffic: { router: none }\n')).toEqual([
    "canary: expected nothing: reads are moved by Teal's proxy (`traffic.router: proxy`)",
  ]);
  expect(mistakes('{}', 'follow: { method: triggers }\n')).toEqual([
    'canary: expected nothing: how far green is can only be told of `follow.method: log`',
  ]);
});
