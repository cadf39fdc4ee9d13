import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { initKafkaSpecText, initSpecText } from './init.ts';
import { renderMistakes } from './mistakes.ts';
import { parseSpec, type ParsedSpec } from './parse.ts';
import { printableSpec } from './spec.ts';

const env = {
  BLUE_URL: 'postgres://app:s3cret@localhost/shop',
  GREEN_URL: 'postgres://app:s3cret@localhost:5433/shop',
};
const parse = (text: string, files: Readonly<Record<string, string>> = {}): ParsedSpec =>
  parseSpec(text, { env, readText: (path) => files[path] });
const minimal = `teal: 1\nname: shop\nblue: { url: "\${BLUE_URL}" }\ngreen: { url: "\${GREEN_URL}" }\n`;

/** With a side that is MySQL. */
const parseOf = (text: string): ParsedSpec =>
  parseSpec(text, { env: { ...env, MY_URL: 'mysql://h/shop' }, readText: () => undefined });

function mistakes(text: string): readonly string[] {
  const parsed = parse(text);
  return parsed.ok
    ? []
    : parsed.mistakes.map(
        (it) =>
          `${it.line}:${it.column} ${it.path}: ${it.message}${it.nearest === undefined ? '' : ` (${it.nearest})`}`,
      );
}

describe('a file that says only what it must', () => {
  test('gets the defaults of a careful engineer', () => {
    const parsed = parse(minimal);
    expect(parsed).toMatchObject({
      ok: true,
      spec: {
        name: 'shop',
        tables: { include: ['*.*'], exclude: [] },
        traffic: { router: 'proxy', listenHost: '127.0.0.1', listenPort: 6432, clientAuth: 'scram', pinned: 'abort' },
        cutover: {
          maxPauseMs: 3_000,
          drainMs: 2_000,
          gates: [
            { kind: 'lag', maxLagMs: 1_000, forMs: 10_000 },
            { kind: 'verify' },
            { kind: 'person', person: 'operator' },
          ],
        },
        follow: { method: 'log' },
        soak: { forMs: 86_400_000 },
        finalise: { afterMs: 0, blue: 'keep' },
        stateDir: '.teal/shop',
      },
    });
  });

  test('is what init writes', () => {
    const facts = { version: 'PostgreSQL 14.2', address: 'localhost:5432/shop' };
    expect(
      mistakes(initSpecText({ name: 'shop', blue: facts, green: facts, schemas: ['public', 'odd "one"'], tables: 3 })),
    ).toEqual([]);
  });

  test('does not print its passwords', () => {
    const parsed = parse(minimal);
    expect(parsed.ok && JSON.stringify(printableSpec(parsed.spec))).not.toContain('s3cret');
  });
});

describe('a file whose rows Kafka Connect carries', () => {
  const connect = 'url: "http://ann:${REST_PASSWORD}@one:8083"';
  const file = (words: string): ParsedSpec =>
    parseSpec(`${minimal}${words}\n`, { env: { ...env, REST_PASSWORD: 's3cret' }, readText: () => undefined });

  test('says where the workers are, and has defaults for the rest; no login is printed', () => {
    const parsed = file(
      `carrier: connect\nconnect: { ${connect}, blue: "postgres://app:\${REST_PASSWORD}@inside/shop" }`,
    );
    expect(parsed).toMatchObject({
      ok: true,
      spec: {
        connect: {
          workers: ['http://ann:s3cret@one:8083'],
          replicationFactor: 3,
          topicPrefix: 'teal.',
          blue: 'postgres://app:s3cret@inside/shop',
          green: env.GREEN_URL,
          acceptUnfaithful: [],
        },
      },
    });
    expect(parsed.ok && JSON.stringify(printableSpec(parsed.spec))).not.toContain('s3cret');
    expect(file('carrier: connect\nconnect: { url: ["http://one:1", "https://two:2/rest"] }')).toMatchObject({
      spec: { connect: { workers: ['http://one:1', 'https://two:2/rest'] } },
    });
    expect(parse(minimal).ok && parse(minimal)).not.toHaveProperty('spec.connect');
  });

  test.each([
    ['carrier: connect', '5:10 carrier: expected `connect` beside it: where the workers are'],
    ['connect: { url: "http://one:1" }', '5:10 connect: expected `carrier: connect` beside it'],
    ['carrier: connect\nconnect: { url: "ftp://one" }', '6:17 connect.url: expected an http:// URL'],
    [
      'carrier: connect\nconnect: { url: ["http://ann:pw@one"] }',
      '6:18 connect.url: a password stands in the file: take the URL from the environment ("${BLUE_URL}") or from { file: path }',
    ],
    [
      'carrier: connect\nconnect: { url: "http://one" }\nfollow: { method: triggers }',
      '7:19 follow.method: expected log: Debezium reads it',
    ],
    [
      'carrier: connect\nconnect: { url: "http://one", acceptUnfaithful: [public.t] }',
      '6:50 connect.acceptUnfaithful[0]: expected schema.table.column, with * for any',
    ],
  ])('%s is a mistake', (words, mistake) => expect(mistakes(`${minimal}${words}\n`)).toEqual([mistake]));

  test.each([
    ['blue: "mysql://inside/shop", kafka: "kafka://k:9092"', []],
    [
      'replicationFactor: 1',
      ['connect: expected `kafka` in it: Debezium keeps there what the tables of MySQL and MariaDB were like'],
    ],
    ['blue: "postgres://inside/shop", kafka: "kafka://k:9092"', ['connect.blue: expected a mysql:// URL']],
  ])('from MySQL the brokers are to be said: %s', (words, told) => {
    const text = minimal.replace('blue: { url: "${BLUE_URL}" }', 'blue: { system: mysql, url: "${MY_URL}" }');
    const parsed = parseOf(`${text}carrier: connect\nconnect: { url: "http://one", ${words} }\n`);
    expect(parsed.ok ? [] : parsed.mistakes.map(({ path, message }) => `${path}: ${message}`)).toEqual(told);
  });
});

