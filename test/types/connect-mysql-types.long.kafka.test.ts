import { readFile } from 'node:fs/promises';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { describe, expect, test, vi } from 'vitest';
import { must } from '../../src/kernel/assert.ts';
import { waitFor } from '../../src/kernel/clock.ts';
import { openCertificate } from '../../src/verify/certificate.ts';
import type { ConnectTypeRow } from '../../tools/connect-types-page.ts';
import { startConnect } from '../../tools/servers/connect.ts';
import { connectIsTested, namePrefix, testCluster } from '../support/kafka.ts';
import { isTested } from '../support/mysql.ts';
import { Place } from '../migration/unlike-place.ts';
import {
  compareShown,
  compareWithConnectPage,
  differencesOf,
  firstIds,
  refusedTables,
  type Seen,
  type ShownRows,
} from './connect-seen.ts';
import { errorsOfMysqlStops, type MysqlStop } from './connect-mysql-stops.ts';
import { meant, shown } from './forms.ts';
import { mysqlTypesOf } from './mysql-types.ts';
import type { TypeCase, Value } from './type-case.ts';

vi.setConfig({ testTimeout: 900_000 });

type Flavour = 'mysql' | 'mariadb';

/** What ends a task, by type: of many values that do one of each error. Those of MariaDB's own types end it before the first row. */
const stopping = (flavour: Flavour): readonly MysqlStop[] => [
  { type: 'bit(1)', value: `b'1'`, by: 'sink' },
  { type: 'bit(64)', value: ['~0', 'all ones'], by: 'sink' },
  { type: 'varchar(50)', value: [`'a\\0b'`, 'a NUL'], by: 'sink' },
  // The driver of MariaDB reads it in the copy.
  { type: 'date', value: `'2024-02-30'`, by: 'source', ...(flavour === 'mysql' ? {} : { followed: true }) },
  { type: 'datetime', value: `'2024-02-30 01:02:03'`, by: 'source', followed: true },
  { type: 'time', value: `'12:34:56'`, by: 'sink' },
  { type: 'time', value: `'-00:00:01'`, by: 'sink' },
  { type: 'time(6)', value: `'12:34:56.7'`, by: 'sink' },
  { type: 'year', value: '0', ...(flavour === 'mysql' ? { by: 'sink', followed: true } : { by: 'source' }) },
  { type: `enum('a','b,c','d''e','é')`, value: `'b,c'`, by: 'sink', followed: true },
  { type: `enum('a','b,c','d''e','é')`, value: [`'zzz'`, 'no label at all'], by: 'sink' },
  { type: 'point', value: `st_geomfromtext('point(1 -2)')`, by: 'sink' },
  { type: 'geometry', value: `st_geomfromtext('point(1 2)')`, by: 'sink' },
  ...(flavour === 'mysql'
    ? []
    : [
        { type: 'inet4', value: `'10.0.0.255'`, by: 'source' } as const,
        { type: 'inet6', value: `'::'`, by: 'source' } as const,
      ]),
];

/** Columns of which no value is carried: what each does is said by `stopping`. */
const none: ReadonlySet<string> = new Set(['bit(1)', 'time', 'time(6)', 'point', 'geometry', 'inet4', 'inet6']);

/** The source of MariaDB cannot read how a table with one of these was made, so that no table comes. */
const unreadable = new Set(['inet4', 'inet6']);

/** Teal has no table of this character set, and a number of 300 digits says no more than one of 20. */
const left = new Set(['varchar(9) character set sjis', '1e300']);

const more: Readonly<Record<string, readonly Value[]>> = {
  date: [`'1582-10-10'`, `'1500-02-28'`],
  datetime: [`'1582-10-10 01:02:03'`],
};

interface Planted extends TypeCase {
  readonly table: string;
  /** Values that a policy makes NULL, by their number. */
  readonly nulls: ReadonlySet<number>;
}

const sqlOf = (value: Value): string => (typeof value === 'string' ? value : value[0]);

