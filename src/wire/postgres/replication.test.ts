import { describe, expect, test } from 'vitest';
import { isTealError } from '../../kernel/errors.ts';
import { decodeErrorFields, decodeReplicationMessage, encodeQuery, encodeStandbyStatus } from './replication.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

function codeOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return isTealError(error) ? error.code : String(error);
  }
}

const data = hex('77 0000000000000010 00000000000000ff 0000000000000000 42 43');
const keepalive = hex('6b 00000016b374d848 0000000000000000 01');

describe('replication messages', () => {
  test('reads data and keepalives', () => {
    expect(decodeReplicationMessage(data)).toEqual({ kind: 'data', payload: hex('42 43') });
    expect(decodeReplicationMessage(keepalive)).toEqual({
      kind: 'keepalive',
      walEnd: 0x16_b374_d848n,
      replyRequested: true,
    });
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['an unknown type', hex('78 00')],
    ['a cut header', data.subarray(0, 24)],
    ['a cut keepalive', keepalive.subarray(0, 17)],
    ['a keepalive with a byte more', Buffer.concat([keepalive, hex('00')])],
  ])('refuses %s', (_name, body) => {
    expect(codeOf(() => decodeReplicationMessage(body))).toBe('TEAL-WIRE-001');
  });

  test('writes a status as the manual has it', () => {
    const status = encodeStandbyStatus({
      written: 3n,
      flushed: 2n,
      applied: 1n,
      atUs: 946_684_800_000_005n,
      replyRequested: true,
    });
    expect(status).toEqual(
      hex('64 00000026 72 0000000000000003 0000000000000002 0000000000000001 0000000000000005 01'),
    );
  });

  test('writes a query', () => {
    expect(encodeQuery('é')).toEqual(hex('51 00000007 c3a9 00'));
  });

  test('reads the fields of an error, and refuses one that is cut', () => {
    const body = Buffer.from('SFATAL\0C57P01\0Mgone\0\0');
    expect([...decodeErrorFields(body)]).toEqual([
      ['S', 'FATAL'],
      ['C', '57P01'],
      ['M', 'gone'],
    ]);
    for (let length = 0; length < body.length; length += 1) {
      expect(codeOf(() => decodeErrorFields(body.subarray(0, length)))).toBe('TEAL-WIRE-001');
    }
  });
});
