import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chmodSync, chownSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeCertificates, type Certificates } from '../../../test/support/certificates.ts';
import { allSeries } from '../../../test/support/mysql.ts';
import { startMysql, type MysqlServer } from '../../../tools/servers/mysql.ts';
import { serverUser } from '../../../tools/servers/server-user.ts';
import { BinlogSession, type BinlogSessionOptions } from './binlog-session.ts';
import { openSession, refusal, run } from './test-support/stream.ts';

async function open(url: string, more: Partial<BinlogSessionOptions> = {}): Promise<BinlogSession> {
  const signal = new AbortController().signal;
  return BinlogSession.open({ url, applicationName: 'teal test', replica: 'teal test', signal, ...more });
}

async function asked(url: string, sql: string): Promise<string | null | undefined> {
  await using session = await open(url);
  return (await session.query(sql))[0]?.[0];
}

describe.for(allSeries)('a session for the binlog of $series', ({ series, tested }) => {
  let server: MysqlServer;
  let certificates: Certificates;
  let folder = '';
  let place = '';
  let users: readonly string[] = [];

  beforeAll(async () => {
    if (!tested) return;
    certificates = await makeCertificates();
    folder = await mkdtemp(join(tmpdir(), 'teal-tls-'));
    const user = serverUser();
    const keep = async (name: string, text: string): Promise<string> => {
      const path = join(folder, name);
      await writeFile(path, text);
      if (user !== undefined) chownSync(path, user.uid, user.gid);
      return path;
    };
    chmodSync(folder, 0o755);
    server = await startMysql({
      series,
      settings: {
        ...(series.startsWith('mariadb') ? { ssl: 'ON' } : {}),
        'ssl-cert': await keep('server.crt', certificates.server.certificate),
        'ssl-key': await keep('server.key', certificates.server.key),
      },
    });
    place = `127.0.0.1:${server.port}`;
    await using session = await openSession(`mysql://root@${place}/`);
    users = server.flavour === 'mysql' ? ['mysql_native_password', 'caching_sha2_password'] : ['mysql_native_password'];
    for (const name of users) {
      const how = server.flavour === 'mysql' ? `with ${name} by` : 'by';
      await run(session, [
        `create user ${name}@'%' identified ${how} 'sécret'`,
        `grant replication slave on *.* to ${name}@'%'`,
      ]);
    }
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await certificates?.[Symbol.asyncDispose]();
    if (folder !== '') await rm(folder, { recursive: true, force: true });
  });

  test.skipIf(!tested)(
    'logs in by the methods of the server, in clear text and encrypted, and tells who it is',
    async () => {
      const tls = 'ssl-mode=VERIFY_IDENTITY&ssl-ca=' + encodeURIComponent(certificates?.authorityFile ?? '');
      for (const user of users) {
        for (const parameters of ['', tls, 'ssl-mode=REQUIRED', '']) {
          // The first of each finds no digest in the server's cache.
          await using admin = await openSession(`mysql://root@${place}/`);
          await admin.query('flush privileges');
          const url = `mysql://${user}:${encodeURIComponent('sécret')}@${place}/?${parameters}`;
          for (const time of ['first', 'second']) {
            await using session = await open(url);
            expect(session.flavour, time).toBe(server.flavour);
            expect((await session.query('select current_user(), null'))[0]).toEqual([`${user}@%`, null]);
            const [cipher] = await session.query(`show session status like 'Ssl_cipher'`);
            expect((cipher?.[1] ?? '') !== '').toBe(parameters !== '');
          }
        }
        const wrong = await refusal(open(`mysql://${user}:wrong@${place}/`));
        expect([wrong.code, wrong.entry.retry]).toEqual(['TEAL-SYSTEMS-002', 'operator']);
        expect(JSON.stringify(wrong.facts) + wrong.message).not.toContain('wrong');
      }
      expect(await asked(`mysql://root@localhost/?socket=${server.dataDir}/server.sock`, 'select 7')).toBe('7');
    },
  );

  test.skipIf(!tested)('says why it cannot be made', async () => {
    const code = async (url: string, more: Partial<BinlogSessionOptions> = {}): Promise<string> =>
      (await refusal(open(url, more))).code;
    expect(await code('mysql://root@127.0.0.1:1/')).toBe('TEAL-SYSTEMS-001');
    expect(await code('postgres://x')).toBe('TEAL-SYSTEMS-009');
    await using others = await makeCertificates();
    const authority = encodeURIComponent(others.authorityFile);
    expect(await code(`mysql://root@${place}/?ssl-mode=VERIFY_CA&ssl-ca=${authority}`)).toBe('TEAL-SYSTEMS-004');
    await using session = await open(`mysql://root@${place}/`);
    const failed = await refusal(session.query('select nothing from mysql.nowhere'));
    expect([failed.code, failed.facts['number']]).toEqual(['TEAL-SYSTEMS-007', 1146]);
    expect((await session.query('select 1'))[0]).toEqual(['1']);
    const reason = new AbortController();
    await using stopped = await open(`mysql://root@${place}/`, { signal: reason.signal });
    const waits = stopped.query('select sleep(60)');
    reason.abort(new Error('enough'));
    await expect(waits).rejects.toThrow('enough');
  });

  test.skipIf(!tested)('is taken for dead when it is silent', async () => {
    await using session = await open(`mysql://root@${place}/`, { silenceTimeoutMs: 1_000 });
    const error = await refusal(session.query('select sleep(30)'));
    expect([error.code, error.entry.retry]).toEqual(['TEAL-SYSTEMS-028', 'auto']);
  });

  test.skipIf(!tested)('needs the right to replicate', async () => {
    await using admin = await openSession(`mysql://root@${place}/`);
    await run(admin, [`create user if not exists nobody_much@'%'`]);
    await using session = await open(`mysql://nobody_much@${place}/`);
    expect((await refusal(session.register())).code).toBe('TEAL-SYSTEMS-010');
  });
});
