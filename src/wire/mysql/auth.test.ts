import { constants, generateKeyPairSync, privateDecrypt } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isTealError } from '../../kernel/errors.ts';
import {
  answerNonce,
  checkAnswer,
  encodeAuthMore,
  encodeAuthSwitch,
  encryptPassword,
  parseNativeVerifier,
  readAuthRequest,
  stageOne,
  stageTwo,
} from './auth.ts';

const nonce = Buffer.from('a nonce of 20 bytes.');

describe.each(['mysql_native_password', 'caching_sha2_password'] as const)('%s', (method) => {
  test('a right answer tells what is enough to answer another nonce, a wrong one nothing', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1 }),
        fc.uint8Array({ minLength: 20, maxLength: 20 }),
        (password, other) => {
          const first = stageOne(method, password);
          const second = stageTwo(method, first);
          const answer = answerNonce(method, first, nonce);
          expect(checkAnswer(method, second, nonce, answer)).toEqual(first);
          const wrong = Buffer.from(answer);
          wrong.writeUInt8(wrong.readUInt8(3) ^ 1, 3);
          expect(checkAnswer(method, second, nonce, wrong)).toBeUndefined();
          const isSame = Buffer.from(other).equals(nonce);
          expect(checkAnswer(method, second, Buffer.from(other), answer) !== undefined).toBe(isSame);
          expect(checkAnswer(method, second, nonce, Buffer.alloc(0))).toBeUndefined();
        },
      ),
    );
  });
});

test('the verifier of a native password is the one that servers keep', () => {
  const kept = parseNativeVerifier('*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19');
  expect(stageTwo('mysql_native_password', stageOne('mysql_native_password', 'password'))).toEqual(kept);
  expect(parseNativeVerifier('$A$005$x')).toBeUndefined();
});

test('only the holder of the key reads an encrypted password, and only with the nonce', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = publicKey.export({ type: 'spki', format: 'pem' });
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const hidden = privateDecrypt(
    { key: privateKey, padding },
    encryptPassword('a secret longer than the nonce', nonce, pem),
  );
  const clear = hidden.map((byte, at) => byte ^ (nonce[at % nonce.length] ?? 0));
  expect(Buffer.from(clear).toString()).toBe('a secret longer than the nonce\0');
  try {
    encryptPassword('a secret', nonce, 'no key');
    expect.unreachable();
  } catch (error) {
    expect(isTealError(error, 'TEAL-WIRE-001')).toBe(true);
    expect(String(error)).not.toContain('a secret');
  }
});

test('requests are read as they were written', () => {
  expect(readAuthRequest(encodeAuthSwitch('caching_sha2_password', nonce))).toEqual({
    kind: 'switch',
    plugin: 'caching_sha2_password',
    nonce,
  });
  expect(readAuthRequest(encodeAuthMore(Buffer.of(4)))).toEqual({ kind: 'more', data: Buffer.of(4) });
  expect(readAuthRequest(Buffer.of(0xfe))).toMatchObject({ plugin: 'mysql_old_password' });
  expect(readAuthRequest(Buffer.of(0, 0, 0))).toBeUndefined();
});
