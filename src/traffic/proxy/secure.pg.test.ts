import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { blueMajor, greenMajor, ownServer, testDatabase, type TestDatabase } from '../../../test/support/postgres.ts';
import { pgTools } from '../../../tools/servers/pg-tools.ts';
import type { PostgresServer } from '../../../tools/servers/postgres.ts';
import { runProgram } from '../../../tools/servers/run-program.ts';
import { must } from '../../kernel/assert.ts';
import { waitFor } from '../../kernel/clock.ts';
import { placeOf } from './client-numbers.ts';
import { readProxyConfig } from './config.ts';
import { numberOf } from './test-support/cancel.ts';
import { outcome } from './test-support/outcome.ts';
import { proxied, proxiedBy, type Proxied } from './test-support/proxied.ts';
import { startAsUsersDo } from './test-support/start-as-users-do.ts';

/** Two servers with TLS, a certificate for `localhost` that an authority of the test's own has signed, and passwords for everybody. */
let folder: string;
let servers: { readonly blue: PostgresServer; readonly green: PostgresServer };
const path = (name: string): string => join(folder, name);

const newKey = ['-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];

async function authority(name: string): Promise<void> {
  const files = ['-keyout', path(`${name}.key`), '-out', path(`${name}.crt`)];
  await runProgram('openssl', ['req', '-x509', '-days', '2', '-subj', `/CN=${name}`, ...newKey, ...files], {});
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'teal-secure-'));
  await authority('ca');
  await authority('stranger');
  const request = ['-keyout', path('server.key'), '-out', path('server.csr')];
  await runProgram('openssl', ['req', '-subj', '/CN=localhost', ...newKey, ...request], {});
  await writeFile(path('names'), 'subjectAltName=DNS:localhost\n');
  const signer = ['-CA', path('ca.crt'), '-CAkey', path('ca.key'), '-CAcreateserial', '-days', '2'];
  const signed = ['-in', path('server.csr'), '-extfile', path('names'), '-out', path('server.crt')];
  await runProgram('openssl', ['x509', '-req', ...signer, ...signed], {});
  const [certificate, key] = await Promise.all(
    ['server.crt', 'server.key'].map(async (name) => readFile(path(name), 'utf8')),
  );
  const ssl = { certificate: must(certificate, 'certificate'), key: must(key, 'key') };
  const options = { auth: 'scram-sha-256', superuserPassword: 'of the administrator', ssl } as const;
  const [blue, green] = await Promise.all([ownServer(blueMajor(), options), ownServer(greenMajor(), options)]);
  servers = { blue, green };
}, 300_000);

