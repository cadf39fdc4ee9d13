import { expect, test } from 'vitest';
import { capability } from '../../../../src/wire/mysql/flags.ts';
import { encodeLogin, encodeTlsRequest, type LoginRequest } from '../../../../src/wire/mysql/greeting.ts';
import { sorterOfServer } from './network.ts';
import type { Sorter } from './sorter.ts';

function login(program?: string): LoginRequest {
  const attributes = new Map(program === undefined ? [] : [['program_name', program]]);
  const base =
    capability.protocol41 | capability.secureConnection | capability.pluginAuth | capability.connectAttributes;
  const capabilities = { base: base >>> 0, mariadb: 0 };
  const own = { answer: Buffer.alloc(20, 7), database: undefined, plugin: 'mysql_native_password' };
  return { capabilities, maxPacketBytes: 1 << 24, collation: 45, user: 'app', attributes, ...own };
}

function packet(payload: Buffer, sequence = 1): Buffer {
  const header = Buffer.alloc(4);
  header.writeUIntLE(payload.length, 0, 3);
  header[3] = sequence;
  return Buffer.concat([header, payload]);
}

/** Byte by byte: what was passed on, and the link. */
function sorted(sorter: Sorter, bytes: Buffer): { readonly passed: Buffer; readonly link: string | undefined } {
  const passed: Buffer[] = [];
  for (const byte of bytes) {
    const { pass, link } = sorter.take(Buffer.from([byte]));
    passed.push(pass);
    if (link !== undefined) return { passed: Buffer.concat(passed), link };
  }
  return { passed: Buffer.concat(passed), link: undefined };
}

test.each([
  ['teal receive check_fwd', 'forward-flow-blue'],
  ['teal apply check_rev', 'reverse-flow-blue'],
  ['teal check', 'controller-blue'],
  ['teal proxy', 'proxy-blue'],
  ['shop', 'proxy-blue'],
  [undefined, 'proxy-blue'],
])('a session of MySQL that calls itself %s belongs to %s, and loses no byte', (program, pair) => {
  const bytes = packet(encodeLogin(login(program)));
  expect(sorted(sorterOfServer('blue', 'mysql')(), bytes)).toEqual({ passed: bytes, link: pair });
});

test('a session of MySQL that goes on encrypted says no more', () => {
  const request = {
    ...login('teal check'),
    capabilities: { base: capability.protocol41 | capability.tls, mariadb: 0 },
  };
  const bytes = packet(encodeTlsRequest(request));
  expect(sorted(sorterOfServer('green', 'mysql')(), bytes)).toEqual({ passed: bytes, link: 'proxy-green' });
});
