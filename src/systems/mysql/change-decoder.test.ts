import { expect, test } from 'vitest';
import { isTealError } from '../../kernel/errors.ts';
import { fieldType } from '../../wire/mysql/binary-values.ts';
import { mariadbCompressed, type BinlogColumn, type TableMap } from '../../wire/mysql/binlog/table-map.ts';
import { BinlogDecoder, type BinlogDecoderOptions } from './change-decoder.ts';
import { encodeNames, encodeRow, encodeTable, encodeTruncate } from './change-payload.ts';
import { tell } from './test-support/stream.ts';
import type { ValuePolicy } from './values/policy.ts';

const date = (name: string): BinlogColumn => ({
  type: fieldType.date,
  size: 0,
  scale: 0,
  nullable: true,
  name,
  unsigned: undefined,
  collation: undefined,
  labels: undefined,
  geometryType: undefined,
  visible: true,
});

function mapOf(primaryKey: readonly number[] | undefined): TableMap {
  return { tableId: 7, schema: 's', table: 't', columns: [date('a'), date('b'), date('c')], primaryKey };
}

/** 2024-02-29 is day 29, month 2 from bit 5, year from bit 9. */
const day = Buffer.from([(2 << 5) | 29, (2024 << 1) & 0xff, 2024 >> 7]);
const none = Buffer.from([0, 0, 0]);
const row = (...cells: readonly Buffer[]): Buffer => Buffer.concat([Buffer.from([0]), ...cells]);

function told(
  primaryKey: readonly number[] | undefined,
  image: Buffer,
  options: BinlogDecoderOptions,
): readonly string[] {
  const decoder = new BinlogDecoder(options);
  return [encodeTable(3, mapOf(primaryKey)), encodeRow('insert', 3, image, false)].flatMap((payload) => {
    const event = decoder.decode(payload);
    return event === undefined ? [] : [tell(event)];
  });
}

const lax: ValuePolicy = { zeroDate: 'null', invalidEnum: 'null', nulByte: 'remove', invalidText: 'stop' };

test('columns that are not carried are neither told nor read, whatever they hold', () => {
  const carries = (_: unknown, column: string): boolean => column !== 'b';
  expect(told([0], row(day, none, day), { carries })).toEqual(['relation s.t a*,c', 'insert t 2024-02-29|2024-02-29']);
  const decoder = new BinlogDecoder({ carries });
  const columns = ['a', 'b'].map((name) => ({ name, key: name === 'a' }));
  const named = decoder.decode(encodeNames(4, { schema: 's', name: 't', columns }));
  expect(named === undefined ? '' : tell(named)).toBe('relation s.t a*');
  expect(decoder.decode(encodeTruncate(4))?.kind).toBe('truncate');
});

test('a column that cannot be read stands in the way of nobody who does not carry it', () => {
  const packed: BinlogColumn = { ...date('b'), type: mariadbCompressed.blob, size: 1 };
  const table = encodeTable(3, { ...mapOf([0]), columns: [date('a'), packed, date('c')] });
  const decoder = new BinlogDecoder({ carries: (_, column) => column !== 'b' });
  expect(decoder.decode(table)?.kind).toBe('relation');
  const event = decoder.decode(encodeRow('insert', 3, row(day, Buffer.from([3, 1, 2, 3]), day), false));
  expect(event === undefined ? '' : tell(event)).toBe('insert t 2024-02-29|2024-02-29');
  expect(() => new BinlogDecoder().decode(table)).toThrow('TEAL-SYSTEMS-324');
});

test('a policy changes what a row is not known by, and nothing else', () => {
  expect(told([0], row(day, none, day), { policy: lax })[1]).toBe('insert t 2024-02-29|NULL|2024-02-29');
  for (const [key, image, column] of [
    [[0], row(none, day, day), 'a'],
    // Without a key it is known by all that it holds.
    [undefined, row(day, day, none), 'c'],
  ] as const) {
    let thrown: unknown;
    try {
      told(key, image, { policy: lax });
    } catch (error) {
      thrown = error;
    }
    expect(isTealError(thrown, 'TEAL-SYNC-130') && thrown.facts).toMatchObject({ column, kind: 'zeroDate' });
  }
});

test.each([
  {
    what: 'what did not change is not sent',
    map: mapOf([0]),
    after: row(day, none, none),
    told: '2024-02-29|(not sent)|0000-00-00',
  },
  {
    what: 'where the key changes all is',
    map: mapOf([0]),
    after: row(none, none, day),
    told: '0000-00-00|0000-00-00|2024-02-29',
  },
  {
    what: 'where there is no key all is',
    map: mapOf(undefined),
    after: row(day, none, none),
    told: '2024-02-29|0000-00-00|0000-00-00',
  },
  {
    what: "of Teal's own tables all is",
    map: { ...mapOf([0]), schema: 'teal' },
    after: row(day, none, none),
    told: '2024-02-29|0000-00-00|0000-00-00',
  },
])('of an update, $what', ({ map, after, told: wanted }) => {
  const decoder = new BinlogDecoder({ policy: { ...lax, zeroDate: 'keep' } });
  decoder.decode(encodeTable(3, map));
  const event = decoder.decode(encodeRow('update', 3, Buffer.concat([row(day, none, day), after]), false));
  expect(event?.kind === 'update' ? tell(event).replace(/^.* to /, '') : event?.kind).toBe(wanted);
});

test('a moment is sent also where it did not change: a target may set one by itself', () => {
  const moment = { ...date('b'), type: fieldType.timestamp2, size: 0 };
  const at = Buffer.from([0, 0, 0, 60]);
  const decoder = new BinlogDecoder();
  decoder.decode(encodeTable(3, { ...mapOf([0]), columns: [date('a'), moment, date('c')] }));
  const image = row(day, at, day);
  const event = decoder.decode(encodeRow('update', 3, Buffer.concat([image, image]), false));
  expect(event === undefined ? '' : tell(event)).toBe('update t to 2024-02-29|1970-01-01 00:01:00+00|(not sent)');
});
