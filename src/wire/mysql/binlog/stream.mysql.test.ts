import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allSeries } from '../../../../test/support/mysql.ts';
import { startMysql, type MysqlServer } from '../../../../tools/servers/mysql.ts';
import { binlogPlace, events, rawEvents } from '../test-support/binlog.ts';
import { TestClient } from '../test-support/client.ts';
import { containsGtidSet, parseGtidSet, printGtidSet, unionOfGtidSets, type GtidSet } from './gtid-set.ts';
import { parseMariadbPosition, printMariadbGtid } from './mariadb-position.ts';
import { readRows, type RawCell } from './rows.ts';
import { BinlogReader, type BinlogEvent } from './stream.ts';
import { readValue } from './values.ts';

const table = 'create table t (id int primary key, name varchar(2000), other int)';

describe.for(allSeries)('the binlog of $series', ({ series, tested }) => {
  let server: MysqlServer;
  beforeAll(async () => {
    if (tested) server = await startMysql({ series });
  });
  afterAll(async () => server?.[Symbol.asyncDispose]());

  /** Runs statements in a new schema, and reads what they left. */
  async function logOf(name: string, statements: readonly string[]): Promise<readonly BinlogEvent[]> {
    await using client = await TestClient.connect({ port: server.port });
    await client.query(`create database ${name}`);
    await client.query(`use ${name}`);
    await client.query(table);
    const place = await binlogPlace(client);
    for (const statement of statements) await client.query(statement);
    await using replica = await TestClient.connect({ port: server.port });
    return await events(replica, place);
  }

  test.skipIf(!tested)('tells a transaction: its GTID, tables, rows before and after, its commit', async () => {
    const log = await logOf('plain', [
      `insert into t values (1, 'one', 1), (2, null, 2)`,
      'begin',
      `update t set name = 'ONE', id = 10 where id = 1`,
      'delete from t where id = 2',
      'commit',
    ]);
    expect(log.slice(0, 2).map(({ kind }) => kind)).toEqual(['rotate', 'format']);
    expect(log[0]).toMatchObject({ isMadeUp: true });
    expect(rowsOf(log)).toEqual([
      'insert plain.t - > 1 one 1',
      'insert plain.t - > 2 null 2',
      'update plain.t 1 one 1 > 10 ONE 1',
      'delete plain.t 2 null 2 > -',
    ]);
    expect(log.filter(({ kind }) => kind === 'commit')).toHaveLength(2);
    expect(log.find((event) => event.kind === 'tableMap')).toMatchObject({ map: { primaryKey: [0] } });
    expect(log.filter(({ kind }) => kind === 'stop')).toEqual([]);
  });

  test.skipIf(!tested)('numbers transactions as the server does', async () => {
    await using client = await TestClient.connect({ port: server.port });
    const isMysql = server.flavour === 'mysql';
    const variable = isMysql ? '@@global.gtid_executed' : '@@global.gtid_binlog_pos';
    const position = async (): Promise<string> => String((await client.query(`select ${variable}`)).rows[0]?.[0]);
    const before = await position();
    const log = await logOf('numbered', [`insert into t values (1, 'x', 1)`, `insert into t values (2, 'y', 2)`]);
    const after = await position();
    if (isMysql) {
      let seen: GtidSet = parseGtidSet(before);
      for (const event of log) {
        if (event.kind === 'gtid') seen = unionOfGtidSets(seen, parseGtidSet(`${event.source}:${event.number}`));
      }
      // The schema and its table came between the look and the place.
      const whole = parseGtidSet(after);
      expect(containsGtidSet(whole, seen)).toBe(true);
      expect(printGtidSet(unionOfGtidSets(whole, seen))).toBe(after.replaceAll(/\s/g, ''));
    } else {
      const gtids = log.flatMap((event) => (event.kind === 'mariadbGtid' ? [event] : []));
      expect(gtids.map(({ isTransactional, isStandalone }) => [isTransactional, isStandalone])).toEqual([
        [true, false],
        [true, false],
      ]);
      expect(gtids.map(({ gtid }) => printMariadbGtid(gtid)).at(-1)).toBe(after);
      expect(parseMariadbPosition(after).size).toBe(1);
    }
  });

  test.skipIf(!tested)('tells what must not be passed over', async () => {
    const log = await logOf('stops', [
      `set session binlog_format = 'STATEMENT'`,
      'create table auto (id int auto_increment primary key, n int)',
      'insert into auto (n) values (1)',
      `set session binlog_format = 'ROW'`,
      `xa start 'x'`,
      `insert into t values (1, 'x', 1)`,
      `xa end 'x'`,
      `xa prepare 'x'`,
      `xa commit 'x'`,
    ]);
    const reasons = log.flatMap((event) => (event.kind === 'stop' ? [event.reason] : []));
    expect(reasons).toContain('statementFormat');
    expect(log.some((event) => event.kind === 'query' && event.sql.includes('insert into auto'))).toBe(true);
    const xa = log.some((event) => event.kind === 'mariadbGtid' && event.isXa) || reasons.includes('xa');
    expect(xa).toBe(true);
  });

  // MariaDB has no such setting.
  const onMysql = series.startsWith('mysql') ? test.skipIf(!tested) : undefined;
  onMysql?.('stops where parts of a JSON were logged', async () => {
    const log = await logOf('partial', [
      'create table j (id int primary key, doc json)',
      `insert into j values (1, json_object('a', repeat('long ', 100), 'b', 1))`,
      `set session binlog_row_value_options = 'PARTIAL_JSON'`,
      `set session binlog_row_image = 'MINIMAL'`,
      `update j set doc = json_set(doc, '$.b', 2)`,
    ]);
    expect(log.flatMap((event) => (event.kind === 'stop' ? [event.reason] : []))).toEqual(['partialRows']);
  });

  test.skipIf(!tested)('tells which columns an image has', async () => {
    const minimal = [`set session binlog_row_image = 'MINIMAL'`, `update t set other = 2`, 'delete from t'];
    const log = await logOf('minimal', [`insert into t values (1, 'x', 1)`, ...minimal]);
    expect(rowsOf(log)).toEqual([
      'insert minimal.t - > 1 x 1',
      'update minimal.t 1 undefined undefined > undefined undefined 2',
      'delete minimal.t 1 undefined undefined > -',
    ]);
  });

  test.skipIf(!tested)('tells whether the foreign keys of a session were on, statement by statement', async () => {
    const log = await logOf('unchecked', [
      `insert into t values (1, 'x', 1), (2, 'y', 2), (3, 'z', 3)`,
      'begin',
      'delete from t where id = 1',
      'set session foreign_key_checks = 0',
      'delete from t where id = 2',
      'update t set id = 4',
      'set session foreign_key_checks = 1',
      'delete from t',
      'commit',
    ]);
    const told = log.flatMap((event) => (event.kind === 'rows' ? [event.rows] : []));
    expect(told.map(({ operation, isUnchecked }) => [operation, isUnchecked])).toEqual([
      ['insert', false],
      ['delete', false],
      ['delete', true],
      ['update', true],
      ['delete', false],
    ]);
  });

  test.skipIf(!tested)('is the same compressed', async () => {
    await using client = await TestClient.connect({ port: server.port });
    await client.query('create database packed');
    await client.query('use packed');
    await client.query(table);
    const place = await binlogPlace(client);
    if (server.flavour === 'mysql') await client.query('set session binlog_transaction_compression = on');
    else await client.query('set global log_bin_compress = on');
    await client.query(`insert into t select 1, repeat('long ', 300), 7`);
    await client.query('update t set other = 8');
    await client.query('delete from t');
    if (server.flavour !== 'mysql') await client.query('set global log_bin_compress = off');
    await using replica = await TestClient.connect({ port: server.port });
    const types = new Set<number>();
    const reader = new BinlogReader({ checksum: 'crc32' });
    const log: BinlogEvent[] = [];
    for await (const bytes of rawEvents(replica, place)) {
      types.add(bytes[4] ?? 0);
      log.push(...reader.read(bytes));
    }
    const text = 'long '.repeat(300);
    expect(rowsOf(log)).toEqual([
      `insert packed.t - > 1 ${text} 7`,
      `update packed.t 1 ${text} 7 > 1 ${text} 8`,
      `delete packed.t 1 ${text} 8 > -`,
    ]);
    // TRANSACTION_PAYLOAD, or a compressed insert of either version.
    expect([40, 166, 169].some((type) => types.has(type))).toBe(true);
  });

  test.skipIf(!tested)('goes on in the next file, and a damaged event is refused', async () => {
    const log = await logOf('turned', [`insert into t values (1, 'x', 1)`, 'flush binary logs', 'delete from t']);
    const turns = log.flatMap((event) => (event.kind === 'rotate' ? [event.isMadeUp] : []));
    expect(turns).toContain(false);
    expect(log.filter(({ kind }) => kind === 'format').length).toBeGreaterThan(1);
    expect(rowsOf(log)).toEqual(['insert turned.t - > 1 x 1', 'delete turned.t 1 x 1 > -']);

    await using client = await TestClient.connect({ port: server.port });
    const { file } = await binlogPlace(client);
    const reader = new BinlogReader({ checksum: 'crc32' });
    const damage = async (): Promise<void> => {
      for await (const bytes of rawEvents(client, { file, position: 4 })) {
        const isRows = bytes[4] === 25 || bytes[4] === 32;
        // Not in the header, whose damage is seen earlier.
        if (isRows) bytes.writeUInt8(bytes.readUInt8(30) ^ 1, 30);
        void [...reader.read(bytes)];
      }
    };
    await expect(damage()).rejects.toThrow(/^TEAL-WIRE-003/);
  });
});

function rowsOf(log: readonly BinlogEvent[]): readonly string[] {
  return log.flatMap((event) => {
    if (event.kind !== 'rows') return [];
    const { rows, map } = event;
    const image = (cells: readonly RawCell[] | undefined): string => {
      if (cells === undefined) return '-';
      return cells
        .map((cell, at) => {
          const column = map.columns[at];
          if (cell === null || cell === undefined || column === undefined) return String(cell);
          const value = readValue(column, cell);
          return value.kind === 'number'
            ? value.text
            : value.kind === 'bytes'
              ? value.bytes.toString('utf8')
              : value.kind;
        })
        .join(' ');
    };
    const { operation } = rows;
    return [...readRows(rows, map)].map(
      ({ before, after }) => `${operation} ${map.schema}.${map.table} ${image(before)} > ${image(after)}`,
    );
  });
}
