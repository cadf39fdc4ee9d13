import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isTealError } from '../../kernel/errors.ts';
import { PackedValues } from '../../kernel/packed-values.ts';
import { decodePgoutput } from './pgoutput.ts';

/** Writes the formats of the manual from their description alone, byte by byte; shares nothing with the decoder. */
const u8 = (value: number) => Buffer.from([value]);
const u16 = (value: number) => Buffer.from([(value >> 8) & 0xff, value & 0xff]);
const u32 = (value: number) => Buffer.concat([u16(value >>> 16), u16(value & 0xffff)]);
const u64 = (value: bigint) => Buffer.concat([u32(Number(value >> 32n)), u32(Number(value & 0xffffffffn))]);
const text = (value: string) => Buffer.from(`${value}\0`, 'utf8');
const ascii = (value: string) => Buffer.from(value, 'latin1');
const sized = (value: string) => Buffer.concat([u32(Buffer.byteLength(value)), Buffer.from(value)]);
const join = (...parts: Buffer[]) => Buffer.concat(parts);

const cellText = (value: string) => join(ascii('t'), sized(value));
const cellBinary = (value: string) => join(ascii('b'), sized(value));
const cellNull = ascii('n');
const cellUnchanged = ascii('u');
const tuple = (...cells: Buffer[]) => join(u16(cells.length), ...cells);

/** With rows as lists of their values. */
function plain(value: unknown): unknown {
  if (value instanceof PackedValues) return value.toArray();
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value) || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]));
}

const golden: readonly (readonly [string, Buffer, unknown])[] = [
  [
    'begin',
    join(ascii('B'), u64(0x16_b374_d848n), u64(0n), u32(4_000_000_000)),
    { kind: 'begin', final: 0x16_b374_d848n, committedAtUs: 946_684_800_000_000n, xid: 4_000_000_000 },
  ],
  [
    'commit before 2000',
    join(ascii('C'), u8(0), u64(1n), u64(0xffff_ffff_ffff_fff0n), u64(0xffff_ffff_ffff_ffffn)),
    { kind: 'commit', end: 0xffff_ffff_ffff_fff0n, committedAtUs: 946_684_799_999_999n },
  ],
  ['origin', join(ascii('O'), u64(7n), text('teal_shop_fwd')), { kind: 'origin', name: 'teal_shop_fwd' }],
  [
    'relation',
    join(
      ascii('R'),
      u32(16_385),
      text('público'),
      text('t'),
      ascii('d'),
      u16(2),
      u8(1),
      text('id'),
      u32(20),
      u32(0xffff_ffff),
      u8(0),
      text('preis €'),
      u32(1700),
      u32(655_366),
    ),
    {
      kind: 'relation',
      id: 16_385,
      schema: 'público',
      name: 't',
      replicaIdentity: 'default',
      columns: [
        { key: true, name: 'id', typeOid: 20, typeModifier: -1 },
        { key: false, name: 'preis €', typeOid: 1700, typeModifier: 655_366 },
      ],
    },
  ],
  [
    'relation of the catalog without columns',
    join(ascii('R'), u32(1), text(''), text('x'), ascii('f'), u16(0)),
    { kind: 'relation', id: 1, schema: 'pg_catalog', name: 'x', replicaIdentity: 'full', columns: [] },
  ],
  [
    'type',
    join(ascii('Y'), u32(16_400), text('public'), text('mood')),
    { kind: 'type', id: 16_400, schema: 'public', name: 'mood' },
  ],
  [
    'insert',
    join(ascii('I'), u32(9), ascii('N'), tuple(cellText('1'), cellNull, cellText(''))),
    { kind: 'insert', relationId: 9, row: [Buffer.from('1'), null, Buffer.from('')] },
  ],
  [
    'insert of binary values',
    join(ascii('I'), u32(9), ascii('N'), tuple(cellBinary('\u0001'), cellNull, cellBinary(''), cellUnchanged)),
    { kind: 'insert', relationId: 9, row: [Buffer.from([1]), null, Buffer.from(''), undefined] },
  ],
  [
    'update without the old row',
    join(ascii('U'), u32(9), ascii('N'), tuple(cellText('1'), cellUnchanged)),
    { kind: 'update', relationId: 9, row: [Buffer.from('1'), undefined] },
  ],
  [
    'update with the old key',
    join(ascii('U'), u32(9), ascii('K'), tuple(cellText('1'), cellNull), ascii('N'), tuple(cellText('2'), cellNull)),
    {
      kind: 'update',
      relationId: 9,
      old: { kind: 'key', values: [Buffer.from('1'), null] },
      row: [Buffer.from('2'), null],
    },
  ],
  [
    'update with the whole old row',
    join(ascii('U'), u32(9), ascii('O'), tuple(cellText('a')), ascii('N'), tuple(cellUnchanged)),
    { kind: 'update', relationId: 9, old: { kind: 'full', values: [Buffer.from('a')] }, row: [undefined] },
  ],
  [
    'delete by key',
    join(ascii('D'), u32(9), ascii('K'), tuple(cellText('1'))),
    { kind: 'delete', relationId: 9, old: { kind: 'key', values: [Buffer.from('1')] } },
  ],
  [
    'delete with the whole old row',
    join(ascii('D'), u32(9), ascii('O'), tuple(cellText('1'))),
    { kind: 'delete', relationId: 9, old: { kind: 'full', values: [Buffer.from('1')] } },
  ],
  [
    'truncate',
    join(ascii('T'), u32(2), u8(3), u32(9), u32(10)),
    { kind: 'truncate', relationIds: [9, 10], cascade: true, restartIdentity: true },
  ],
  [
    'message',
    join(ascii('M'), u8(1), u64(5n), text('teal.ddl'), sized('{"a":1}')),
    { kind: 'message', transactional: true, position: 5n, prefix: 'teal.ddl', content: Buffer.from('{"a":1}') },
  ],
  [
    'empty message outside a transaction',
    join(ascii('M'), u8(0), u64(5n), text(''), sized('')),
    { kind: 'message', transactional: false, position: 5n, prefix: '', content: Buffer.alloc(0) },
  ],
];