afterAll(async () => {
  await servers.blue[Symbol.asyncDispose]();
  await servers.green[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

interface Sides {
  readonly blue: TestDatabase;
  readonly green: TestDatabase;
}

/** Both databases, and a role `app` of one stored password on both. */
async function sides(stack: AsyncDisposableStack): Promise<Sides & { readonly verifier: string }> {
  const blue = stack.use(await testDatabase({ major: blueMajor(), url: servers.blue.url }));
  const green = stack.use(await testDatabase({ major: greenMajor(), url: servers.green.url }));
  await blue.query(`create role app login password 'the secret'`);
  const stored = await blue.query(`select rolpassword as v from pg_authid where rolname = 'app'`);
  const verifier = must(stored[0]?.['v'] ?? undefined, 'a verifier');
  await green.query(`create role app login password '${verifier}'`);
  stack.defer(async () => {
    for (const side of [blue, green]) await side.query('drop owned by app; drop role app');
  });
  return { blue, green, verifier };
}

/** The same database at another address. */
function at(
  database: TestDatabase,
  changes: { host?: string; user?: string; password?: string; query?: string },
): TestDatabase {
  const url = new URL(database.url);
  if (changes.host !== undefined) url.hostname = changes.host;
  if (changes.user !== undefined) url.username = changes.user;
  if (changes.password !== undefined) url.password = changes.password;
  url.search = changes.query ?? '';
  return { ...database, url: url.href };
}

async function major(client: { query: (sql: string) => Promise<{ rows: unknown[] }> }): Promise<unknown> {
  return (await client.query(`select current_setting('server_version_num')::int / 10000 as v`)).rows[0];
}

const appLogin = { user: 'app', password: 'the secret' } as const;

describe('TLS on both ways, SCRAM on both ways', () => {
  const verifyFull = (): string => `sslmode=verify-full&sslrootcert=${path('ca.crt')}`;

  test('a session crosses, encrypted and proven on either side, and no password is kept', async () => {
    await using stack = new AsyncDisposableStack();
    const { blue, green } = await sides(stack);
    const query = verifyFull();
    const proxy = stack.use(
      await proxied(
        { clientAuth: 'verifier', tls: { certificateFile: path('server.crt'), keyFile: path('server.key') } },
        {
          blue: at(blue, { host: 'localhost', query }),
          green: at(green, { host: 'localhost', query: 'sslmode=require' }),
        },
      ),
    );
    const ca = await readFile(path('ca.crt'), 'utf8');
    const client = await proxy.connect({ ...appLogin, ssl: { ca, servername: 'localhost' } });
    const encrypted = async (side: TestDatabase): Promise<unknown> =>
      side.query(
        `select distinct s.ssl::text as ssl from pg_stat_ssl s join pg_stat_activity a using (pid) where a.datname = current_database() and (a.usename = 'app' or a.application_name = 'teal proxy')`,
      );
    expect(await major(client)).toEqual({ v: blueMajor() });
    expect(await encrypted(blue)).toEqual([{ ssl: 'true' }]);
    await proxy.cut('green', 1);
    expect(await major(client)).toEqual({ v: greenMajor() });
    expect(await encrypted(green)).toEqual([{ ssl: 'true' }]);
    await proxy.cut('blue', 2);
    expect(await major(client)).toEqual({ v: blueMajor() });
    expect(await outcome(proxy.connect({ ...appLogin, password: 'wrong', ssl: { ca, servername: 'localhost' } }))).toBe(
      '28P01',
    );
  });

  test('several processes let in as many clients as one would, and who has gone takes no place', async () => {
    await using stack = new AsyncDisposableStack();
    const { blue, green } = await sides(stack);
    const tls = { certificateFile: path('server.crt'), keyFile: path('server.key') };
    const settings = { clientAuth: 'verifier', tls, maxClients: 3, processes: 2 } as const;
    const proxy = stack.use(await proxiedBy(startAsUsersDo, settings, { blue, green }));
    const ssl = { ca: await readFile(path('ca.crt'), 'utf8'), servername: 'localhost' };
    const connect = async (): ReturnType<Proxied['connect']> => proxy.connect({ ...appLogin, ssl });
    const clients = [await connect(), await connect(), await connect()];
    expect(clients.map((client) => placeOf(numberOf(client)))).toEqual([0, 0, 1]);
    expect(await outcome(connect())).toBe('53300');
    await clients[2]?.end();
    const place = { what: 'the place of the one that has gone', timeoutMs: 60_000 };
    await waitFor(place, async () => (await outcome(connect())) === 'done' || undefined);
  });

  test('psql checks the certificate of the proxy, and refuses a stranger', async () => {
    await using stack = new AsyncDisposableStack();
    const { blue, green } = await sides(stack);
    const tls = { certificateFile: path('server.crt'), keyFile: path('server.key') };
    const proxy = stack.use(await proxied({ clientAuth: 'verifier', tls }, { blue, green }));
    expect(await psql(proxy, 'ca.crt')).toMatchObject({ code: 0, out: expect.stringContaining('app') });
    expect(await psql(proxy, 'stranger.crt')).toMatchObject({ code: 2, err: expect.stringContaining('certificate') });
  });

  test.each([
    ['a certificate for another name', { host: '127.0.0.1', root: 'ca.crt' }],
    ['a certificate of another authority', { host: 'localhost', root: 'stranger.crt' }],
  ])('the proxy refuses a server with %s', async (_what, { host, root }) => {
    await using stack = new AsyncDisposableStack();
    const { blue, green } = await sides(stack);
    const query = `sslmode=verify-full&sslrootcert=${path(root)}`;
    const settings = { clientAuth: 'verifier', connectTimeoutMs: 5_000 } as const;
    const proxy = stack.use(await proxied(settings, { blue: at(blue, { host, query }), green }));
    expect(await outcome(proxy.connect(appLogin))).toBe('08006');
  });
});

describe('an administrator who may not read pg_authid', () => {
  const manager = { user: 'manager', password: 'of the manager' };

  async function managed(stack: AsyncDisposableStack): Promise<Sides & { readonly verifier: string }> {
    const { verifier, ...databases } = await sides(stack);
    for (const side of [databases.blue, databases.green]) {
      await side.query(`create role manager login password 'of the manager'`);
      // What it has of its own anyway, where Teal made the schema as this role.
      await side.query(
        'alter default privileges grant select on tables to manager; alter default privileges grant usage on schemas to manager',
      );
      stack.defer(async () => void (await side.query('drop owned by manager; drop role manager')));
    }
    return { blue: at(databases.blue, manager), green: at(databases.green, manager), verifier };
  }

  test('is told when the proxy starts, not at the first login', async () => {
    await using stack = new AsyncDisposableStack();
    const { blue, green } = await managed(stack);
    expect(await outcome(proxied({ clientAuth: 'verifier' }, { blue, green }))).toBe('TEAL-TRAFFIC-012');
  });

  test('gives the verifiers in a file, which is read again', async () => {
    await using stack = new AsyncDisposableStack();
    const { verifier, ...databases } = await managed(stack);
    const authFile = path('verifiers.txt');
    await writeFile(authFile, `; roles\n"app" "${verifier}"\n`, { mode: 0o600 });
    const proxy = stack.use(await proxied({ clientAuth: 'verifier', authFile }, databases));
    const client = await proxy.connect(appLogin);
    await proxy.cut('green', 1);
    expect(await major(client)).toEqual({ v: greenMajor() });
    expect(await outcome(proxy.connect({ ...appLogin, password: 'wrong' }))).toBe('28P01');

    await databases.green.query(`alter role app password 'another'`);
    expect(await outcome(proxy.connect({ ...appLogin, password: 'another' }))).toBe('28P01');
    const stored = await databases.green.query(`select rolpassword as v from pg_authid where rolname = 'app'`);
    await writeFile(authFile, `"app" "${stored[0]?.['v'] ?? ''}"\n`);
    expect(await outcome(proxy.connect({ ...appLogin, password: 'another' }))).toBe('done');
  });

  test('is told when others may read the file, or when it holds a password', async () => {
    await using stack = new AsyncDisposableStack();
    const databases = await sides(stack);
    const authFile = path('open.txt');
    const start = async (): Promise<unknown> => {
      for (const side of [databases.blue, databases.green]) await side.query('drop schema if exists teal cascade');
      return proxied({ clientAuth: 'verifier', authFile }, databases).catch((error: unknown) => error);
    };
    await writeFile(authFile, `"app" "${databases.verifier}"\n`);
    await chmod(authFile, 0o644);
    expect(String(await start())).toContain('chmod 600');
    await writeFile(authFile, `\n"app" "the secret"\n`);
    await chmod(authFile, 0o600);
    const refused = String(await start());
    expect(refused).toContain('TEAL-TRAFFIC-006');
    expect(refused).toContain('line 2');
    expect(refused).not.toContain('the secret');
  });
});

test('nobody is trusted who comes from elsewhere', () => {
  const config = { migration: 'x', clientAuth: 'trust', controlPath: 'x' };
  expect(() => readProxyConfig({ ...config, listen: { host: '0.0.0.0', port: 1 } })).toThrow('TEAL-TRAFFIC-006');
  expect(readProxyConfig({ ...config, listen: { host: '127.0.0.1', port: 1 } }).clientAuth).toBe('trust');
});

async function psql(
  proxy: Proxied,
  root: string,
): Promise<{ readonly code: unknown; readonly out: string; readonly err: string }> {
  const tools = await pgTools(blueMajor(), greenMajor());
  const place = `host=localhost port=${proxy.proxy.port} user=app dbname=${proxy.blue.name}`;
  const child = spawn(
    tools.psql,
    ['-X', '-At', '-c', 'select current_user', `${place} sslmode=verify-full sslrootcert=${path(root)}`],
    {
      env: { ...process.env, PGPASSWORD: appLogin.password },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const [out, err, exit] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code: exit[0], out, err };
}