describe('every mistake is reported at once, at its place', () => {
  test('unknown words with the nearest valid one', () => {
    const text = `${minimal}cutovr: {}\ncutover: { maxPuase: 3s, gates: [{ lagg: 1s }] }\ntraffic: { routr: proxy, router: prxy }\n`;
    expect(mistakes(text)).toEqual([
      '5:1 cutovr: unknown word (cutover)',
      '6:12 cutover.maxPuase: unknown word (maxPause)',
      '6:34 cutover.gates[0]: expected exactly one of lag, verify, sql, command, person, http, prometheus, window, freeze, datadog, alert',
      '6:36 cutover.gates[0].lagg: unknown word (lag)',
      '7:12 traffic.routr: unknown word (router)',
      '7:34 traffic.router: expected one of proxy, none, pgbouncer, haproxy, nginx, envoy, dns, kubernetes-service, istio, argo-rollouts, flagd, command, webhook (proxy)',
    ]);
  });

  test('what is missing, and values of the wrong kind', () => {
    const text = `teal: 2\nblue: { url: "\${BLUE_URL}" }\ngreen: [1]\ncutover: { maxPause: 3 }\ncopy: { workers: 0 }\n`;
    const found = mistakes(text);
    expect(found).toContain('1:7 teal: expected 1');
    expect(found).toContain('1:1 name: is missing');
    expect(found.find((it) => it.startsWith('3:8 green'))).toBe('3:8 green: expected a mapping of words to values');
    expect(found).toContain('4:22 cutover.maxPause: expected a duration such as 500ms, 3s, 10m, 24h');
    expect(found).toContain('5:18 copy.workers: expected a number from 1 to 64');
  });

  test('an environment variable that is not set, and only that', () => {
    expect(mistakes(minimal.replace('${GREEN_URL}', '${GREN_URL}'))).toEqual([
      '4:15 : the environment has no GREN_URL (GREEN_URL)',
    ]);
    expect(mistakes(minimal.replace('${GREEN_URL}', '${NOPE_AT_ALL:-postgres://localhost/x}'))).toEqual([]);
  });

  test('duplicate keys and text that is no YAML', () => {
    expect(mistakes(`${minimal}name: other\n`)[0]).toMatch(/^5:1 : .*unique/);
    expect(mistakes('teal: [1')[0]).toMatch(/^1:\d+ : /);
    expect(mistakes('')).not.toEqual([]);
    expect(mistakes('- 1')).not.toEqual([]);
  });

  test('a gate that asks two things or none', () => {
    expect(
      mistakes(
        `${minimal}cutover: { gates: [{ lag: 1s, verify: full }, {}, { verify: full, for: 3s }, { sql: select 1 }] }\n`,
      ),
    ).toEqual([
      '5:20 cutover.gates[0]: expected exactly one of lag, verify, sql, command, person, http, prometheus, window, freeze, datadog, alert',
      '5:47 cutover.gates[1]: expected exactly one of lag, verify, sql, command, person, http, prometheus, window, freeze, datadog, alert',
      expect.stringContaining('`for` only beside `lag`'),
      expect.stringContaining('`equals` beside `sql`'),
    ]);
  });

  test('what is planned is told apart from what is misspelt', () => {
    expect(mistakes(`${minimal}console: { on: true }\n`)).toEqual([
      '5:1 console: this version of Teal does not do this yet',
    ]);
  });

  test('reads that are put to green too', () => {
    const read = parse(`${minimal}shadow: { reads: 12.5%, for: 1h, maxDifferences: 2 }\n`);
    expect(read.ok && read.spec.shadow).toEqual({
      reads: 0.125,
      writes: 0,
      forMs: 3_600_000,
      maxDifferences: 2,
      atLeast: 1,
    });
    const both = parse(`${minimal}shadow: { writes: 5% }\n`);
    expect(both.ok && both.spec.shadow).toMatchObject({ reads: 0, writes: 0.05 });
    const copy = parse(`${minimal}shadow: { writes: 5%, scratch: shop_copy }\n`);
    expect(copy.ok && copy.spec.shadow).toMatchObject({ writes: 0.05, scratch: 'shop_copy' });
    expect(mistakes(`${minimal}shadow: { reads: 5%, scratch: a }\n`)).toEqual([
      '5:31 shadow.scratch: expected `writes` beside it',
    ]);
    expect(mistakes(`${minimal}shadow: { for: 1h }\n`)).toEqual(['5:9 shadow: expected `reads`, `writes` or both']);
    expect(mistakes(`${minimal}shadow: { reads: 0%, atLeast: 0 }\n`)).toEqual([
      '5:18 shadow.reads: expected a share of all, such as 1% or 12.5%',
      '5:31 shadow.atLeast: expected a number from 1 to 1000000000',
    ]);
    const mysql = minimal.replace(/^blue:.*$/m, 'blue: { system: mysql, url: "${MY_URL}" }');
    for (const [text, why] of [
      [`${minimal}shadow: { reads: 1% }\ntraffic: { router: none }\n`, "reads are compared by Teal's proxy"],
      [`${minimal}shadow: { reads: 1% }\nfollow: { method: triggers }\n`, 'how far green is'],
      [`${mysql}shadow: { reads: 1% }\n`, 'reads are compared between two PostgreSQL databases, or two of MySQL'],
    ] as const) {
      const wrong = parseOf(text);
      expect(wrong.ok ? [] : wrong.mistakes).toMatchObject([
        { line: 5, path: 'shadow', message: expect.stringContaining(why) },
      ]);
    }
  });

  test('reads of MySQL and MariaDB are put to green too, writes to a copy of it alone', () => {
    const sides = [
      'blue: { system: mysql, url: "${MY_URL}" }',
      'green: { system: mariadb, url: "mysql://other/shop" }',
    ];
    const mysql = `teal: 1\nname: shop\n${sides.join('\n')}\n`;
    const withUrl = (more: string): ReturnType<typeof parseOf> => parseOf(`${mysql}${more}`);
    expect(withUrl('shadow: { reads: 5% }\n').ok).toBe(true);
    expect(withUrl('shadow: { reads: 5%, writes: 1%, scratch: a }\n').ok).toBe(true);
    const wrong = withUrl('shadow: { reads: 5%, writes: 1% }\n');
    expect(wrong.ok ? [] : wrong.mistakes.map(({ path }) => path)).toEqual(['shadow.writes']);
  });

  test('a url from a file', () => {
    const text = minimal.replace('"${BLUE_URL}"', '{ file: blue.url }');
    const read = parse(text, { 'blue.url': `${env.BLUE_URL}\n` });
    expect(read.ok && read.spec.blue.url).toBe(env.BLUE_URL);
    expect(mistakes(text)).toEqual(['3:14 blue.url: the file that it names cannot be read']);
    expect(mistakes(minimal.replace('"${BLUE_URL}"', 'mysql://x'))).toEqual([
      '3:14 blue.url: expected a postgres:// URL',
    ]);
  });

  test('the code frame shows the line but no secret', () => {
    const text = minimal.replace('"${BLUE_URL}"', 'mysql://u:s3cret@x');
    const parsed = parse(text);
    const shown = parsed.ok ? '' : renderMistakes('teal.yaml', text, parsed.mistakes);
    expect(shown).toContain('teal.yaml:3:14  blue.url: expected a postgres:// URL');
    expect(shown).not.toContain('s3cret');
  });
});

