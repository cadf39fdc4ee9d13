import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runProgram } from '../../../tools/servers/run-program.ts';
import type { PostgresServer } from '../../../tools/servers/postgres.ts';
import { blueMajor, greenMajor, ownServer, testDatabase, type TestDatabase } from '../../../test/support/postgres.ts';
import { encodeQuery } from '../../wire/postgres/frontend.ts';
import { encodeStartup } from '../../wire/postgres/startup.ts';
import { proxied, type Proxied } from './test-support/proxied.ts';
import { RawClient } from './test-support/raw-client.ts';

const password = `it's a "secret" of 7 %`;

interface Guarded {
  readonly blue: PostgresServer;
  readonly green: PostgresServer;
}

/** Two servers that demand passwords from everybody. */
let guarded: Guarded;
let folder: string;
let pem: { readonly certificateFile: string; readonly keyFile: string };

beforeAll(async () => {
  const options = { auth: 'scram-sha-256', superuserPassword: 'of the administrator' } as const;
  const [blue, green] = await Promise.all([ownServer(blueMajor(), options), ownServer(greenMajor(), options)]);
  guarded = { blue, green };
  folder = await mkdtemp(join(tmpdir(), 'teal-tls-'));
  pem = { certificateFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
  const subject = [
    '-subj',
    '/CN=localhost',
    '-days',
    '2',
    '-nodes',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
  ];
  await runProgram('openssl', ['req', '-x509', ...subject, '-keyout', pem.keyFile, '-out', pem.certificateFile], {});
});

afterAll(async () => {
  await guarded.blue[Symbol.asyncDispose]();
  await guarded.green[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function guardedDatabases(): Promise<{ blue: TestDatabase; green: TestDatabase }> {
  const [blue, green] = [guarded.blue, guarded.green];
  return {
    blue: await testDatabase({ major: blueMajor(), url: blue.url }),
    green: await testDatabase({ major: greenMajor(), url: green.url }),
  };
}

async function codeOfLogin(
  at: Proxied,
  config: { user: string; password: string; database?: string },
): Promise<string> {
  try {
    const client = await at.connect(config);
    await client.end();
    return 'let in';
  } catch (error) {
    return String((error as { code?: unknown }).code);
  }
}

describe('a client proves its password to the proxy, which logs in with it on both sides', () => {
  test.each(['scram-sha-256', 'md5'])('%s', async (method) => {
    const databases = await guardedDatabases();
    await using blue = databases.blue;
    await using green = databases.green;
    await useMethod(databases, method);
    await blue.query(`set password_encryption = '${method}'`);
    await blue.query(`create role app login password '${password.replaceAll("'", "''")}'`);
    const stored = (await blue.query(`select rolpassword as v from pg_authid where rolname = 'app'`))[0]?.['v'] ?? '';
    await green.query(`create role app login password '${stored}'`);
    try {
      await using at = await proxied({ clientAuth: 'verifier' }, databases);
      const client = await at.connect({ user: 'app', password });
      expect((await client.query('select current_user as v')).rows).toEqual([{ v: 'app' }]);
      await at.cut('green', 1);
      const { rows } = await client.query(
        `select current_user as v, current_setting('server_version_num')::int / 10000 as major`,
      );
      expect(rows).toEqual([{ v: 'app', major: greenMajor() }]);
      expect(await codeOfLogin(at, { user: 'app', password })).toBe('let in');
      expect(await codeOfLogin(at, { user: 'app', password: 'wrong' })).toBe('28P01');
      expect(await codeOfLogin(at, { user: 'nobody', password: 'wrong' })).toBe('28P01');
    } finally {
      for (const side of [blue, green]) await side.query('drop role app');
      await useMethod(databases, 'scram-sha-256');
    }
  });

  test('guesses are bounded, however many come at once, and look the same for a role that is not there', async () => {
    const databases = await guardedDatabases();
    await using blue = databases.blue;
    await using _green = databases.green;
    await blue.query(`create role app login password 'right'; create role web login password 'right too'`);
    try {
      await using at = await proxied({ clientAuth: 'verifier' }, databases);
      for (const user of ['app', 'nobody']) {
        const guesses = Array.from({ length: 50 }, (_, n) => codeOfLogin(at, { user, password: `guess ${n}` }));
        const codes = await Promise.all(guesses);
        const looked = codes.filter((code) => code === '28P01').length;
        // One more in two seconds, should it have taken so long.
        expect(looked).toBeGreaterThanOrEqual(20);
        expect(looked).toBeLessThan(25);
        expect(codes.filter((code) => code === '28000').length).toBe(50 - looked);
      }
      const right = { user: 'web', password: 'right too' };
      expect(await codeOfLogin(at, right)).toBe('let in');
      expect(await Promise.all(Array.from({ length: 40 }, () => codeOfLogin(at, right)))).not.toContain('28000');
    } finally {
      await blue.query('drop role app; drop role web');
    }
  });

  test('who has not logged in takes a bounded number of connections', async () => {
    const databases = await guardedDatabases();
    await using blue = databases.blue;
    await using green = databases.green;
    await using at = await proxied({ clientAuth: 'verifier', maxClients: 1 }, databases);
    expect([blue.name, green.name]).toHaveLength(2);
    const silent = Array.from({ length: 64 }, () => connect({ host: '127.0.0.1', port: at.proxy.port }));
    try {
      await Promise.all(silent.map(async (socket) => once(socket, 'connect')));
      expect(await codeOfLogin(at, { user: 'app', password: 'any' })).toBe('53300');
    } finally {
      for (const socket of silent) socket.destroy();
    }
  });

  test('a changed password is taken as soon as the server has it', async () => {
    const databases = await guardedDatabases();
    await using blue = databases.blue;
    await using green = databases.green;
    await blue.query(`create role app login password 'old'`);
    await green.query(`create role other login`);
    try {
      await using at = await proxied({ clientAuth: 'verifier' }, databases);
      expect(await codeOfLogin(at, { user: 'app', password: 'old' })).toBe('let in');
      await blue.query(`alter role app password 'new'`);
      // The proxy may still know the old one for a second; the server does not take it.
      expect(await codeOfLogin(at, { user: 'app', password: 'old' })).toBe('28P01');
      expect(await codeOfLogin(at, { user: 'app', password: 'new' })).toBe('let in');
    } finally {
      await blue.query('drop role app');
      await green.query('drop role other');
    }
  });

  test('a role that the other side does not let in stops the cut', async () => {
    const databases = await guardedDatabases();
    await using blue = databases.blue;
    await using _green = databases.green;
    await blue.query(`create role app login password 'secret'`);
    try {
      await using at = await proxied({ clientAuth: 'verifier' }, databases);
      await at.connect({ user: 'app', password: 'secret' });
      const held = await at.router.hold({ cut: 'c', leaseMs: 5_000, drainMs: 1_000 });
      expect(held).toMatchObject({ drained: false, pinned: [{ reason: 'green refuses its login (28P01)' }] });
    } finally {
      await blue.query('drop role app');
    }
  });

  test('where the server itself trusts, a stored password is demanded all the same', async () => {
    await using at = await proxied({ clientAuth: 'verifier' });
    await at.blue.query(`create role teal_proxy_trusted login password 'secret'; create role teal_proxy_open login`);
    try {
      expect(await codeOfLogin(at, { user: 'teal_proxy_trusted', password: 'wrong' })).toBe('28P01');
      expect(await codeOfLogin(at, { user: 'teal_proxy_trusted', password: 'secret' })).toBe('let in');
      expect(await codeOfLogin(at, { user: 'teal_proxy_open', password: '' })).toBe('let in');
    } finally {
      await at.blue.query('drop role teal_proxy_trusted; drop role teal_proxy_open');
    }
  });
});

/** Lets the servers ask by another method, in the file that says so. */
async function useMethod(databases: { blue: TestDatabase; green: TestDatabase }, method: string): Promise<void> {
  for (const side of [databases.blue, databases.green]) {
    const file = (await side.query('show hba_file'))[0]?.['hba_file'] ?? '';
    const lines = ['scram-sha-256'].map((own) => `host all postgres 127.0.0.1/32 ${own}`);
    const rules = [...lines, `host all all 127.0.0.1/32 ${method}`].map((line) => `('${line}')`).join(',');
    await side.query(`copy (values ${rules}) to '${file}'`);
    await side.query('select pg_reload_conf()');
  }
}

describe('a greeting', () => {
  test('is refused with the reason that the server would give, or a better one', async () => {
    await using at = await proxied();
    expect(await codeOfLogin(at, { user: 'postgres', password: '', database: 'elsewhere' })).toBe('3D000');
    expect(await codeOfLogin(at, { user: 'teal_no_such_role', password: '' })).toBe('28000');
    expect(
      await answerTo(
        at,
        encodeStartup([
          ['user', 'postgres'],
          ['database', at.blue.name],
          ['replication', 'database'],
        ]),
      ),
    ).toContain('0A000');
    expect(await answerTo(at, encodeStartup([['database', at.blue.name]]))).toContain('28000');
    expect(await answerTo(at, Buffer.from('GET / HTTP/1.1\r\n\r\n'))).toContain('08P01');
    expect(await answerTo(at, Buffer.from('0000000700030000', 'hex'))).toContain('08P01');
  });

  test('of a newer protocol version is answered with the one that is spoken', async () => {
    await using at = await proxied();
    const startup = encodeStartup([
      ['user', 'postgres'],
      ['database', at.blue.name],
      ['_pq_.wish', 'x'],
    ]);
    startup.writeUInt16BE(2, 6);
    const answer = await answerTo(at, startup, 'Z\0');
    expect(answer.startsWith('v\0\0\0')).toBe(true);
    expect(answer).toContain('_pq_.wish');
  });

  test('of the name that the database has on the other side is the same database', async () => {
    await using at = await proxied();
    expect(await codeOfLogin(at, { user: 'postgres', password: '', database: at.green.name })).toBe('let in');
  });

  test('past the limit of clients is refused', async () => {
    await using at = await proxied({ maxClients: 1 });
    await at.connect();
    expect(await codeOfLogin(at, { user: 'postgres', password: '' })).toBe('53300');
  });

  test('with the live side away is answered in bounded time', async () => {
    const own = await ownServer(blueMajor());
    await using green = await testDatabase(greenMajor());
    const blue = await testDatabase({ major: blueMajor(), url: own.url });
    await using at = await proxied({ connectTimeoutMs: 500 }, { blue, green });
    await own[Symbol.asyncDispose]();
    expect(await codeOfLogin(at, { user: 'postgres', password: '' })).toBe('08006');
  });
});

describe('TLS', () => {
  test('is spoken when asked for, and session and cut work the same', async () => {
    await using at = await proxied({ tls: pem });
    const client = await at.connect({
      ssl: { ca: await readFile(pem.certificateFile, 'utf8'), servername: 'localhost' },
    });
    await client.query('set app.over = 5');
    await at.cut('green', 1);
    expect((await client.query(`select current_setting('app.over') as v`)).rows).toEqual([{ v: '5' }]);
    expect(await codeOfLogin(at, { user: 'postgres', password: '' })).toBe('let in');
  });

  test('starts directly, for clients that name the protocol', async () => {
    await using at = await proxied({ tls: pem });
    const ca = await readFile(pem.certificateFile, 'utf8');
    const options = { host: '127.0.0.1', port: at.proxy.port, ca, servername: 'localhost' };
    const socket = connectTls({ ...options, ALPNProtocols: ['postgresql'] });
    await once(socket, 'secureConnect');
    socket.write(
      encodeStartup([
        ['user', 'postgres'],
        ['database', at.blue.name],
      ]),
    );
    await using client = new RawClient(socket);
    await client.until((types) => types.endsWith('Z'));
    client.forget();
    client.send(encodeQuery('select 1'));
    await client.until((types) => types === 'TDCZ');

    const unnamed = connectTls(options);
    const ended = Promise.withResolvers<void>();
    unnamed.on('error', () => {});
    unnamed.on('close', () => ended.resolve());
    await ended.promise;
  });

  test('a request with bytes behind it is refused: they would be taken for encrypted ones', async () => {
    await using at = await proxied({ tls: pem });
    const request = Buffer.from('0000000804d2162f', 'hex');
    expect(await answerTo(at, Buffer.concat([request, encodeStartup([['user', 'postgres']])]))).toContain('08P01');
  });

  test('is declined without a certificate, and plain text goes on', async () => {
    await using at = await proxied();
    expect((await answerTo(at, Buffer.from('0000000804d2162f', 'hex'), 'N')).startsWith('N')).toBe(true);
    expect((await answerTo(at, Buffer.from('0000000804d21630', 'hex'), 'N')).startsWith('N')).toBe(true);
  });

  test('to the backends as sslmode says', async () => {
    const [certificate, key] = [await readFile(pem.certificateFile, 'utf8'), await readFile(pem.keyFile, 'utf8')];
    await using server = await ownServer(blueMajor(), { ssl: { certificate, key } });
    await using blue = await testDatabase({ major: blueMajor(), url: server.url });
    await using green = await testDatabase(greenMajor());
    const encrypted = async (query: string): Promise<string> => {
      const secured = { ...blue, url: `${blue.url}?${query}` };
      await blue.query('drop schema if exists teal cascade');
      await green.query('drop schema if exists teal cascade');
      await using at = await proxied({ connectTimeoutMs: 2_000 }, { blue: secured, green });
      const client = await at.connect().catch((error: unknown) => String((error as { code?: unknown }).code));
      if (!(client instanceof Client)) return client;
      const { rows } = await client.query<{ v: boolean }>(
        'select ssl as v from pg_stat_ssl where pid = pg_backend_pid()',
      );
      return rows[0]?.v === true ? 'encrypted' : 'plain';
    };
    expect(await encrypted('sslmode=disable')).toBe('plain');
    expect(await encrypted('sslmode=prefer')).toBe('encrypted');
    expect(await encrypted('sslmode=require')).toBe('encrypted');
    expect(await encrypted(`sslmode=verify-ca&sslrootcert=${pem.certificateFile}`)).toBe('encrypted');
  });
});

/** Everything that is answered until the proxy closes, or until `end` has come. */
async function answerTo(at: Proxied, bytes: Buffer, end?: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: at.proxy.port });
  let answer = '';
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1');
    if (end !== undefined && answer.includes(end)) socket.destroy();
  });
  socket.write(bytes);
  await once(socket, 'close');
  return answer;
}
