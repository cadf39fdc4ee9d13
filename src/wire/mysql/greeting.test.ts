import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isTealError } from '../../kernel/errors.ts';
import { capability } from './flags.ts';
import {
  encodeGreeting,
  encodeLogin,
  encodeTlsRequest,
  flavourOf,
  readFirstWord,
  readGreeting,
  type LoginRequest,
} from './greeting.ts';
import { PacketReader } from './packets.ts';

/** Recorded from real servers by test/fuzz/capture-mysql.ts. */
const corpus = join(import.meta.dirname, '../../../test/fuzz/corpus');

function firstPacket(folder: string, name: string): Buffer {
  const [packet] = new PacketReader().push(readFileSync(join(corpus, folder, name)));
  if (packet === undefined) throw new Error(`${name} has no packet`);
  return packet.payload;
}

function isRefused(act: () => unknown): boolean {
  try {
    act();
    return false;
  } catch (error) {
    if (!isTealError(error, 'TEAL-WIRE-001')) throw error;
    return true;
  }
}

describe.each([
  ['mariadb-10.11', 'mariadb', '5.5.5-10.11.', 'mysql_native_password'],
  ['mariadb-11.4', 'mariadb', '11.4.', 'mysql_native_password'],
  ['mysql-8.0', 'mysql', '8.0.', 'caching_sha2_password'],
] as const)('the recorded login at %s', (series, flavour, version, plugin) => {
  const payload = firstPacket('mysql-server', `plain-${series}.bin`);

  test('greets, and would be written the same', () => {
    const greeting = readGreeting(payload);
    expect(greeting).toMatchObject({ plugin });
    expect(greeting.version.startsWith(version)).toBe(true);
    expect(flavourOf(greeting)).toBe(flavour);
    expect(greeting.nonce).toHaveLength(20);
    expect(encodeGreeting(greeting)).toEqual(payload);
    expect(greeting.capabilities.mariadb !== 0).toBe(flavour === 'mariadb');
  });

  test('is refused when it is cut', () => {
    for (let end = 0; end < payload.length; end += 1) {
      expect(
        isRefused(() => readGreeting(payload.subarray(0, end))),
        `cut at ${end}`,
      ).toBe(true);
    }
  });

  test('is answered', () => {
    const word = readFirstWord(firstPacket('mysql-client', `plain-${series}.bin`));
    expect(word).toMatchObject({ kind: 'login', request: { user: 'teal' } });
  });
});

test('a login is read as it was written, whatever it has', () => {
  const text = fc.string({ unit: 'grapheme' }).filter((word) => !word.includes('\0'));
  const parts = fc.record({
    user: text,
    answer: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    database: fc.option(text, { nil: undefined }),
    plugin: fc.option(text, { nil: undefined }),
    attributes: fc.option(fc.dictionary(text, text), { nil: undefined }),
    isLong: fc.boolean(),
  });
  fc.assert(
    fc.property(parts, ({ user, answer, database, plugin, attributes, isLong }) => {
      const base =
        capability.protocol41 |
        capability.secureConnection |
        (isLong ? capability.pluginAuthLengthEncoded : 0) |
        (database === undefined ? 0 : capability.connectWithDatabase) |
        (plugin === undefined ? 0 : capability.pluginAuth) |
        (attributes === undefined ? 0 : capability.connectAttributes);
      const request: LoginRequest = {
        capabilities: { base, mariadb: 5 },
        maxPacketBytes: 1 << 24,
        collation: 45,
        user,
        answer,
        database,
        plugin,
        attributes: new Map(Object.entries(attributes ?? {})),
      };
      expect(readFirstWord(encodeLogin(request))).toEqual({ kind: 'login', request });
      expect(readFirstWord(encodeTlsRequest(request))).toEqual({ kind: 'tls' });
    }),
  );
});

test('a client of before version 4.1 is refused', () => {
  expect(isRefused(() => readFirstWord(Buffer.alloc(40)))).toBe(true);
});