describe('what a careful engineer would not write', () => {
  test.each([
    ['cutover: { maxPause: 2s, drain: 2s }', '5:33 cutover.drain: expected less than maxPause'],
    ['cutover: { maxPause: 50ms }', '5:22 cutover.maxPause: expected at least 100ms'],
    [
      'cutover: { gates: [{ person: dba }, { person: dba }] }',
      '5:47 cutover.gates[1].person: expected each person once',
    ],
    ['traffic: { listen: "127.0.0.1:70000" }', '5:20 traffic.listen: expected a port'],
    [
      'traffic: { listen: "0.0.0.0:6432", clientAuth: trust }',
      '5:48 traffic.clientAuth: expected scram or password, where',
    ],
    ['traffic: { clientAuth: password }', '5:24 traffic.clientAuth: expected scram: `password` is of MySQL'],
    ['follow: { method: trigers }', '5:19 follow.method: expected one of log, triggers, polling'],
    ['follow: { method: polling }', '5:19 follow.method: expected `column` beside it'],
    ['follow: { column: at }', '5:19 follow.column: expected nothing: it is of `method: polling`'],
    ['traffic: { maxClients: 0 }', '5:24 traffic.maxClients: expected a number from 1 to 100000'],
    ['traffic: { processes: 65 }', '5:23 traffic.processes: expected a number from 1 to 64'],
    ['traffic: { router: none, processes: many }', '5:37 traffic.processes: expected auto, or a number from 1 to 64'],
    ['traffic: { router: kubernetes }', '5:20 traffic.router: expected one of proxy, none,'],
    ['traffic: { pinned: drop }', '5:20 traffic.pinned: this version of Teal does not do this yet'],
    ['stateDir: !odd here', '5:11 : Unresolved tag'],
    ['? [a, b]\n: c', '1:1 [ a, b ]: unknown word'],
    ['__proto__: { x: 1 }', '5:1 __proto__: unknown word'],
    ['soak: { for: 9999999d }', '5:14 soak.for: expected a duration'],
  ])('%s', (line, mistake) => {
    const [found, ...others] = mistakes(`${minimal}${line}\n`);
    expect(found).toContain(mistake);
    expect(others).toEqual([]);
  });

  test.each([
    ['{ system: mysql, url: "${BLUE_URL}" }', '3:29 blue.url: expected a mysql:// URL'],
    ['{ system: oracle, url: "${BLUE_URL}" }', '3:17 blue.system: expected'],
  ])('a side %s', (side, mistake) => {
    const [found, ...others] = mistakes(minimal.replace(/^blue:.*$/m, `blue: ${side}`));
    expect(found).toContain(mistake);
    expect(others).toEqual([]);
  });

  test('a MySQL side with what becomes of its values', () => {
    const text = `${minimal.replace(/^blue:.*$/m, 'blue: { system: mysql, url: "${MY_URL}" }')}mapping: { schemas: { shop: public }, tables: { "shop.t": { columns: { a: { type: text, default: null } } } } }\n`;
    const parsed = parseSpec(text, { env: { ...env, MY_URL: 'mariadb://h/shop' }, readText: () => undefined });
    expect(parsed.ok && parsed.spec.blue).toEqual({ system: 'mysql', url: 'mariadb://h/shop' });
    expect(parsed.ok && parsed.spec.mapping).toMatchObject({
      values: { zeroDate: 'stop', invalidEnum: 'stop', nulByte: 'stop' },
      collations: 'keys',
      tables: { 'shop.t': { columns: { a: { type: 'text', default: null } } } },
    });
  });

  test('a schema of green that is not for rows of users, at its place', () => {
    const text = (name: string): string =>
      `${minimal.replace(/^blue:.*$/m, 'blue: { system: mysql, url: mysql://h/shop }')}mapping:\n  schemas:\n    shop: public\n    other: ${name}\n`;
    const why = 'schemas called teal, information_schema or pg_… belong to Teal and to PostgreSQL';
    for (const name of ['teal', 'information_schema', 'pg_shop']) {
      expect(mistakes(text(name))).toEqual([`8:12 mapping.schemas.other: expected another name: ${why}`]);
    }
    expect(mistakes(text('teals'))).toEqual([]);
  });

  test.each(['mysql', 'mariadb'] as const)('what clients pass through between %s and its like', (system) => {
    const text = (traffic: string): string =>
      `teal: 1\nname: shop\nblue: { system: ${system}, url: "\${MY_URL}" }\ngreen: { system: mariadb, url: mysql://g/ }\n${traffic}`;
    const parsed = parseOf(text(''));
    expect(parsed.ok && parsed.spec.traffic).toMatchObject({
      router: 'proxy',
      clientAuth: 'password',
      maxClients: 1_000,
    });
    const wrong = parseOf(text('traffic: { clientAuth: scram, authFile: verifiers.txt }\ncutovr: {}\n'));
    expect(
      wrong.ok ? [] : wrong.mistakes.map(({ line, column, path, message }) => [line, column, path, message]),
    ).toEqual([
      [5, 24, 'traffic.clientAuth', 'expected password: `scram` is of PostgreSQL'],
      [5, 41, 'traffic.authFile', 'expected nothing: accounts of MySQL and MariaDB are read from mysql.user'],
      [6, 1, 'cutovr', 'unknown word'],
    ]);
  });

  test('words of a way of following, beside another one', () => {
    const mysql = minimal.replace(/^blue:.*$/m, 'blue: { system: mysql, url: "${MY_URL}" }');
    const message = 'expected nothing: it is of `method: triggers` on MySQL and MariaDB';
    for (const text of [
      `${minimal}follow: { method: triggers, acceptFrozenSchema: true }\n`,
      `${mysql}follow: { acceptFrozenSchema: true }\n`,
    ]) {
      const wrong = parseOf(text);
      expect(wrong.ok ? [] : wrong.mistakes).toMatchObject([{ line: 5, path: 'follow.acceptFrozenSchema', message }]);
    }
    const accepted = parseOf(`${mysql}follow: { method: triggers, acceptFrozenSchema: true }\n`);
    expect(accepted.ok && accepted.spec.follow).toMatchObject({ method: 'triggers', acceptFrozenSchema: true });
    const silent = parseOf(`${mysql}follow: { method: triggers }\n`);
    expect(silent.ok && silent.spec.follow).toMatchObject({ method: 'triggers', acceptFrozenSchema: false });
    expect(parse(`${minimal}follow: { method: triggers }\n`)).toMatchObject({
      ok: true,
      spec: { follow: { method: 'triggers', heartbeatMs: 1_000 } },
    });
    const polled = parseOf(`${mysql}follow: { method: polling, column: at, zone: "-03:30" }\n`);
    expect(polled.ok && polled.spec.follow.poll).toEqual({
      column: 'at',
      columns: {},
      zoneMinutes: -210,
      everyMs: 1_000,
    });
    for (const text of [
      `${minimal}follow: { method: polling, column: at, zone: "+02:00" }`,
      `${mysql}follow: { zone: "+02:00" }`,
    ]) {
      const other = parseOf(text);
      expect(other.ok ? [] : other.mistakes.map(({ message }) => message)).toEqual([
        'expected nothing: it is of `method: polling` of MySQL and MariaDB',
      ]);
    }
    expect(
      parse(`${minimal}follow: { method: polling, column: at, columns: { public.t: written }, interval: 5s }\n`),
    ).toMatchObject({
      ok: true,
      spec: {
        follow: { method: 'polling', poll: { column: 'at', columns: { 'public.t': 'written' }, everyMs: 5_000 } },
      },
    });
  });

  test('clients that would have to speak another protocol after the cut', () => {
    const text = (traffic: string): string =>
      minimal.replace(/^blue:.*$/m, 'blue: { system: mysql, url: "${MY_URL}" }') + traffic;
    for (const traffic of ['', 'traffic: { router: none }\n']) {
      const parsed = parseOf(text(traffic));
      expect(parsed.ok && parsed.spec.traffic.router).toBe('none');
    }
    const wrong = parseOf(text('traffic: { router: proxy, authFile: x }\n'));
    expect(wrong.ok ? [] : wrong.mistakes).toEqual([
      {
        line: 5,
        column: 20,
        path: 'traffic.router',
        message:
          'expected none: from mysql to postgres no proxy can carry clients: it would have to translate between two protocols',
      },
    ]);
  });

  test('the same system twice', () => {
    expect(mistakes(minimal.replace('${GREEN_URL}', '${BLUE_URL}'))).toEqual([
      '4:15 green.url: expected another system than blue',
    ]);
  });

  test.each(['postgres://app:s3cret@localhost/shop', 'postgres://localhost/shop?user=app&password=s3cret'])(
    'a password in the file (%s), which is not shown',
    (url) => {
      const text = minimal.replace('${BLUE_URL}', url);
      const parsed = parse(text);
      const shown = parsed.ok ? '' : renderMistakes('teal.yaml', text, parsed.mistakes);
      expect(shown).toContain('teal.yaml:3:14  blue.url: a password stands in the file');
      expect(shown).not.toContain('s3cret');
    },
  );

  test('a URL whose password alone comes from the environment is right', () => {
    const text = minimal.replace('${BLUE_URL}', 'postgres://app:${PASSWORD}@localhost/shop');
    expect(parseSpec(text, { env: { ...env, PASSWORD: 'x' }, readText: () => undefined }).ok).toBe(true);
  });
});

