import { expect, test } from 'vitest';
import { checkMd5Answer, md5Answer, md5Verifier, parseMd5Verifier } from './md5.ts';

// `create role user password 'pencil'` with password_encryption = md5, and its answer to the challenge 01 02 03 04, computed with md5sum.
const stored = 'md520c46e3762c864548e296b33c3406aa9';
const answered = 'md54376eb6913b38f9aaff38dc7cf19ca76';

test('a verifier is the hash of password and user', () => {
  const verifier = md5Verifier('user', 'pencil');
  expect(parseMd5Verifier(`md5${verifier.hex}`)).toEqual(verifier);
  expect(parseMd5Verifier('md5short')).toBeUndefined();
  expect(parseMd5Verifier(stored)).toEqual(verifier);
});

test('who knows the verifier can answer, and nobody else', () => {
  const challenge = Buffer.from([1, 2, 3, 4]);
  const answer = md5Answer(md5Verifier('user', 'pencil'), challenge);
  expect(answer).toBe(answered);
  expect(checkMd5Answer(md5Verifier('user', 'pencil'), challenge, answer)).toBe(true);
  expect(checkMd5Answer(md5Verifier('user', 'pencils'), challenge, answer)).toBe(false);
  expect(checkMd5Answer(md5Verifier('user', 'pencil'), Buffer.from([1, 2, 3, 5]), answer)).toBe(false);
  expect(checkMd5Answer(md5Verifier('user', 'pencil'), challenge, '')).toBe(false);
});
