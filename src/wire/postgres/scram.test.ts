import { describe, expect, test } from 'vitest';
import { isTealError } from '../../kernel/errors.ts';
import {
  answerClientFirst,
  checkClientFinal,
  clientFinal,
  clientFirst,
  deriveKeys,
  parseScramVerifier,
  readServerFirst,
  verifierOf,
} from './scram.ts';

/** The example exchange of RFC 7677, section 3: user `user`, password `pencil`. */
const rfc = {
  clientNonce: 'rOprNGfwEbeRWgbNEkqO',
  serverNonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
  clientFirst: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
  serverFirst: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  clientFinal:
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
};
const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
const keys = deriveKeys('pencil', salt, 4096);
const verifier = verifierOf(keys, salt, 4096);

function codeOf(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return isTealError(error) ? error.code : String(error);
  }
}

describe('SCRAM-SHA-256', () => {
  test('the client of RFC 7677', () => {
    const state = clientFirst(rfc.clientNonce, 'user');
    expect(state.message).toBe(rfc.clientFirst);
    const final = clientFinal(rfc.serverFirst, state, keys);
    expect(final).toEqual({ message: rfc.clientFinal, expectedServerFinal: rfc.serverFinal });
  });

  test('the server of RFC 7677', () => {
    const state = answerClientFirst(rfc.clientFirst, verifier, rfc.serverNonce);
    expect(state.serverFirst).toBe(rfc.serverFirst);
    expect(checkClientFinal(rfc.clientFinal, state, verifier)?.serverFinal).toBe(rfc.serverFinal);
  });

  test('a right proof tells the key with which the server can log in elsewhere', () => {
    const seen = checkClientFinal(
      rfc.clientFinal,
      answerClientFirst(rfc.clientFirst, verifier, rfc.serverNonce),
      verifier,
    );
    expect(seen?.keys).toEqual(keys);
    const onward = clientFirst('another-nonce');
    const elsewhere = answerClientFirst(onward.message, verifier, 'of-another-server');
    const { message, expectedServerFinal } = clientFinal(elsewhere.serverFirst, onward, seen?.keys ?? keys);
    expect(checkClientFinal(message, elsewhere, verifier)?.serverFinal).toBe(expectedServerFinal);
  });

  test('a wrong password proves nothing', () => {
    const state = clientFirst('abc');
    const answer = answerClientFirst(state.message, verifier, 'def');
    const { message } = clientFinal(answer.serverFirst, state, deriveKeys('pencils', salt, 4096));
    expect(checkClientFinal(message, answer, verifier)).toBeUndefined();
  });

  test.each([
    ['no gs2 header', () => answerClientFirst('n=user,r=abc', verifier, 'x')],
    ['channel binding that was not offered', () => answerClientFirst('p=tls-unique,,n=,r=abc', verifier, 'x')],
    ['an empty nonce', () => answerClientFirst('n,,n=,r=', verifier, 'x')],
    ['a nonce that does not extend ours', () => readServerFirst('r=zzzz,s=QQ==,i=1', clientFirst('abc'))],
    ['a nonce that is ours again', () => readServerFirst('r=abc,s=QQ==,i=1', clientFirst('abc'))],
    ['no salt', () => readServerFirst('r=abcd,i=1', clientFirst('abc'))],
    ['iterations that are no number', () => readServerFirst('r=abcd,s=QQ==,i=x', clientFirst('abc'))],
    [
      'a final message without proof',
      () => checkClientFinal('c=biws,r=abcdef', answerClientFirst('n,,n=,r=abc', verifier, 'def'), verifier),
    ],
    [
      'a final message of another exchange',
      () => checkClientFinal(rfc.clientFinal, answerClientFirst('n,,n=,r=abc', verifier, 'def'), verifier),
    ],
    [
      'a changed gs2 header',
      () =>
        checkClientFinal(
          rfc.clientFinal.replace('biws', 'eSws'),
          answerClientFirst(rfc.clientFirst, verifier, rfc.serverNonce),
          verifier,
        ),
    ],
  ])('refuses %s', (_what, act) => {
    expect(codeOf(act)).toBe('TEAL-WIRE-001');
  });

  test('reads a stored verifier, and only that', () => {
    const text = `SCRAM-SHA-256$4096:${salt.toString('base64')}$${verifier.storedKey.toString('base64')}:${verifier.serverKey.toString('base64')}`;
    expect(parseScramVerifier(text)).toEqual(verifier);
    expect(parseScramVerifier('md5a3556571e93b0d20722ba62be61e8c2d')).toBeUndefined();
    expect(parseScramVerifier(text.slice(0, -2))).toBeUndefined();
  });
});
