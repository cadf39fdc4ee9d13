import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { isTealError } from '../../../kernel/errors.ts';
import { readJson } from './json.ts';
import { hasWholeImages, placeWholeRow, readRows, sliceWholeRows, type RawCell } from './rows.ts';
import { BinlogReader, type BinlogEvent } from './stream.ts';
import type { TableMap } from './table-map.ts';
import { readValue } from './values.ts';

/** Recorded from real servers by test/fuzz/capture-mysql.ts, where the statements are. */
const folder = join(import.meta.dirname, '../../../../test/fuzz/corpus/mysql-binlog');
const files = readdirSync(folder).map((name) => ({ name, bytes: readFileSync(join(folder, name)) }));

function eventsIn(bytes: Buffer): readonly Buffer[] {
  const events: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += bytes.readUInt32LE(at + 9)) {
    events.push(bytes.subarray(at, at + bytes.readUInt32LE(at + 9)));
  }
  return events;
}

function readAll(bytes: Buffer): readonly BinlogEvent[] {
  const reader = new BinlogReader({ checksum: 'crc32' });
  return eventsIn(bytes).flatMap((event) => [...reader.read(event)]);
}

function codeOf(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return isTealError(error) ? error.code : String(error);
  }
}

function tell(map: TableMap, cells: readonly RawCell[] | undefined): readonly unknown[] | undefined {
  return cells?.map((cell, at) => {
    const column = map.columns[at];
    if (cell === null || cell === undefined || column === undefined) return cell;
    const value = readValue(column, cell);
    switch (value.kind) {
      case 'bytes':
        return `${value.bytes.toString('hex')} in ${value.collation === 63 ? 'bytes' : 'text'}`;
      case 'enum':
        return `${value.index} ${value.label.toString('utf8')}`;
      case 'set':
        return `${value.mask} ${value.labels.join()}`;
      case 'float':
      case 'bit':
        return value.value;
      case 'geometry':
        return `${value.srid} ${value.wkb.toString('hex')}`;
      case 'json':
        return readJson(value.bytes);
      case 'vector':
        return value.bytes;
      default:
        return value.text;
    }
  });
}

describe.each(files)('the recorded $name', ({ name, bytes }) => {
  const log = readAll(bytes);
  const rows = log.flatMap((event) =>
    event.kind === 'rows'
      ? [...readRows(event.rows, event.map)].map(({ before, after }) => ({
          what: `${event.rows.operation} ${event.map.table}`,
          before: tell(event.map, before),
          after: tell(event.map, after),
        }))
      : [],
  );

  test('has every row in the order of the statements', () => {
    expect(rows.map(({ what }) => what)).toEqual([
      'insert kinds',
      'insert kinds',
      'update kinds',
      'delete kinds',
      'insert doomed',
      'insert kinds',
    ]);
  });

  test('has every kind of value as it was written', () => {
    const json = name.includes('mariadb') ? `${Buffer.from('{"a": [1, 2.5, "ü", null]}').toString('hex')} in text` : '';
    expect(rows[0]?.after).toEqual([
      '1',
      '2024',
      '-128',
      '18446744073709551615',
      '-12345.67890',
      1.5,
      0.1,
      '0000-00-00',
      '-838:59:58.999',
      '9999-12-31 23:59:59.999999',
      '2024-06-01 12:00:00.25',
      '6162 in text',
      'fc in text',
      '41000000 in bytes',
      '00ff in bytes',
      '2 ü',
      '3 x,y',
      4097n,
      '0 0101000000000000000000f03f00000000000000c0',
      json === '' ? '{"a": [1, 2.5, "ü", null]}' : json,
    ]);
    expect(rows[1]?.after?.slice(1)).toEqual(Array.from({ length: 19 }, () => null));
    expect([rows[2]?.before?.[0], rows[2]?.after?.[0], rows[2]?.after?.[15]]).toEqual(['2', '3', '1 a']);
    expect([rows[3]?.before?.[0], rows[3]?.after]).toEqual(['3', undefined]);
    expect(rows[5]?.after?.[14]).toBe(`${Buffer.from('long '.repeat(200)).toString('hex')} in bytes`);
  });

  test('has whole rows that are the same taken one by one', () => {
    for (const event of log) {
      if (event.kind !== 'rows') continue;
      expect(hasWholeImages(event.rows)).toBe(true);
      const { operation } = event.rows;
      const slices = [...sliceWholeRows(event.rows, event.map)];
      const { columns } = event.map;
      const [before, after] = [new Int32Array(2 * columns.length), new Int32Array(2 * columns.length)];
      const cells = (bytes: Buffer, places: Int32Array): readonly RawCell[] =>
        columns.map((_, at) => {
          const [from = 0, to] = places.subarray(2 * at, 2 * at + 2);
          return from < 0 ? null : bytes.subarray(from, to);
        });
      const rows = slices.map((slice) => {
        placeWholeRow(operation, columns, slice, before, after);
        return {
          before: operation === 'insert' ? undefined : cells(slice, before),
          after: operation === 'delete' ? undefined : cells(slice, after),
        };
      });
      expect(rows).toEqual([...readRows(event.rows, event.map)]);
      const [first = Buffer.alloc(0)] = slices;
      for (const other of [Buffer.concat([first, Buffer.of(0)]), first.subarray(0, -1)]) {
        expect(codeOf(() => placeWholeRow(operation, columns, other, before, after))).toBe('TEAL-WIRE-001');
      }
    }
  });

  test('has the microsecond of a commit, where the server tells it', () => {
    for (const event of log) {
      if (event.kind !== 'gtid') continue;
      expect(Number((event.committedAtUs ?? 0n) / 1_000_000n) - event.header.timestamp).toBeLessThanOrEqual(1);
      expect(event.committedAtUs ?? 0n).toBeGreaterThanOrEqual(BigInt(event.header.timestamp) * 1_000_000n);
    }
    expect(log.some(({ kind }) => kind === 'gtid')).toBe(name.includes('mysql'));
  });

  test('has a statement that was logged as one, and XA', () => {
    expect(log.filter((event) => event.kind === 'stop').map(({ reason }) => reason)).toEqual(['statementFormat', 'xa']);
    expect(log.some((event) => event.kind === 'query' && event.sql.includes('insert into doomed (n) values (1)'))).toBe(
      true,
    );
  });

  test('is refused with any bit of any event changed, and cut anywhere', () => {
    for (const [index, event] of eventsIn(bytes).entries()) {
      for (let at = 0; at < event.length; at += 7) {
        const reader = new BinlogReader({ checksum: 'crc32' });
        const damaged = Buffer.from(event);
        damaged.writeUInt8(damaged.readUInt8(at) ^ 0x10, at);
        const code = codeOf(() => [...reader.read(damaged)]);
        expect(code, `event ${index}, byte ${at}`).toMatch(/^TEAL-WIRE-00[13]$/);
        expect(codeOf(() => [...reader.read(event.subarray(0, at))])).toMatch(/^TEAL-WIRE-00[13]$/);
      }
    }
  });
});