describe('clusters of Kafka', () => {
  const urls = {
    BLUE_URL: 'kafka://me:s3cret@one:9092,two:9092?security.protocol=SASL_SSL',
    GREEN_URL: 'kafka://three',
  };
  const parseKafka = (text: string): ParsedSpec => parseSpec(text, { env: urls, readText: () => undefined });
  const text = (more: string, green = 'kafka'): string =>
    `teal: 1\nname: events\nblue: { system: kafka, url: "\${BLUE_URL}" }\ngreen: { system: ${green}, url: "\${GREEN_URL}" }\n${more}`;
  const messages = (parsed: ParsedSpec): readonly string[] =>
    parsed.ok ? [] : parsed.mistakes.map(({ path, message }) => `${path}: ${message}`);

  test('have topics, and no proxy', () => {
    const spec = { topics: { include: ['*'], exclude: [] }, traffic: { router: 'none' }, green: { system: 'kafka' } };
    expect(parseKafka(text(''))).toMatchObject({ ok: true, spec });
    const parsed = parseKafka(text('topics: { include: ["shop.*"], exclude: ["shop.old"] }\n'));
    expect(parsed).toMatchObject({ ok: true, spec: { topics: { include: ['shop.*'], exclude: ['shop.old'] } } });
    expect(parsed.ok && JSON.stringify(printableSpec(parsed.spec))).not.toContain('s3cret');
  });

  test('have a schema registry on both sides or on neither', () => {
    const address = 'https://me:s3cret@registry/api';
    const of = (blue: string, green: string): string =>
      text('').replace('"${BLUE_URL}"', `"\${BLUE_URL}"${blue}`).replace('"${GREEN_URL}"', `"\${GREEN_URL}"${green}`);
    const parse = (file: string): ParsedSpec =>
      parseSpec(file, { env: { ...urls, REGISTRY: address }, readText: () => 'http://other' });
    const named = ', schemaRegistry: { url: "${REGISTRY}" }';
    const parsed = parse(of(named, ', schemaRegistry: { url: { file: a } }'));
    expect(parsed).toMatchObject({
      ok: true,
      spec: { blue: { schemaRegistry: { url: address } }, green: { schemaRegistry: { url: 'http://other' } } },
    });
    expect(parsed.ok && JSON.stringify(printableSpec(parsed.spec))).not.toContain('s3cret');
    expect(messages(parse(of(named, '')))).toEqual([
      'blue.schemaRegistry: expected one on both sides: what one alone holds can be neither compared nor copied',
    ]);
    const plain = ', schemaRegistry: { url: "http://me:pw@registry" }';
    expect(messages(parse(of(plain, named)))).toEqual([expect.stringContaining('a password stands in the file')]);
    expect(messages(parse(of(named, ', schemaRegistry: { url: "kafka://one" }')))).toEqual([
      'green.schemaRegistry.url: expected an https:// URL',
    ]);
  });

  test('know no word of databases, and databases know no topics', () => {
    const wrong = messages(
      parseKafka(
        text(`tables: { include: ["a.b"] }
traffic: { router: proxy, listen: "127.0.0.1:1" }
groups: { stop: [./stop] }
cutover: { lockTimeout: 1s, gates: [{ lag: 1s }, { sql: "select 1", equals: 1 }] }
`),
      ),
    );
    expect(wrong).toEqual([
      'tables: expected nothing: it is of databases; of Kafka there are `topics` and `groups`',
      'traffic.router: expected none, haproxy, nginx, envoy, dns, kubernetes-service, flagd, command, webhook: no other router knows clients of Kafka',
      'traffic.listen: expected nothing: there is no proxy for clients of Kafka',
      'groups.start: is missing: `stop` needs it',
      'cutover.lockTimeout: expected nothing: it is of databases',
      'cutover.gates[1]: expected another gate: Kafka is asked nothing by SQL',
    ]);
    expect(mistakes(`${minimal}topics: { include: ["a"] }\ngroups: {}\n`)).toEqual([
      '5:1 topics: expected nothing: `topics` is of Kafka: of databases there are `tables`',
      '6:1 groups: expected nothing: `groups` is of Kafka',
    ]);
  });

  test('are carried by MirrorMaker where the file says so', () => {
    const parsed = parseKafka(
      text('carrier: connect\nconnect: { url: "http://one:1", tasks: 8, green: "kafka://inside" }\n'),
    );
    expect(parsed).toMatchObject({
      ok: true,
      spec: { connect: { workers: ['http://one:1'], tasks: 8, blue: urls.BLUE_URL, green: 'kafka://inside' } },
    });
    expect(parsed.ok && JSON.stringify(printableSpec(parsed.spec))).not.toContain('s3cret');
    const wrong = (words: string): readonly string[] => messages(parseKafka(text(words)));
    expect(wrong('carrier: connect\n')).toEqual(['carrier: expected `connect` beside it: where the workers are']);
    expect(wrong('connect: { url: "http://one:1" }\n')).toEqual(['connect: expected `carrier: connect` beside it']);
    expect(
      wrong('carrier: connect\nconnect: { url: "http://one:1", topicPrefix: x, green: "postgres://a/b" }\n'),
    ).toEqual(['connect.topicPrefix: expected nothing: it is of databases', 'connect.green: expected a kafka:// URL']);
    expect(mistakes(`${minimal}carrier: connect\nconnect: { url: "http://one", tasks: 2 }\n`)).toEqual([
      '6:38 connect.tasks: expected nothing: it is of Kafka',
    ]);
  });

  test('name the groups that move, and who ends and starts their consumers', () => {
    const parsed = parseKafka(
      text('groups: { exclude: [audit], stop: [./c, stop], start: [./c, start], patience: 5m }\n'),
    );
    const groups = {
      include: ['*'],
      exclude: ['audit'],
      desk: { stop: ['./c', 'stop'], start: ['./c', 'start'] },
      timeoutMs: 60_000,
      patienceMs: 300_000,
      maxLag: 1_000,
    };
    expect(parsed).toMatchObject({ ok: true, spec: { groups } });
    expect(parseKafka(text('traffic: { router: command, read: [./r], point: [./p] }\n'))).toMatchObject({
      ok: true,
      spec: { traffic: { router: 'command' }, groups: { include: ['*'] } },
    });
  });

  test('are begun with a file that has no mistake', () => {
    const side = { clusterId: 'c', address: 'one:9092' };
    const begun = initKafkaSpecText({ name: 'events', blue: side, green: side, topics: 3, groups: 2 });
    expect(parseKafka(begun)).toMatchObject({ ok: true, spec: { traffic: { router: 'none' } } });
  });

  test('go to another cluster only', () => {
    expect(messages(parseKafka(text('', 'postgres')))).toContain(
      'green.system: expected kafka: topics can be moved to another cluster only',
    );
  });

  test('are at a kafka:// URL whose password stands elsewhere', () => {
    const of = (url: string): readonly string[] => messages(parseKafka(text('').replace('${BLUE_URL}', url)));
    expect(of('kafka://')).toEqual(['blue.url: expected a kafka:// URL']);
    expect(of('one:9092')).toEqual(['blue.url: expected a kafka:// URL']);
    expect(of('kafka://me:pw@one:9092,two:9092')).toEqual([expect.stringContaining('a password stands in the file')]);
    expect(of('kafka://four')).toEqual([]);
  });
});

