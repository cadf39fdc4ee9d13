import { describe, expect, test } from 'vitest';
import { isTealError } from '../../kernel/errors.ts';
import { encodeCancel, encodeStartup, encodeTlsRequest, parseStartup, startupLength } from './startup.ts';

function packet(code: number, body: Buffer, length = 8 + body.length): Buffer {
  const head = Buffer.alloc(8);
  head.writeInt32BE(length, 0);
  head.writeInt32BE(code, 4);
  return Buffer.concat([head, body]);
}

function codeOf(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return isTealError(error) ? error.code : String(error);
  }
}

const version30 = 196_608;

describe('the first packet of a client', () => {
  test('a start-up packet as libpq writes it', () => {
    const bytes = packet(version30, Buffer.from('user\0anna\0database\0shop\0\0'));
    expect(parseStartup(bytes)).toEqual({
      kind: 'startup',
      major: 3,
      minor: 0,
      parameters: new Map([
        ['user', 'anna'],
        ['database', 'shop'],
      ]),
    });
    expect(
      encodeStartup([
        ['user', 'anna'],
        ['database', 'shop'],
      ]),
    ).toEqual(bytes);
  });

  test('a newer minor version', () => {
    expect(parseStartup(packet(version30 + 2, Buffer.from('user\0anna\0\0')))).toMatchObject({ major: 3, minor: 2 });
  });

  test('requests for encryption, and a cancel', () => {
    expect(parseStartup(encodeTlsRequest())).toEqual({ kind: 'tls' });
    expect(encodeTlsRequest().toString('hex')).toBe('0000000804d2162f');
    expect(parseStartup(packet(80_877_104, Buffer.alloc(0)))).toEqual({ kind: 'gss' });
    const secret = Buffer.from([9, 8, 7, 6]);
    expect(parseStartup(encodeCancel(4711, secret))).toEqual({ kind: 'cancel', pid: 4711, secret });
  });

  test.each([
    ['a parameter without a value', packet(version30, Buffer.from('user\0'))],
    ['no end', packet(version30, Buffer.from('user\0anna\0'))],
    ['bytes after the end', packet(version30, Buffer.from('user\0anna\0\0x'))],
    ['a text that is not terminated', packet(version30, Buffer.from('user'))],
    ['a length that is not its own', packet(version30, Buffer.from('\0'), 12)],
    ['a cancel without a key', packet(80_877_102, Buffer.alloc(2))],
    ['a long request for TLS', packet(80_877_103, Buffer.alloc(4))],
  ])('refuses %s', (_what, bytes) => {
    expect(codeOf(() => parseStartup(bytes))).toBe('TEAL-WIRE-001');
  });

  test.each([-1, 0, 7, 10_001, 0x16_03_01_02])('refuses the length %i before anything is kept', (length) => {
    expect(codeOf(() => startupLength(packet(version30, Buffer.alloc(0), length)))).toBe('TEAL-WIRE-001');
  });
});