function isMalformed(payload: Buffer): boolean {
  try {
    decodePgoutput(payload);
    return false;
  } catch (error) {
    if (isTealError(error, 'TEAL-WIRE-001')) return true;
    throw error;
  }
}

describe('pgoutput', () => {
  test.each(golden)('decodes %s', (_name, payload, message) => {
    expect(plain(decodePgoutput(payload))).toEqual(message);
  });

  test.each(golden)('refuses %s cut at any place, or with a byte more', (_name, payload) => {
    for (let length = 0; length < payload.length; length += 1) {
      expect(isMalformed(payload.subarray(0, length)), `cut at ${length}`).toBe(true);
    }
    expect(isMalformed(join(payload, u8(0)))).toBe(true);
  });

  test.each([
    ['an unknown type', ascii('Z')],
    [
      'a row of texts and of binary values',
      join(ascii('I'), u32(9), ascii('N'), tuple(cellText('1'), cellBinary('1'))),
    ],
    ['a message of a streamed transaction', join(ascii('S'), u32(1), u8(1))],
    ['a commit with flags', join(ascii('C'), u8(1), u64(1n), u64(2n), u64(0n))],
    ['an unknown replica identity', join(ascii('R'), u32(1), text('s'), text('t'), ascii('x'), u16(0))],
    ['an insert of an old row', join(ascii('I'), u32(9), ascii('K'), tuple(cellText('1')))],
    ['an update without a new row', join(ascii('U'), u32(9), ascii('K'), tuple(cellText('1')), ascii('K'), tuple())],
    ['a delete of a new row', join(ascii('D'), u32(9), ascii('N'), tuple(cellText('1')))],
    ['an unknown kind of value', join(ascii('I'), u32(9), ascii('N'), tuple(ascii('x')))],
    ['a value of negative length', join(ascii('I'), u32(9), ascii('N'), u16(1), ascii('t'), u32(0xffff_ffff))],
    ['a value longer than the message', join(ascii('I'), u32(9), ascii('N'), u16(1), ascii('t'), u32(0x7fff_ffff))],
    ['more tables than there are bytes', join(ascii('T'), u32(0xffff_ffff), u8(0), u32(1))],
    ['a message of negative length', join(ascii('M'), u8(1), u64(5n), text('p'), u32(0x8000_0000))],
  ])('refuses %s', (_name, payload) => {
    expect(isMalformed(payload)).toBe(true);
  });

  test('answers any bytes with a message or with a typed error', () => {
    const first = fc.constantFrom('B', 'C', 'O', 'R', 'Y', 'I', 'U', 'D', 'T', 'M').map((type) => ascii(type));
    const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
    fc.assert(
      fc.property(fc.tuple(first, bytes), ([type, rest]) => {
        isMalformed(join(type, rest));
      }),
      { numRuns: 2_000 },
    );
  });

  test('survives one changed byte in a good message', () => {
    fc.assert(
      fc.property(fc.constantFrom(...golden), fc.nat(), fc.integer({ min: 0, max: 255 }), ([, payload], at, value) => {
        const changed = Buffer.from(payload);
        changed[at % changed.length] = value;
        isMalformed(changed);
      }),
      { numRuns: 2_000 },
    );
  });
});
