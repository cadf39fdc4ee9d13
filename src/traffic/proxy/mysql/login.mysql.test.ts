import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConnectionOptions, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeCertificates, type Certificates } from '../../../../test/support/certificates.ts';
import { allSeries } from '../../../../test/support/mysql.ts';
import { startMysql } from '../../../../tools/servers/mysql.ts';
import { isTealError } from '../../../kernel/errors.ts';
import { direct, proxiedMysql, type ProxiedMysql, type Servers } from './test-support/proxied.ts';

const password = `sécret's`;

async function outcome(at: ProxiedMysql, options: ConnectionOptions): Promise<string> {
  try {
    const client = await at.connect(options);
    const [rows] = await client.query<RowDataPacket[]>(`select concat(current_user(), ' on ', @@server_id) as v`);
    return String(rows[0]?.['v']);
  } catch (error) {
    const { errno, sqlState, message } = error as { errno?: number; sqlState?: string; message: string };
    return errno === undefined ? message : `${errno} ${sqlState ?? ''}`;
  }
}

describe.for(allSeries)('logins by the proxy with $series', ({ series, tested }) => {
  let servers: Servers;
  let certificates: Certificates;
  let folder: string;
  const path = (name: string): string => join(folder, name);
  const methods =
    series === 'mysql-8.0' ? ['mysql_native_password', 'caching_sha2_password'] : ['mysql_native_password'];

  beforeAll(async () => {
    if (!tested) return;
    certificates = await makeCertificates();
    folder = await mkdtemp(join(tmpdir(), 'teal-logins-'));
    // The server runs as another user.
    await chmod(folder, 0o755);
    await writeFile(path('server.crt'), certificates.server.certificate);
    await writeFile(path('server.key'), certificates.server.key);
    const settings = { ssl: 'ON', 'ssl-cert': path('server.crt'), 'ssl-key': path('server.key') };
    const [blue, green] = await Promise.all([
      startMysql({ series, settings: { ...settings, 'server-id': '11' } }),
      startMysql({ series, settings: { ...settings, 'server-id': '22' } }),
    ]);
    servers = { blue, green };
    for (const server of [blue, green]) {
      await using admin = await direct(server);
      await admin.query('create database shop');
      for (const method of methods) {
        await admin.query(
          `create user ${method} identified ${server.flavour === 'mysql' ? `with ${method} ` : ''}by ?`,
          [password],
        );
        await admin.query(`grant all on shop.* to ${method}`);
      }
      await admin.query('create user nopassword');
      await admin
        .query(
          `create user strange identified ${server.flavour === 'mysql' ? 'with sha256_password by "x"' : `via mysql_old_password using '378b243e220ca493'`}`,
        )
        .catch(() => undefined);
    }
  });
  afterAll(async () => {
    for (const server of Object.values(servers ?? {})) await server[Symbol.asyncDispose]();
    await certificates?.[Symbol.asyncDispose]();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  test.skipIf(!tested)('by every method, and are carried with what they proved', async () => {
    await using at = await proxiedMysql(servers);
    for (const method of methods) {
      expect(await outcome(at, { user: method, password, database: 'shop' })).toBe(`${method}@% on 11`);
      expect(await outcome(at, { user: method, password: 'wrong' })).toBe('1045 28000');
      expect(await outcome(at, { user: method, password: '' })).toBe('1045 28000');
      expect(await outcome(at, { user: method, password, database: 'nowhere' })).toMatch(/^(1049 42000|1044 42000)$/);
    }
    expect(await outcome(at, { user: 'nopassword' })).toBe('nopassword@% on 11');
    expect(await outcome(at, { user: 'nopassword', password: 'one' })).toBe('1045 28000');
    expect(await outcome(at, { user: 'nobody', password })).toBe('1045 28000');
    expect(await outcome(at, { user: 'nobody' })).toBe('1045 28000');
    const sessions = await Promise.all(methods.map(async (user) => at.connect({ user, password, database: 'shop' })));
    await at.cut('green', 1);
    for (const [index, session] of sessions.entries()) {
      const [rows] = await session.query<RowDataPacket[]>('select @@server_id as id, current_user() as who');
      expect(rows).toEqual([{ id: 22, who: `${methods[index]}@%` }]);
    }
    for (const method of methods) expect(await outcome(at, { user: method, password })).toBe(`${method}@% on 22`);
    expect(at.said.join('\n')).not.toContain('cret');
  });

  test.skipIf(!tested)('over TLS, on both ways', async () => {
    const tls = { certificateFile: path('server.crt'), keyFile: path('server.key') };
    const { authorityFile: authority } = certificates;
    await using at = await proxiedMysql(servers, { tls }, `?ssl-mode=VERIFY_IDENTITY&ssl-ca=${authority}`);
    const ssl = { ca: await readFile(authority, 'utf8') };
    for (const method of methods) {
      expect(await outcome(at, { user: method, password, ssl })).toBe(`${method}@% on 11`);
      expect(await outcome(at, { user: method, password })).toBe(`${method}@% on 11`);
      expect(await outcome(at, { user: method, password: 'wrong', ssl })).toBe('1045 28000');
    }
    const client = await at.connect({ user: methods[0] ?? '', password, ssl });
    const [rows] = await client.query<RowDataPacket[]>(`show session status like 'Ssl_cipher'`);
    expect(String(rows[0]?.['Value'])).toMatch(/^TLS_|-/);
    await at.cut('green', 1);
    const [there] = await client.query<RowDataPacket[]>('select @@server_id as id');
    expect(there).toEqual([{ id: 22 }]);
  });

  test.skipIf(!tested)('a server that cannot show who it is gets no login', async () => {
    await using stranger = await makeCertificates();
    const starts = proxiedMysql(servers, {}, `?ssl-mode=VERIFY_CA&ssl-ca=${stranger.authorityFile}`);
    await using at = await starts;
    expect((await at.router.read()).mode).toBe('holding');
  });

  test.skipIf(!tested)('another user on the same connection', async () => {
    await using at = await proxiedMysql(servers);
    const client = await at.connect({ user: 'nopassword' });
    await client.query('set @a = 1');
    for (const user of methods) {
      await client.changeUser({ user, password, database: 'shop' });
      const [rows] = await client.query<RowDataPacket[]>('select current_user() as who, @a as a, database() as db');
      expect(rows).toEqual([{ who: `${user}@%`, a: null, db: 'shop' }]);
    }
    await at.cut('green', 1);
    const [rows] = await client.query<RowDataPacket[]>('select current_user() as who, @@server_id as id');
    expect(rows).toEqual([{ who: `${methods.at(-1)}@%`, id: 22 }]);
    await expect(client.changeUser({ user: 'nobody', password })).rejects.toThrow('Access denied');
    expect(at.proxy.hub.clients).toBe(0);
  });

  test.skipIf(!tested)('too many wrong passwords are refused for a while, right ones never', async () => {
    await using at = await proxiedMysql(servers);
    const user = methods[0] ?? '';
    const tries = Array.from({ length: 40 }, async (_, attempt) => outcome(at, { user, password: `wrong ${attempt}` }));
    const seen = await Promise.all(tries);
    expect(seen.filter((each) => each === '1045 28000').length).toBeGreaterThanOrEqual(20);
    expect(seen.filter((each) => each.startsWith('1129')).length).toBeGreaterThan(0);
    expect(await outcome(at, { user, password })).toMatch(/^1129/);
    expect(await outcome(at, { user: 'nopassword' })).toBe('nopassword@% on 11');
    expect(at.said.some((line) => line.startsWith('logins are refused for a while'))).toBe(true);
  });

  test.skipIf(!tested)('an administrator who may not read accounts is told at the start', async () => {
    for (const server of Object.values(servers)) {
      await using admin = await direct(server);
      await admin.query('grant select on teal.* to nopassword').catch(() => undefined);
    }
    const { startMysqlProxy } = await import('./proxy.ts');
    const { readProxyConfig } = await import('../config.ts');
    const urlOf = (port: number): string => `mysql://nopassword@127.0.0.1:${port}/`;
    const config = readProxyConfig({
      migration: 'x',
      listen: { host: '127.0.0.1', port: 0 },
      controlPath: path('control'),
    });
    const starts = startMysqlProxy({
      config,
      blueUrl: urlOf(servers.blue.port),
      greenUrl: urlOf(servers.green.port),
      log: () => {},
    });
    const error: unknown = await starts.catch((thrown: unknown) => thrown);
    expect(isTealError(error, 'TEAL-TRAFFIC-012')).toBe(true);
  });
});