describe('the environment', () => {
  const withWorkers = (value: string, workers: string): ParsedSpec =>
    parseSpec(`${minimal}copy: { workers: ${value} }\n`, {
      env: { ...env, WORKERS: workers },
      readText: () => undefined,
    });

  test('gives numbers where the value is not in quotes', () => {
    expect(withWorkers('$WORKERS', '8').ok).toBe(false);
    const plain = parseSpec(`${minimal}copy:\n  workers: \${WORKERS}\n`, {
      env: { ...env, WORKERS: '8' },
      readText: () => undefined,
    });
    expect(plain).toMatchObject({ ok: true, spec: { copy: { workers: 8 } } });
    expect(withWorkers('"${WORKERS}"', '8').ok).toBe(false);
  });

  test('cannot add a word to the file', () => {
    const text = `${minimal}stateDir: "\${DIR}"\n`;
    const parsed = parseSpec(text, {
      env: { ...env, DIR: 'x"\ntraffic: { router: none }' },
      readText: () => undefined,
    });
    expect(parsed).toMatchObject({ ok: true, spec: { traffic: { router: 'proxy' } } });
  });

  test('$${ stands for itself', () => {
    expect(parse(`${minimal}stateDir: "a$\${b}"\n`)).toMatchObject({ ok: true, spec: { stateDir: 'a${b}' } });
  });
});

