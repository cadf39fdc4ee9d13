import { describe, expect, test } from 'vitest';
import { isTealError } from '../../kernel/errors.ts';
import {
  encodeError,
  encodeSaslRequest,
  readAuthentication,
  readCommandTag,
  readDataRow,
  readError,
  readKeyData,
  readParameterStatus,
  readRowDescription,
} from './backend.ts';
import { frame } from './body.ts';
import { FrameReader } from './frames.ts';
import {
  encodeBind,
  encodeDescribePortal,
  encodeParse,
  encodeSaslInitial,
  isWholeExecute,
  namedStatement,
  readParse,
  readPassword,
  readSaslInitial,
  unnamedBind,
} from './frontend.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

function codeOf(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return isTealError(error) ? error.code : String(error);
  }
}

describe('messages of a client', () => {
  test('Parse', () => {
    const bytes = frame('P', Buffer.from('s1\0select $1\0'), hex('0001 00000017'));
    expect(readParse(bytes)).toEqual({ name: 's1', query: 'select $1', parameterTypes: [23] });
    expect(encodeParse('s1', 'select 1').toString('hex')).toBe(
      hex('50 00000012 733100 73656c656374203100 0000').toString('hex'),
    );
  });

  test('Bind writes lengths, and null as -1', () => {
    const bytes = encodeBind('s', [Buffer.from('ab'), null]);
    expect(bytes.toString('hex')).toBe(
      hex('42 00000017 00 7300 0000 0002 00000002 6162 ffffffff 0000').toString('hex'),
    );
  });

  test.each([
    ['Bind', frame('B', Buffer.from('portal\0name\0\0\0')), 'name'],
    ['Bind of the unnamed statement', frame('B', Buffer.from('\0\0\0\0')), ''],
    ['Describe of a statement', frame('D', Buffer.from('Sname\0')), 'name'],
    ['Close of a statement', frame('C', Buffer.from('Sname\0')), 'name'],
    ['Describe of a portal', frame('D', Buffer.from('Pname\0')), undefined],
    ['Bind whose head is cut off', frame('B', Buffer.from('portal\0na')), undefined],
  ])('the statement that %s names', (_what, bytes, name) => {
    expect(namedStatement(bytes)).toBe(name);
  });

  test('names of statements in any encoding are told apart by their bytes', () => {
    const named = (byte: number): string | undefined =>
      namedStatement(frame('B', Buffer.from([0, byte, 0, 0, 0, 0, 0, 0, 0])));
    expect(new Set([0xe8, 0xe9, 0xff].map(named)).size).toBe(3);
  });

  test('a Bind of a named statement as one of the unnamed', () => {
    expect(unnamedBind(encodeBind('name', [Buffer.from('ab'), null]))).toEqual(
      encodeBind('', [Buffer.from('ab'), null]),
    );
    expect(unnamedBind(frame('B', Buffer.from('portal\0name\0\0\0')))).toBeUndefined();
    expect(codeOf(() => unnamedBind(frame('B', Buffer.from('\0name'))))).toBe('TEAL-WIRE-001');
  });

  test('Describe and Execute of the unnamed portal', () => {
    expect(encodeDescribePortal().toString('hex')).toBe(hex('44 00000006 50 00').toString('hex'));
    expect(isWholeExecute(frame('E', hex('00 00000000')))).toBe(true);
    expect(isWholeExecute(frame('E', hex('00 0000000a')))).toBe(false);
    expect(isWholeExecute(frame('E', hex('61 00 00000000')))).toBe(false);
  });

  test('SASL', () => {
    expect(readSaslInitial(encodeSaslInitial('SCRAM-SHA-256', 'n,,n=,r=x'))).toEqual({
      mechanism: 'SCRAM-SHA-256',
      message: 'n,,n=,r=x',
    });
  });

  test.each([
    ['Parse without an end', () => readParse(frame('P', Buffer.from('s1\0select')))],
    ['Parse with fewer types than it says', () => readParse(frame('P', Buffer.from('\0\0'), hex('0002 00000017')))],
    ['Parse with bytes left over', () => readParse(frame('P', Buffer.from('\0\0'), hex('0000 00')))],
    ['a password without an end', () => readPassword(frame('p', Buffer.from('secret')))],
    [
      'a SASL answer longer than its message',
      () => readSaslInitial(frame('p', Buffer.from('X\0'), hex('00000009 61'))),
    ],
    ['a text with a zero in it', () => encodeParse('a\0b', 'select 1')],
  ])('refuses %s', (_what, act) => {
    expect(codeOf(act)).toBe('TEAL-WIRE-001');
  });
});

