import { expect, test } from 'vitest';
import { asTealError } from './errors.ts';

const answered = (apiId: string): Error => Object.assign(new Error('a text of the library'), { apiId });
const socket = (code: string): Error => Object.assign(new Error(`connect ${code} 127.0.0.1:1`), { code });

test.each([
  [new AggregateError([answered('TOPIC_AUTHORIZATION_FAILED')], 'many'), 'connected', 'TEAL-SYSTEMS-010'],
  [new AggregateError([answered('NOT_COORDINATOR')], 'many'), 'connected', 'TEAL-SYSTEMS-401'],
  [answered('UNSUPPORTED_VERSION'), 'connected', 'TEAL-SYSTEMS-402'],
  [new Error('no', { cause: answered('SASL_AUTHENTICATION_FAILED') }), 'connecting', 'TEAL-SYSTEMS-002'],
  [Object.assign(new Error('no'), { code: 'PLT_KFK_AUTHENTICATION' }), 'connecting', 'TEAL-SYSTEMS-002'],
  [new Error('failed', { cause: socket('ECONNREFUSED') }), 'connecting', 'TEAL-SYSTEMS-001'],
  [new Error('Connection to one:1 timed out.'), 'connecting', 'TEAL-SYSTEMS-001'],
  [new Error('failed', { cause: socket('ECONNRESET') }), 'connecting', 'TEAL-SYSTEMS-006'],
  [new Error('failed', { cause: socket('ECONNREFUSED') }), 'connected', 'TEAL-SYSTEMS-006'],
  [new Error('failed', { cause: socket('SELF_SIGNED_CERT_IN_CHAIN') }), 'connecting', 'TEAL-SYSTEMS-004'],
  [new Error('failed', { cause: socket('UNABLE_TO_VERIFY_LEAF_SIGNATURE') }), 'connecting', 'TEAL-SYSTEMS-004'],
  [new Error('Broker requires TLS.'), 'connected', 'TEAL-SYSTEMS-004'],
  ['a text', 'connected', 'TEAL-SYSTEMS-006'],
] as const)('%s while %s is %s', (error, phase, code) => {
  expect(asTealError(error, phase).code).toBe(code);
});

test('an error that causes itself ends', () => {
  const error = new Error('round');
  error.cause = error;
  expect(asTealError(error, 'connected').message).toContain('round');
});
