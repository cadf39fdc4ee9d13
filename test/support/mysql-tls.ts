import { chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MysqlOptions } from '../../tools/servers/mysql-instance.ts';
import { startMysql, type MysqlServer } from '../../tools/servers/mysql.ts';
import { serverUser } from '../../tools/servers/server-user.ts';
import type { Certificates } from './certificates.ts';

/** A server that shows the certificate of these, and takes clients' of the same authority. */
export async function startTlsMysql(certificates: Certificates, options: MysqlOptions): Promise<MysqlServer> {
  const folder = await mkdtemp(join(tmpdir(), 'teal-mysql-tls-'));
  const user = serverUser();
  const keep = async (name: string, text: string): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, text);
    if (user !== undefined) await chown(path, user.uid, user.gid);
    return path;
  };
  try {
    await chmod(folder, 0o755);
    return await startMysql({
      ...options,
      settings: {
        ...(options.series.startsWith('mariadb') ? { ssl: 'ON' } : {}),
        'ssl-ca': await keep('ca.crt', await readFile(certificates.authorityFile, 'utf8')),
        'ssl-cert': await keep('server.crt', certificates.server.certificate),
        'ssl-key': await keep('server.key', certificates.server.key),
        ...options.settings,
      },
    });
  } finally {
    // It has read them.
    await rm(folder, { recursive: true, force: true });
  }
}
