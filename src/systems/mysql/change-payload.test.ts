import fc from 'fast-check';
import { expect, test } from 'vitest';
import { asPosition } from '../../model/position.ts';
import type { TableMap } from '../../wire/mysql/binlog/table-map.ts';
import { BinlogDecoder } from './change-decoder.ts';
import {
  decodePayload,
  encodeBegin,
  encodeCommit,
  encodeMessage,
  encodeNames,
  encodeOrigin,
  encodeRow,
  encodeTable,
  encodeTruncate,
} from './change-payload.ts';

const number = fc.integer({ min: 0, max: 0xffff_ffff });
const position = fc.stringMatching(/^[0-9.|:,a-f-]{0,80}$/).map(asPosition);

test('what is encoded is decoded', () => {
  fc.assert(
    fc.property(number, position, fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }), (count, place, time) => {
      expect(decodePayload(encodeBegin(time, count, place))).toEqual({
        kind: 'begin',
        committedAtUs: time,
        number: count,
        commitsAt: place,
      });
      expect(decodePayload(encodeCommit(place))).toEqual({ kind: 'commit', end: place });
      expect(decodePayload(encodeTruncate(count))).toEqual({ kind: 'truncate', number: count });
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array(), number, fc.string(), (bytes, count, name) => {
      const row = Buffer.from(bytes);
      for (const isUnchecked of [true, false]) {
        for (const kind of ['update', 'delete'] as const) {
          expect(decodePayload(encodeRow(kind, count, row, isUnchecked))).toEqual({
            kind,
            number: count,
            row,
            isUnchecked,
          });
        }
        const inserted = { kind: 'insert', number: count, row, isUnchecked: false };
        expect(decodePayload(encodeRow('insert', count, row, isUnchecked))).toEqual(inserted);
      }
      expect(decodePayload(encodeOrigin(name.toWellFormed()))).toEqual({ kind: 'origin', name: name.toWellFormed() });
      const message = decodePayload(encodeMessage({ name }));
      expect(message.kind === 'message' && JSON.parse(message.content.toString())).toEqual({ name });
    }),
  );
});

const map: TableMap = {
  tableId: 7,
  schema: 's',
  table: 't',
  columns: [
    {
      type: 254,
      size: 1,
      scale: 0,
      nullable: true,
      name: 'e',
      unsigned: undefined,
      collation: 8,
      labels: [Buffer.from([0xff, 0x61])],
      geometryType: undefined,
      visible: true,
    },
  ],
  primaryKey: [0],
};

test('a table keeps its columns, the bytes of labels too', () => {
  const read = decodePayload(encodeTable(3, map));
  expect(read).toMatchObject({ kind: 'table', number: 3, table: { schema: 's', name: 't', primaryKey: [0] } });
  expect(read.kind === 'table' && read.table.columns[0]).toEqual(map.columns[0]);
  const told = decodePayload(encodeTable(3, map, { e: 'uuid' }));
  expect(told.kind === 'table' && told.table.ownTypes).toEqual({ e: 'uuid' });
  const names = { schema: 's', name: 't', columns: [{ name: 'a', key: true }] };
  expect(decodePayload(encodeNames(3, names))).toEqual({ kind: 'names', number: 3, table: names });
});

test('what was never encoded is refused, and a row of a table that was not described', () => {
  for (const hex of ['', '00', '42', '4900', '54000000017b', '4e00000001']) {
    expect(() => decodePayload(Buffer.from(hex, 'hex')), hex).toThrow('TEAL-WIRE-001');
  }
  const decoder = new BinlogDecoder();
  expect(() => decoder.decode(encodeTruncate(3))).toThrow('TEAL-WIRE-001');
  decoder.decode(encodeNames(3, { schema: 's', name: 't', columns: [{ name: 'a', key: false }] }));
  expect(decoder.decode(encodeTruncate(3))).toMatchObject({
    kind: 'truncate',
    relations: [{ id: 3, replicaIdentity: 'full', columns: [{ name: 'a', key: true, typeOid: 0, typeModifier: -1 }] }],
  });
  expect(() => decoder.decode(encodeRow('insert', 3, Buffer.alloc(1), false))).toThrow('TEAL-WIRE-001');
});
