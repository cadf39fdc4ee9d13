import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { assess } from '../../src/app/index.ts';
import { must } from '../../src/kernel/assert.ts';
import { waitFor } from '../../src/kernel/clock.ts';
import type { Assessment } from '../../src/stages/assess/assess.ts';
import { openCertificate } from '../../src/verify/certificate.ts';
import type { ConnectTypeRow } from '../../tools/connect-types-page.ts';
import { startConnect } from '../../tools/servers/connect.ts';
import { pgTools } from '../../tools/servers/pg-tools.ts';
import { execute } from '../../tools/servers/with-client.ts';
import { connectIsTested, namePrefix, testCluster } from '../support/kafka.ts';
import { ownServer } from '../support/postgres.ts';
import { queryUrl } from '../support/teal-place.ts';
import { Life } from '../support/whole-life.ts';
import {
  compareShown,
  compareWithConnectPage,
  differencesOf,
  firstIds,
  refusedTables,
  type Seen,
} from './connect-seen.ts';
import { errorsOfStops, type Stop } from './connect-stops.ts';
import { literalOf, postgresTypes, typesPrelude } from './postgres-types.ts';

vi.setConfig({ testTimeout: 600_000 });

/** What this path makes of more values and types than the other matrix has. */
const more: Readonly<Record<string, readonly string[]>> = {
  'numeric(10,2)': ['NaN'],
  'numeric(30,0)': ['100'],
  money: ['92233720368547758.07'],
  date: ['1582-10-10', '1500-02-28', '9999-12-31', '10000-01-01'],
  'time(3)': ['23:59:59.123'],
  timestamp: ['1582-10-10 01:02:03', '1900-01-01 00:00:00', '9999-12-31 23:59:59.999999'],
  'timestamp(3)': ['2024-01-01 00:00:01.123'],
  timestamptz: ['1582-10-10 01:02:03+00', '294246-12-31 00:00:00+00'],
  interval: ['00:00:00.000001', '178000000 years'],
  xml: ['<?xml version="1.0" encoding="UTF-8"?><a/>'],
  'bit(1)': ['1', '0'],
  'bit(8)': ['10101010', '00000001'],
  int8range: ['[1,10)'],
  daterange: ['["0044-03-15 BC",infinity)'],
  tsrange: ['["2024-01-01 00:00:00","2025-01-01 00:00:00.000001"]'],
  'bool[]': ['{t,f,NULL}'],
  'int2[]': ['{1,-32768}'],
  'int8[]': ['{9223372036854775807,NULL}'],
  'text[]': ['{}', '{{a,b},{c,d}}', '[0:1]={a,b}'],
  'varchar(3)[]': ['{äöü,"x  "}'],
  'char(4)[]': ['{ab}'],
  'uuid[]': ['{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'],
  'json[]': ['{"{\\"a\\":  1}"}'],
  'float8[]': ['{0.1,1e308}', '{NaN}'],
  'numeric(6,2)[]': ['{1.00,2.50}'],
  'date[]': ['{2024-02-29}'],
  'timestamptz[]': ['{"2024-01-01 00:00:00+00"}'],
  'bytea[]': ['{"\\\\x00ff"}'],
  'inet[]': ['{10.0.0.1/8}'],
};

const types: Readonly<Record<string, readonly string[]>> = {
  ...postgresTypes,
  ...Object.fromEntries(
    Object.entries(more).map(([type, values]) => [type, [...(postgresTypes[type] ?? []), ...values]]),
  ),
};

/** What ends the task of the sink, by type. */
const stopping: Readonly<Record<string, readonly string[]>> = {
  money: ['92233720368547758.07'],
  time: ['24:00:00'],
  'bit(1)': ['1', '0'],
  'bit(5)': ['00000'],
  'bit(8)': ['10101010'],
  varbit: [''],
  point: ['(1,2)', '(NaN,-0)'],
  'numeric(6,2)[]': ['{1.00,2.50}'],
  'date[]': ['{2024-02-29}'],
  'timestamptz[]': ['{"2024-01-01 00:00:00+00"}'],
  'bytea[]': ['{"\\\\x00ff"}'],
  'inet[]': ['{10.0.0.1/8}'],
  'odd.mood[]': ['{happy,"sad \'n\' grey"}'],
};

const stops: readonly Stop[] = Object.entries(stopping).flatMap(([type, values]) =>
  values.map((value) => ({ type, value })),
);

/** The one by which the migration itself is ended at last. */
const ending: Stop = { type: 'time', value: '24:00:00' };

interface Planted {
  readonly type: string;
  readonly table: string;
  /** Those that the path carries, in whatever form. */
  readonly values: readonly string[];
}

const planted: readonly Planted[] = Object.entries(types).map(([type, values], at) => ({
  type,
  table: `t${at}`,
  values: values.filter((value) => stopping[type]?.includes(value) !== true),
}));

const settings = `set datestyle = 'ISO'; set intervalstyle = 'postgres'; set extra_float_digits = 3; set timezone = 'UTC'; set bytea_output = 'hex'`;

function beforeCopy({ type, table, values }: Planted): readonly string[] {
  return [
    `create table ${table} (id int primary key, v ${type})`,
    ...values.flatMap((value, n) => [
      `insert into ${table} values (${firstIds.copied + n}, ${literalOf(value)})`,
      `insert into ${table} values (${firstIds.updated + n}, null)`,
    ]),
  ];
}

function afterCopy({ table, values }: Planted): readonly string[] {
  return values.flatMap((value, n) => [
    `insert into ${table} values (${firstIds.inserted + n}, ${literalOf(value)})`,
    `update ${table} set v = ${literalOf(value)} where id = ${firstIds.updated + n}`,
  ]);
}

