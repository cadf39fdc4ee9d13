import fc from 'fast-check';
import { expect, test } from 'vitest';
import { asPosition } from '../../model/position.ts';
import {
  fileOfSequence,
  justBehind,
  placeOfPosition,
  positionOf,
  positionOfPlace,
  sequenceOfFile,
  type BinlogPlace,
} from './position.ts';

const uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const gtids = fc.option(
  fc.oneof(
    fc.constant(''),
    fc.nat().map((last) => `${uuid}:1-${last + 1}`),
    fc.nat().map((sequence) => `0-1-${sequence},4-2-7`),
    fc.constant(`${uuid}:a_tag:5`),
  ),
  { nil: undefined },
);
const places = fc.record({
  sequence: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  offset: fc.integer({ min: 4, max: 900_000_000_000 }),
  gtids,
});
const inOrder = (a: BinlogPlace, b: BinlogPlace): number => a.sequence - b.sequence || a.offset - b.offset;

test('a position says its place, and positions order as places do', () => {
  fc.assert(
    fc.property(places, places, (a, b) => {
      const [first, second] = [positionOfPlace(a), positionOfPlace(b)];
      expect(placeOfPosition(first)).toEqual(a);
      if (inOrder(a, b) < 0) expect(first < second).toBe(true);
      if (inOrder(a, b) > 0) expect(first > second).toBe(true);
    }),
  );
});

test('just behind a place is behind every position there, and before all that end later', () => {
  fc.assert(
    fc.property(places, fc.integer({ min: 2, max: 1_000 }), gtids, (place, bytes, later) => {
      const behind = justBehind(place);
      expect(behind > positionOfPlace(place)).toBe(true);
      expect(behind < positionOfPlace({ ...place, offset: place.offset + bytes, gtids: later })).toBe(true);
    }),
  );
});

test('what a server tells has one spelling', () => {
  const spread = { file: 'binlog.000012', offset: 157, gtids: `${uuid}:3-5,\n${uuid.toUpperCase()}:1-2` };
  expect(positionOf('mysql', spread)).toBe(`0000000012.000000000157|${uuid}:1-5`);
  const domains = { file: 'x.y.1000000', offset: 4, gtids: '7-1-3,0-1-20' };
  expect(positionOf('mariadb', domains)).toBe('0001000000.000000000004|0-1-20,7-1-3');
  expect(positionOf('mysql', { ...spread, gtids: undefined })).toBe('0000000012.000000000157');
  expect(positionOf('mysql', { ...spread, gtids: '' })).toBe('0000000012.000000000157|');
});

test('files are numbered', () => {
  expect(sequenceOfFile('binlog.000123')).toBe(123);
  expect(fileOfSequence('binlog', 123)).toBe('binlog.000123');
  expect(fileOfSequence('mysql-bin', 1_234_567)).toBe('mysql-bin.1234567');
  expect(() => sequenceOfFile('binlog')).toThrow('TEAL-MODEL-001');
});

test.each(['', '0000000012', '12.157', '0000000012.000000000157|A', '0000000012.000000000157|x y', '16/B374D848'])(
  '“%s” is no position',
  (text) => {
    expect(() => placeOfPosition(asPosition(text))).toThrow('TEAL-MODEL-001');
  },
);