test('the normal form cannot be changed', () => {
  const parsed = parse(minimal);
  expect(parsed.ok && Object.isFrozen(parsed.spec.cutover.gates[0])).toBe(true);
});

describe('any number of mistakes', () => {
  /** Lines that are right, each with a wrong twin and the path that must then be named. */
  const lines = [
    ['teal: 1', 'teal: one', 'teal'],
    ['name: shop', 'name: Shop!', 'name'],
    ['blue: { url: "${BLUE_URL}" }', 'blue: { url: "mysql://x" }', 'blue.url'],
    ['green: { url: "${GREEN_URL}" }', 'green: { ulr: "${GREEN_URL}" }', 'green.ulr'],
    ['tables: { include: ["public.*"] }', 'tables: { include: ["public"] }', 'tables.include[0]'],
    ['traffic: { listen: "127.0.0.1:1" }', 'traffic: { listen: here }', 'traffic.listen'],
    ['copy: { workers: 4 }', 'copy: { workers: four }', 'copy.workers'],
    ['follow: { walBudget: 20GB }', 'follow: { walBudget: 20 }', 'follow.walBudget'],
    ['cutover: { maxPause: 3s, drain: 1s }', 'cutover: { maxPause: 1s, drain: 3s }', 'cutover.drain'],
    ['soak: { for: 24h }', 'soak: { for: 24h, until: x }', 'soak.until'],
    ['finalise: { blue: keep }', 'finalise: { blue: kep }', 'finalise.blue'],
    ['stateDir: here', 'stateDir: ""', 'stateDir'],
  ] as const;

  test('are all found at their lines, and nothing that is right is called wrong', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: lines.length, maxLength: lines.length }), (wrong) => {
        const text = lines.map(([right, mistaken], index) => (wrong[index] === true ? mistaken : right)).join('\n');
        const expected = lines.flatMap(([, , path], index) => (wrong[index] === true ? [`${index + 1} ${path}`] : []));
        const parsed = parse(text);
        const found = parsed.ok ? [] : parsed.mistakes.map(({ line, path }) => `${line} ${path}`);
        // The misspelt `url` is also a missing one.
        expect(found.filter((it) => it !== '4 green.url')).toEqual(expected);
        expect(parsed.ok).toBe(expected.length === 0);
      }),
      { numRuns: 300 },
    );
  });
});