/** As a client is shown it, which of an XML document with a declaration is not what a cast makes. */
async function shownOn(url: string, { table }: Planted): Promise<ReadonlyMap<number, string | null>> {
  const shown = `case when v is distinct from null then format('%s', v) end`;
  const rows = await queryUrl(url, `${settings}; select id, ${shown} as v from ${table}`);
  return new Map(rows.map(({ id, v }) => [Number(id), v ?? null]));
}

async function look(urls: { readonly blue: string; readonly green: string }, of: Planted): Promise<Seen> {
  return compareShown(of.values, { blue: await shownOn(urls.blue, of), green: await shownOn(urls.green, of) });
}

function tableOf(type: string): string {
  return must(
    planted.find((each) => each.type === type),
    'a type that is planted',
  ).table;
}

function plantStop({ type, value }: Stop, at: number): string {
  return `insert into ${tableOf(type)} values (${300 + at}, ${literalOf(value)})`;
}

function removeStop({ type }: Stop, at: number): string {
  return `delete from ${tableOf(type)} where id = ${300 + at}`;
}

/** Tables of which `teal assess` refuses the column, where the file accepts none. */
async function refusedColumns(
  folder: string,
  urls: { readonly blue: string; readonly green: string },
  lines: string,
): Promise<ReadonlySet<string>> {
  const file = join(folder, 'strict.yaml');
  await writeFile(
    file,
    `teal: 1\nname: strict\nblue: { url: "\${BLUE_URL}" }\ngreen: { url: "\${GREEN_URL}" }\ntraffic: { router: none }\n${lines}`,
  );
  const { assessment } = await assess({ file, env: { BLUE_URL: urls.blue, GREEN_URL: urls.green } });
  return refusedTables((assessment as Assessment).findings);
}

describe.skipIf(!connectIsTested)('what Kafka Connect makes of every type', () => {
  test('assess refuses each column that comes out as another one, and the certificate finds each that was accepted: as the page says', async () => {
    const cluster = await testCluster('blue');
    await using connect = await startConnect({
      bootstrap: cluster.bootstrap,
      plugins: ['debezium-postgres', 'debezium-jdbc'],
    });
    const slots = { max_replication_slots: '40', max_wal_senders: '40' };
    await using blue = await ownServer(14, { settings: slots });
    await using green = await ownServer(18);
    const urls = { blue: blue.url, green: green.url };
    await execute(blue.url, [typesPrelude, ...planted.flatMap(beforeCopy)]);
    const lines = {
      url: connect.urls,
      kafka: `kafka://${cluster.bootstrap}`,
      replicationFactor: 1,
      topicPrefix: namePrefix(),
    };
    const file = (accept: readonly string[]): string =>
      `carrier: connect\nconnect: ${JSON.stringify({ ...lines, acceptUnfaithful: accept })}\n`;
    await using life = await Life.begin({
      name: 'types',
      blueUrl: blue.url,
      greenUrl: green.url,
      tools: await pgTools(14, 18),
      gates: '[{ verify: full }]',
      spec: file(['*.*.*']),
      lifeMs: 600_000,
    });
    await execute(blue.url, stops.map(plantStop));
    const refused = await refusedColumns(life.folder, urls, file([]));
    await execute(blue.url, stops.map(removeStop));

    expect(await life.timed('up', async () => life.migration.up())).toMatchObject({ outcome: 'no', live: 'blue' });
    await execute(blue.url, planted.flatMap(afterCopy));
    // The sink writes table by table: the first sign may come a moment before what was read together with it, the second is behind it.
    for (let sign = 0; sign < 2; sign += 1) {
      expect(await life.migration.carrier.caughtUp('forward', AbortSignal.timeout(120_000))).toMatchObject({
        now: { state: 'running' },
      });
    }
    const { verified, file: certificateFile } = await life.timed('verify', async () => life.migration.verify());
    expect(verified.equal).toBe(false);
    const certificate = openCertificate(await readFile(certificateFile.replace(/\.md$/, '.json'), 'utf8'));
    const seen = new Map<string, Seen>();
    for (const each of planted) seen.set(each.type, await look(urls, each));

    const different = planted.flatMap(({ type, table }) => {
      const rows = seen.get(type)?.differentRows ?? 0;
      return rows === 0 ? [] : [[`${table}.v`, rows] as const];
    });
    expect(differencesOf(certificate)).toEqual(Object.fromEntries(different));

    await execute(blue.url, [plantStop(ending, stops.length)]);
    const failed = await waitFor({ what: 'a task to fail', timeoutMs: 90_000, everyMs: 200 }, async () => {
      const { now } = await life.migration.carrier.status('forward');
      return now.state === 'failed' ? now : undefined;
    });
    expect(failed).toMatchObject({ code: 'TEAL-CARRIERS-014', reason: expect.not.stringContaining('24:00') });
    expect(await life.migration.abort('seen')).toMatchObject({ outcome: 'done', live: 'blue' });
    const place = { blueUrl: blue.url, greenUrl: green.url, workers: connect.urls, prefix: namePrefix() };
    await execute(green.url, [typesPrelude]);
    const errors = await errorsOfStops(place, stops);

    const rows = planted.map(({ type, table }): ConnectTypeRow => {
      const { same = [], changed = [] } = seen.get(type) ?? {};
      return {
        type,
        assessed: refused.has(table) ? 'refused' : 'carried',
        same,
        changed,
        stops: stops.flatMap((stop, at) =>
          stop.type === type ? [{ value: stop.value, error: errors[at] ?? '' }] : [],
        ),
      };
    });
    compareWithConnectPage('PostgreSQL 14 → PostgreSQL 18', rows);
  });
});
