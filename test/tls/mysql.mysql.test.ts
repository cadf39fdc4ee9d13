import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isTealError } from '../../src/kernel/errors.ts';
import { BinlogSession } from '../../src/systems/mysql/binlog-session.ts';
import { connect } from '../../src/systems/mysql/connection.ts';
import { connectMysql, type MysqlLogin } from '../../src/traffic/proxy/mysql/connector.ts';
import { readMysqlTarget } from '../../src/traffic/proxy/mysql/target.ts';
import type { MysqlServer } from '../../tools/servers/mysql.ts';
import { makeCertificates, type Certificates } from '../support/certificates.ts';
import { startTlsMysql } from '../support/mysql-tls.ts';
import { allSeries } from '../support/mysql.ts';

const { signal } = new AbortController();

/** How each way by which Teal comes to a server went: a session, the log, a client's backend. */
async function outcomes(url: string): Promise<readonly string[]> {
  const told: string[] = [];
  for (const way of [bySession, byLog, byProxy]) told.push(await outcome(way(url)));
  return told;
}

/** `undefined`: the server did not let in. */
async function outcome(way: Promise<string | undefined>): Promise<string> {
  try {
    const cipher = await way;
    if (cipher === undefined) return 'refused';
    return cipher === '' ? 'in the clear' : 'encrypted';
  } catch (error) {
    if (!isTealError(error)) throw error;
    return error.code;
  }
}

/** What is told where a server cannot show who it is, and where it does not let in. */
const [distrusted, refused] = [
  ['TEAL-SYSTEMS-004', 'TEAL-SYSTEMS-004', 'TEAL-TRAFFIC-002'],
  ['TEAL-SYSTEMS-002', 'TEAL-SYSTEMS-002', 'refused'],
];
const all = (what: string): readonly string[] => [what, what, what];

const cipherSql = `show session status like 'Ssl_cipher'`;

async function bySession(url: string): Promise<string> {
  await using session = await connect({ url, applicationName: 'teal test' });
  return Object.values((await session.query(cipherSql)).rows[0] ?? {})[1] ?? '';
}

async function byLog(url: string): Promise<string> {
  await using session = await BinlogSession.open({ url, applicationName: 'teal test', replica: 'teal test', signal });
  return (await session.query(cipherSql))[0]?.[1] ?? '';
}

async function byProxy(url: string): Promise<string | undefined> {
  const { target, admin } = readMysqlTarget('blue', url);
  const login: MysqlLogin = {
    user: admin.user,
    credential: { kind: 'none' },
    database: undefined,
    capabilities: 0,
    collation: 45,
    maxPacketBytes: 1 << 24,
    attributes: new Map(),
  };
  const result = await connectMysql(target, login, 20_000, signal);
  if ('refused' in result) return undefined;
  const { rows } = await result.link.query(cipherSql);
  result.link.end();
  return rows[0]?.[1]?.toString() ?? '';
}

describe.for(allSeries)('TLS to $series', ({ series, tested }) => {
  let certificates: Certificates;
  let server: MysqlServer;
  const url = (host: string, parameters: Readonly<Record<string, string>>, user = 'root'): string =>
    `mysql://${user}@${host}:${server.port}/?${new URLSearchParams(parameters).toString()}`;

  beforeAll(async () => {
    if (!tested) return;
    // Not for 127.0.0.1, by which it is reached, too.
    certificates = await makeCertificates('DNS:localhost');
    server = await startTlsMysql(certificates, { series });
    await using root = await connect({ url: url('127.0.0.1', {}), applicationName: 'teal test' });
    await root.query(`create user known@'%' require x509`);
    await root.query(`grant replication slave on *.* to known@'%'`);
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await certificates?.[Symbol.asyncDispose]();
  });

  test.skipIf(!tested)('is as ssl-mode says, on every way to a server', async () => {
    const ca = { 'ssl-ca': certificates.authorityFile };
    expect(await outcomes(url('127.0.0.1', {}))).toEqual(all('in the clear'));
    expect(await outcomes(url('127.0.0.1', { 'ssl-mode': 'DISABLED' }))).toEqual(all('in the clear'));
    expect(await outcomes(url('127.0.0.1', { 'ssl-mode': 'REQUIRED' }))).toEqual(all('encrypted'));
    expect(await outcomes(url('127.0.0.1', { 'ssl-mode': 'VERIFY_CA', ...ca }))).toEqual(all('encrypted'));
    expect(await outcomes(url('localhost', { 'ssl-mode': 'VERIFY_IDENTITY', ...ca }))).toEqual(all('encrypted'));
    // Signed by the right one, for another name.
    expect(await outcomes(url('127.0.0.1', { 'ssl-mode': 'VERIFY_IDENTITY', ...ca }))).toEqual(distrusted);
  });

  test.skipIf(!tested)('a server of another authority is not talked to', async () => {
    await using strangers = await makeCertificates();
    const parameters = { 'ssl-mode': 'VERIFY_CA', 'ssl-ca': strangers.authorityFile };
    expect(await outcomes(url('127.0.0.1', parameters))).toEqual(distrusted);
  });

  test.skipIf(!tested)('a server that wants to know who comes is shown a certificate', async () => {
    const { certificateFile, keyFile } = certificates.client;
    const ca = { 'ssl-mode': 'VERIFY_CA', 'ssl-ca': certificates.authorityFile };
    const known = { ...ca, 'ssl-cert': certificateFile, 'ssl-key': keyFile };
    expect(await outcomes(url('127.0.0.1', ca, 'known'))).toEqual(refused);
    expect(await outcomes(url('127.0.0.1', known, 'known'))).toEqual(all('encrypted'));
    await using strangers = await makeCertificates();
    const { certificateFile: cert, keyFile: key } = strangers.client;
    const unknown = await outcomes(url('127.0.0.1', { ...ca, 'ssl-cert': cert, 'ssl-key': key }, 'known'));
    expect(unknown).not.toContain('encrypted');
  });
});

test('an address that contradicts itself is refused by the proxy as by everybody else', () => {
  const code = (parameters: string): string => {
    try {
      readMysqlTarget('blue', `mysql://root:secret@127.0.0.1/?${parameters}`);
      return 'taken';
    } catch (error) {
      expect(String(error)).not.toContain('secret');
      return isTealError(error) ? error.code : String(error);
    }
  };
  const wrong = [
    'ssl-mode=PREFERRED',
    'ssl-mode=VERIFY_CA',
    'ssl-ca=/ca.crt',
    'ssl-mode=REQUIRED&ssl-cert=/client.crt',
    'ssl-mode=VERIFY_CA&ssl-ca=/no/such/file',
    'charset=latin1',
  ];
  expect(wrong.map(code)).toEqual(wrong.map(() => 'TEAL-TRAFFIC-006'));
  expect(code('ssl-mode=REQUIRED')).toBe('taken');
});