test('rows of no table end a statement, and rows of one that was not described are refused', () => {
  const [, format] = eventsIn(files[0]?.bytes ?? Buffer.alloc(0));
  const rowsOf = (tableId: number, flags: number): BinlogEvent | undefined => {
    const event = Buffer.alloc(19 + 6 + 2 + 1 + 0 + 4);
    event.writeUInt8(23, 4);
    event.writeUInt32LE(event.length, 9);
    event.writeUIntLE(tableId, 19, 6);
    event.writeUInt16LE(flags, 25);
    event.writeUInt32LE(crc32(event.subarray(0, -4)), event.length - 4);
    const reader = new BinlogReader({ checksum: 'crc32' });
    void [...reader.read(format ?? Buffer.alloc(0))];
    return [...reader.read(event)][0];
  };
  expect(rowsOf(0xffffff, 1)).toMatchObject({ kind: 'passedOver' });
  expect(codeOf(() => rowsOf(0xffffff, 0))).toBe('TEAL-WIRE-001');
  expect(codeOf(() => rowsOf(7, 1))).toBe('TEAL-WIRE-001');
});

test('what is compressed is refused above the limit', () => {
  for (const { name, bytes } of files) {
    const reader = new BinlogReader({ checksum: 'crc32', limitBytes: 100 });
    expect(
      codeOf(() => eventsIn(bytes).flatMap((event) => [...reader.read(event)])),
      name,
    ).toBe('TEAL-WIRE-002');
  }
});

describe('JSON', () => {
  test('whose parts overlap is refused, not unrolled', () => {
    // A small array whose two entries point to the array itself, so to speak: each level is the same bytes.
    const level = Buffer.from([2, 0, 10, 0, 2, 0, 0, 2, 0, 0]);
    expect(codeOf(() => readJson(Buffer.concat([Buffer.of(2), level])))).toBe('TEAL-WIRE-001');
  });

  test.each([
    ['0400', 'null'],
    ['0401', 'true'],
    ['05ffff', '-1'],
    ['0affffffffffffffff', '18446744073709551615'],
    ['09ffffffffffffff7f', '9223372036854775807'],
    ['0b000000000000f03f', '1.0'],
    ['0c0361220a', '"a\\"\\n"'],
    ['00000004 00'.replace(' ', ''), '{}'],
    ['0200000400', '[]'],
    ['', 'null'],
  ])('%s is %s', (hex, text) => {
    expect(readJson(Buffer.from(hex, 'hex'))).toBe(text);
  });
});