describe('any text at all', () => {
  test('gives a spec or mistakes, never a throw', () => {
    const corpus = [
      minimal,
      initSpecText({
        name: 'a',
        blue: { version: '', address: '' },
        green: { version: '', address: '' },
        schemas: ['public'],
        tables: 0,
      }),
    ];
    const cut = fc.record({
      which: fc.nat(1),
      from: fc.nat(900),
      length: fc.nat(40),
      put: fc.string({ maxLength: 12 }),
    });
    fc.assert(
      fc.property(fc.array(cut, { minLength: 1, maxLength: 5 }), (cuts) => {
        let text = corpus[cuts[0]?.which ?? 0] ?? '';
        for (const { from, length, put } of cuts) text = text.slice(0, from) + put + text.slice(from + length);
        const parsed = parse(text);
        return (
          parsed.ok || (parsed.mistakes.length > 0 && parsed.mistakes.every((it) => it.line >= 1 && it.column >= 1))
        );
      }),
      { numRuns: 3_000 },
    );
  });

  test('aliases that multiply are refused in bounded time', () => {
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...'bcdefgh'.split('').map((c, i) => `${c}: &${c} [${`*${'abcdefgh'[i]},`.repeat(8)}*${'abcdefgh'[i]}]`),
    ].join('\n');
    expect(parse(bomb).ok).toBe(false);
  });
});

describe('a file that is none is refused at once', () => {
  const words = Array.from({ length: 2_000 }, (_, n) => `k${n}: 1`);

  test.each([
    ['too long', `#${'x'.repeat(300_000)}`, /longer than 262144 characters/],
    ['too many words', words.join('\n'), /more than 500 words/],
    ['too many words in one line', `{ ${words.join(', ')} }`, /more than 500 words/],
  ])('%s', (_name, text, expected) => {
    expect(mistakes(text).join('\n')).toMatch(expected);
  });

  test.each([500, 1_000, 2_000, 4_000, 20_000])('nested %i times', (depth) => {
    expect(mistakes(`${'['.repeat(depth)}${']'.repeat(depth)}`)[0]).toMatch(/nested too deeply|expected a mapping/);
  });
});
