import { Admin, ScramMechanisms, alterUserScramCredentialsV0 } from '@platformatic/kafka';
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeCertificates, type Certificates } from '../../../test/support/certificates.ts';
import { kafkaIsTested } from '../../../test/support/kafka.ts';
import { freePort } from '../../../tools/servers/free-port.ts';
import { startKafka, type KafkaServer } from '../../../tools/servers/kafka.ts';
import { connect } from './connection.ts';
import { createIntrospector } from './inspect/introspector.ts';

describe.skipIf(!kafkaIsTested)('a cluster with logins, encryption and rules', () => {
  let certificates: Certificates;
  let server: KafkaServer;
  let admin: Admin;
  const passwords = { admin: 'ad"min\\1', app: 'app 1' };
  const url = (login: string, mechanism = 'PLAIN'): string =>
    `kafka://${login}@${server.bootstrap}?security.protocol=SASL_SSL&sasl.mechanism=${mechanism}&ssl.ca.location=${certificates.authorityFile}`;
  const asAdmin = (): string => url(`admin:${encodeURIComponent(passwords.admin)}`);

  beforeAll(async () => {
    certificates = await makeCertificates();
    const { readFile } = await import('node:fs/promises');
    const authority = await readFile(certificates.authorityFile, 'utf8');
    server = await startKafka({ users: passwords, tls: { ...certificates.server, authority } });
    admin = new Admin({
      clientId: 'test',
      bootstrapBrokers: [server.bootstrap],
      tls: { ca: authority },
      sasl: { mechanism: 'PLAIN', username: 'admin', password: passwords.admin },
      retries: 3,
    });
    await makeScramUser(admin, 'mover', 'sesame');
    await admin.createTopics({ topics: ['open', 'secret'], partitions: 2, replicas: 1 });
    await admin.createAcls({
      creations: ['DESCRIBE', 'READ'].map((operation) => ({
        resourceType: 2,
        resourceName: 'open',
        resourcePatternType: 3,
        principal: 'User:app',
        host: '*',
        operation: operation === 'READ' ? 3 : 8,
        permissionType: 3,
      })),
    });
  });
  afterAll(async () => {
    await admin?.close();
    await server?.[Symbol.asyncDispose]();
    await certificates?.[Symbol.asyncDispose]();
  });

  test.each(['PLAIN', 'SCRAM-SHA-256'])('lets in who proves it by %s', async (mechanism) => {
    const address = mechanism === 'PLAIN' ? asAdmin() : url('mover:sesame', mechanism);
    await using connection = await connect({ url: address, clientId: 'teal test' });
    expect(connection.brokers).toEqual([{ id: 1, host: '127.0.0.1', port: server.port }]);
    expect(connection.clusterId).toMatch(/^[\w-]{22}$/);
  });

  test('shows an administrator its rules and users', async () => {
    await using connection = await connect({ url: asAdmin(), clientId: 'teal test' });
    const facts = await createIntrospector(connection, { address: server.bootstrap }).facts();
    expect(facts.acls).toMatchObject({ known: true, value: { enforced: true } });
    expect(facts.acls.known && facts.acls.value.entries).toEqual(
      ['DESCRIBE', 'READ'].map((operation) => ({
        principal: 'User:app',
        host: '*',
        operation,
        permission: 'ALLOW',
        resourceType: 'TOPIC',
        resourceName: 'open',
        pattern: 'LITERAL',
      })),
    );
    expect(facts.scramUsers).toEqual({ known: true, value: [{ name: 'mover', mechanisms: ['SCRAM-SHA-256'] }] });
    expect(JSON.stringify(facts, (_, value) => (typeof value === 'bigint' ? Number(value) : value))).not.toContain(
      'sesame',
    );
  });

  test('tells others what they may know, and why it tells no more', async () => {
    await using connection = await connect({ url: url('app:app%201'), clientId: 'teal test' });
    const facts = await createIntrospector(connection, { address: server.bootstrap }).facts();
    expect(facts.topics.map(({ name }) => name)).toEqual(['open']);
    expect(facts.extents).toMatchObject({ known: true });
    const mayNot = { known: false, why: expect.stringContaining('may not read it') as string };
    expect(facts).toMatchObject({
      topicConfigs: mayNot,
      topicBytes: mayNot,
      brokerConfigs: mayNot,
      acls: mayNot,
      quotas: mayNot,
      scramUsers: mayNot,
    });
  });

  test.each([
    ['a password that is wrong', () => url('admin:wrong'), 'TEAL-SYSTEMS-002'],
    ['a user that is not there', () => url('nobody:x', 'SCRAM-SHA-512'), 'TEAL-SYSTEMS-002'],
    ['an authority that has not signed', () => asAdmin().replace(/&ssl.ca.*/, ''), 'TEAL-SYSTEMS-004'],
    ['plain text', () => `kafka://${server.bootstrap}`, 'TEAL-SYSTEMS-004'],
  ])('does not let in %s', async (_, address, code) => {
    await expect(connect({ url: address(), clientId: 'teal test' })).rejects.toMatchObject({ code });
  });

  test('is asked by its second address when nobody is at the first', async () => {
    const nobody = `127.0.0.1:${await freePort()}`;
    const address = asAdmin().replace(server.bootstrap, `${nobody},${server.bootstrap}`);
    await using connection = await connect({ url: address, clientId: 'teal test' });
    expect(connection.brokers).toHaveLength(1);
    await expect(connect({ url: `kafka://${nobody}`, clientId: 'teal test' })).rejects.toMatchObject({
      code: 'TEAL-SYSTEMS-001',
      facts: { host: '127.0.0.1' },
    });
  });

  test('is let go at once when nobody wants the answer any more', async () => {
    const gone = new Error('enough');
    await expect(connect({ url: asAdmin(), clientId: 'teal test', signal: AbortSignal.abort(gone) })).rejects.toBe(
      gone,
    );
    const aborted = new AbortController();
    const connecting = connect({ url: asAdmin(), clientId: 'teal test', signal: aborted.signal });
    aborted.abort(gone);
    await expect(connecting).rejects.toBe(gone);
  });
});

/** As `kafka-configs.sh --add-config 'SCRAM-SHA-256=[password=…]'` does. */
async function makeScramUser(admin: Admin, name: string, password: string): Promise<void> {
  const [connection] = [...(await admin.connectToBrokers()).values()];
  if (connection === undefined) throw new Error('no broker');
  const salt = randomBytes(16);
  const iterations = 4096;
  const saltedPassword = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  await alterUserScramCredentialsV0.api.async(
    connection,
    [],
    [{ name, mechanism: ScramMechanisms.SCRAM_SHA_256, iterations, salt, saltedPassword }],
  );
}
