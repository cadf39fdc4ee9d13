import { expect, test } from 'vitest';
import { parseAddress, printableBrokers } from './address.ts';

test('an address says where, as whom and how', () => {
  expect(parseAddress('kafka://one')).toEqual({ brokers: [{ host: 'one', port: 9092 }] });
  expect(parseAddress('kafka://one:9093,[::1]:1,two/?security.protocol=plaintext').brokers).toEqual([
    { host: 'one', port: 9093 },
    { host: '::1', port: 1 },
    { host: 'two', port: 9092 },
  ]);
  expect(
    parseAddress('kafka://me%3A:p%40s:s@one?security.protocol=SASL_PLAINTEXT&sasl.mechanism=scram-sha-512').sasl,
  ).toEqual({ mechanism: 'SCRAM-SHA-512', username: 'me:', password: 'p@s:s' });
  // A password may hold an @ that nobody has written as %40.
  expect(parseAddress('kafka://me:p@ss@one?security.protocol=SASL_SSL&sasl.mechanism=PLAIN').sasl?.password).toBe(
    'p@ss',
  );
  expect(parseAddress('kafka://one?security.protocol=SSL').tls).toEqual({});
  expect(
    parseAddress('kafka://one?security.protocol=SSL&ssl.endpoint.identification.algorithm=none').tls,
  ).toHaveProperty('checkServerIdentity');
});

test.each([
  'postgres://x',
  'kafka://',
  'not an address',
  'kafka://one:0',
  'kafka://one:70000',
  'kafka://one,,two',
  'kafka://one two',
  'kafka://one?acks=all',
  'kafka://one?security.protocol=TLS',
  'kafka://me:x@one',
  'kafka://me:x@one?security.protocol=SSL',
  'kafka://one?security.protocol=SASL_SSL&sasl.mechanism=PLAIN',
  'kafka://one?sasl.mechanism=PLAIN',
  'kafka://me:x@one?security.protocol=SASL_SSL',
  'kafka://me:x@one?security.protocol=SASL_SSL&sasl.mechanism=GSSAPI',
  'kafka://me@one?security.protocol=SASL_SSL&sasl.mechanism=PLAIN',
  'kafka://me:%zz@one?security.protocol=SASL_SSL&sasl.mechanism=PLAIN',
  'kafka://one?ssl.ca.location=/ca.pem',
  'kafka://one?security.protocol=SSL&ssl.key.location=/client.key',
  'kafka://one?security.protocol=SSL&ssl.endpoint.identification.algorithm=maybe',
])('%s is refused, and nothing of it is repeated', (text) => {
  expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: 'TEAL-SYSTEMS-009' }) as Error);
  expect(() => parseAddress(text)).not.toThrow(/%zz|me:x/);
});

test('a certificate that is not there is told', () => {
  const text = 'kafka://one?security.protocol=SSL&ssl.ca.location=/no/such/file.pem';
  expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: 'TEAL-SYSTEMS-004' }) as Error);
});

test('people see the brokers and nothing else', () => {
  expect(printableBrokers('kafka://me:secret@one:1,two:2?security.protocol=SSL')).toBe('one:1,two:2');
});
