import { expect, test } from 'vitest';
import { javaClientSettings } from './java-client.ts';

test('an address has the same meaning for a client in Java', () => {
  expect(javaClientSettings('kafka://one,[::1]:2')).toEqual({
    'bootstrap.servers': 'one:9092,[::1]:2',
    'security.protocol': 'PLAINTEXT',
  });
  expect(
    javaClientSettings(
      'kafka://me:p%22w%5C@one?security.protocol=SASL_SSL&sasl.mechanism=SCRAM-SHA-512&ssl.endpoint.identification.algorithm=none',
    ),
  ).toEqual({
    'bootstrap.servers': 'one:9092',
    'security.protocol': 'SASL_SSL',
    'sasl.mechanism': 'SCRAM-SHA-512',
    'sasl.jaas.config': String.raw`org.apache.kafka.common.security.scram.ScramLoginModule required username="me" password="p\"w\\";`,
    'ssl.endpoint.identification.algorithm': '',
  });
  expect(javaClientSettings('kafka://one?security.protocol=SSL')['security.protocol']).toBe('SSL');
});