/** Each value that the path carries in whatever form; of malformed ones those that the file's choice makes NULL. */
function plantedOf(flavour: Flavour): readonly Planted[] {
  const stops = stopping(flavour);
  const isStop = (type: string, value: Value): boolean =>
    none.has(type) || stops.some((stop) => stop.type === type && sqlOf(stop.value) === sqlOf(value));
  return mysqlTypesOf(flavour)
    .filter(({ type }) => !left.has(type))
    .map((each, at) => {
      const { type, malformed } = each;
      const plain = [...each.values, ...(more[type] ?? [])].filter(
        (value) => !isStop(type, value) && !left.has(sqlOf(value).replaceAll(`'`, '')),
      );
      const zeros = malformed.map(({ value }) => value).filter((value) => /'0000-00-00|^0$/.test(sqlOf(value)));
      const nulls = new Set(zeros.map((_, n) => plain.length + n));
      return { ...each, table: `t${at}`, values: [...plain, ...zeros], nulls };
    });
}

/** As loosely as the server lets a session write. */
async function openWriter(port: number): Promise<Connection & AsyncDisposable> {
  const client = await createConnection({ host: '127.0.0.1', port, user: 'root', charset: 'utf8mb4' });
  await client.query(`set sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'`);
  await client.query('use shop');
  return Object.assign(client, { [Symbol.asyncDispose]: async () => client.end() });
}

/** Those whose type the server has. */
async function plant(writer: Connection, all: readonly Planted[]): Promise<readonly Planted[]> {
  const there: Planted[] = [];
  for (const each of all) {
    const made = await writer.query(`create table ${each.table} (id int primary key, v ${each.type})`).then(
      () => true,
      () => false,
    );
    if (!made) continue;
    there.push(each);
    for (const [n, value] of each.values.entries()) {
      const rows = `(${firstIds.copied + n}, ${sqlOf(value)}), (${firstIds.updated + n}, null)`;
      await writer.query(`insert into ${each.table} values ${rows}`);
    }
  }
  return there;
}

async function writeLater(writer: Connection, planted: readonly Planted[]): Promise<void> {
  for (const { table, values } of planted) {
    for (const [n, value] of values.entries()) {
      await writer.query(`insert into ${table} values (${firstIds.inserted + n}, ${sqlOf(value)})`);
      await writer.query(`update ${table} set v = ${sqlOf(value)} where id = ${firstIds.updated + n}`);
    }
  }
}

/** Of which plain forms say nothing: the sign of zero. */
function exactly(form: TypeCase['form'], text: string | null): string | null {
  return form === 'real' && text !== null && /^-0(\.0*)?$/.test(text) ? '-0' : meant(form, text);
}

/** Where the file has NULL take the place of a value, that is what green ought to show. */
async function onBlue(writer: Connection, { table, form, nulls }: Planted): Promise<ShownRows> {
  const sql = `select cast(id as char) as id, ${shown(form, 'mysql', 'v')} as v from ${table}`;
  const [rows] = await writer.query<RowDataPacket[]>({ sql, typeCast: (field) => field.string() });
  return new Map(
    rows.map(({ id, v }) => [Number(id), nulls.has(Number(id) % 100) ? null : exactly(form, v as string | null)]),
  );
}

/** As it is compared, and as PostgreSQL writes it. */
async function onGreen(
  place: Place,
  { table, form }: Planted,
): Promise<{ readonly green: ShownRows; readonly told: ShownRows }> {
  const rows = await place.onGreen(
    `set timezone = 'UTC'; set extra_float_digits = 3; select id, ${shown(form, 'postgres', 'v')} as v, v::text as told from shop.${table}`,
  );
  return {
    green: new Map(rows.map(({ id, v }) => [Number(id), exactly(form, v ?? null)])),
    told: new Map(rows.map(({ id, told }) => [Number(id), told ?? null])),
  };
}

async function targetTypes(place: Place): Promise<ReadonlyMap<string, string>> {
  const rows = await place.onGreen(
    `select c.relname as name, format_type(a.atttypid, a.atttypmod) as type from pg_attribute a join pg_class c on c.oid = a.attrelid
     where c.relnamespace = 'shop'::regnamespace and a.attname = 'v'`,
  );
  return new Map(rows.map(({ name, type }) => [name ?? '', type ?? '']));
}

const pairs = [
  ['mysql-8.0', 'mysql', 'MySQL 8.0 → PostgreSQL 18'],
  ['mariadb-11.4', 'mariadb', 'MariaDB 11.4 → PostgreSQL 18'],
] as const;

describe.skipIf(!connectIsTested).for(pairs)(
  'what Kafka Connect makes of every type of %s',
  ([series, flavour, title]) => {
    test.skipIf(!isTested(series))(
      'assess refuses each column that comes out as another one, and the certificate finds each that was accepted: as the page says',
      async () => {
        const { bootstrap } = await testCluster('blue');
        await using connect = await startConnect({ bootstrap, plugins: [`debezium-${flavour}`, 'debezium-jdbc'] });
        await using place = await Place.make(series, 18, ['create database shop character set utf8mb4']);
        await using writer = await openWriter(Number(new URL(place.urls.blueUrl).port));
        const planted = await plant(writer, plantedOf(flavour));
        const stops = stopping(flavour);
        const tableOf = (type: string): string =>
          must(
            planted.find((each) => each.type === type),
            'a type',
          ).table;
        const file = async (accept: readonly string[], exclude: readonly string[] = []): Promise<void> => {
          const lines = {
            carrier: 'connect',
            connect: {
              url: connect.urls,
              kafka: `kafka://${bootstrap}`,
              replicationFactor: 1,
              topicPrefix: namePrefix(),
              acceptUnfaithful: accept,
            },
            mapping: { values: { zeroDate: 'null', invalidEnum: 'null', nulByte: 'remove' } },
            ...(exclude.length === 0 ? {} : { tables: { exclude } }),
          };
          const rest = Object.entries(lines).map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`);
          await place.writeFile(rest.join(''), '[{ verify: full }]');
        };

        for (const [at, { type, value }] of stops.entries())
          await writer.query(`insert into ${tableOf(type)} values (${300 + at}, ${sqlOf(value)})`);
        await file([]);
        const refused = refusedTables(await place.findings());
        for (const [at, { type }] of stops.entries())
          await writer.query(`delete from ${tableOf(type)} where id = ${300 + at}`);

        const apart = planted.filter(({ type }) => unreadable.has(type));
        const moved = planted.filter((each) => !apart.includes(each));
        await file(
          ['*.*.*'],
          apart.map(({ table }) => `shop.${table}`),
        );
        await using migration = await place.open('up');
        expect(await migration.up()).toMatchObject({ outcome: 'no', live: 'blue' });
        const types = await targetTypes(place);
        await writeLater(writer, moved);
        // The sink writes table by table: the first sign may come a moment before what was read together with it, the second is behind it.
        for (let sign = 0; sign < 2; sign += 1)
          expect(await migration.carrier.caughtUp('forward', AbortSignal.timeout(120_000))).toMatchObject({
            now: { state: 'running' },
          });
        const { verified, file: certificateFile } = await migration.verify();
        expect(verified.equal).toBe(false);
        const certificate = openCertificate(await readFile(certificateFile.replace(/\.md$/, '.json'), 'utf8'));
        const seen = new Map<string, Seen>();
        for (const each of moved)
          seen.set(
            each.type,
            compareShown(each.values, { blue: await onBlue(writer, each), ...(await onGreen(place, each)) }),
          );
        const different = moved.flatMap(({ type, table }) => {
          const rows = seen.get(type)?.differentRows ?? 0;
          return rows === 0 ? [] : [[`${table}.v`, rows] as const];
        });
        expect(differencesOf(certificate)).toEqual(Object.fromEntries(different));

        await writer.query(`insert into ${tableOf('time')} values (0, '12:34:56')`);
        const failed = await waitFor({ what: 'a task to fail', timeoutMs: 90_000, everyMs: 200 }, async () => {
          const { now } = await migration.carrier.status('forward');
          return now.state === 'failed' ? now : undefined;
        });
        expect(failed).toMatchObject({ code: 'TEAL-CARRIERS-014', reason: expect.not.stringContaining('12:34') });
        expect(await migration.abort('seen')).toMatchObject({ outcome: 'done', live: 'blue' });
        const errors = await errorsOfMysqlStops(
          {
            flavour,
            write: async (sql) => writer.query(sql),
            session: place.root,
            ...place.urls,
            workers: connect.urls,
            brokers: bootstrap,
            prefix: namePrefix(),
          },
          stops,
        );
        compareWithConnectPage(
          title,
          planted.map(({ type, table }): ConnectTypeRow => {
            const { same = [], changed = [] } = seen.get(type) ?? {};
            return {
              type,
              ...(types.has(table) ? { targetType: types.get(table) ?? '' } : {}),
              assessed: refused.has(table) ? 'refused' : 'carried',
              same,
              changed,
              stops: stops.flatMap(({ type: of, value }, at) =>
                of === type ? [{ value, error: errors[at] ?? '' }] : [],
              ),
            };
          }),
        );
      },
    );
  },
);