describe('messages of a server', () => {
  test('Authentication', () => {
    expect(readAuthentication(frame('R', hex('00000000')))).toEqual({ kind: 'ok' });
    expect(readAuthentication(frame('R', hex('00000003')))).toEqual({ kind: 'cleartext' });
    expect(readAuthentication(frame('R', hex('00000005 01020304')))).toEqual({
      kind: 'md5',
      challenge: hex('01020304'),
    });
    expect(readAuthentication(frame('R', hex('00000007')))).toEqual({ kind: 'unsupported', method: 7 });
    expect(readAuthentication(encodeSaslRequest(['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256']))).toEqual({
      kind: 'sasl',
      mechanisms: ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'],
    });
  });

  test('keys, parameters, tags and rows', () => {
    expect(readKeyData(frame('K', hex('00001267 0a0b0c0d')))).toEqual({ pid: 4711, secret: hex('0a0b0c0d') });
    expect(readParameterStatus(frame('S', Buffer.from('TimeZone\0UTC\0')))).toEqual(['TimeZone', 'UTC']);
    expect(readCommandTag(frame('C', Buffer.from('INSERT 0 1\0')))).toBe('INSERT 0 1');
    expect(readDataRow(frame('D', hex('0003 00000001 61 ffffffff 00000000')))).toEqual([
      Buffer.from('a'),
      null,
      Buffer.alloc(0),
    ]);
  });

  test('columns', () => {
    const column = hex('00004000 0001 00000017 0004 ffffffff 0001');
    expect(readRowDescription(frame('T', hex('0001'), Buffer.from('größe\0'), column))).toEqual([
      { name: 'größe', type: 23, binary: true },
    ]);
    expect(codeOf(() => readRowDescription(frame('T', hex('0002'), Buffer.from('a\0'), column)))).toBe('TEAL-WIRE-001');
  });

  test('an error is read as it was written', () => {
    const bytes = encodeError({ severity: 'FATAL', code: '57P01', message: 'gone', hint: 'come again' });
    expect(readError(bytes)).toEqual({ severity: 'FATAL', code: '57P01', message: 'gone' });
    // In a server's language, V says what S means.
    expect(readError(frame('E', Buffer.from('SFEHLER\0VERROR\0C25006\0Mnein\0\0')))).toMatchObject({
      severity: 'ERROR',
    });
  });

  test.each([
    ['an error without an end', () => readError(frame('E', Buffer.from('SERROR\0')))],
    ['a row shorter than it says', () => readDataRow(frame('D', hex('0001 00000005 61')))],
    ['a key without a process', () => readKeyData(frame('K', hex('0001')))],
    ['an MD5 request without a challenge', () => readAuthentication(frame('R', hex('00000005 01')))],
    ['mechanisms without an end', () => readAuthentication(frame('R', hex('0000000a'), Buffer.from('X\0')))],
    ['a parameter with bytes left over', () => readParameterStatus(frame('S', Buffer.from('a\0b\0c')))],
  ])('refuses %s', (_what, act) => {
    expect(codeOf(act)).toBe('TEAL-WIRE-001');
  });

  test('what is written here is framed as the reader expects, split anywhere', () => {
    const stream = Buffer.concat([encodeParse('a', 'select 1'), encodeBind('a', [null]), encodeSaslRequest(['X'])]);
    for (let at = 0; at <= stream.length; at += 1) {
      const reader = new FrameReader();
      const types = [stream.subarray(0, at), stream.subarray(at)].flatMap((chunk) =>
        [...reader.push(chunk)].map((f) => f.type),
      );
      expect(String.fromCharCode(...types), `split at ${at}`).toBe('PBR');
    }
  });
});
