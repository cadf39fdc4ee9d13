import { appendFile, chown, copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must } from '../../../../src/kernel/assert.ts';
import { waitFor } from '../../../../src/kernel/clock.ts';
import { startPostgres, type PostgresServer } from '../../../../tools/servers/postgres.ts';
import { serverUser } from '../../../../tools/servers/server-user.ts';
import { execute, withClient } from '../../../../tools/servers/with-client.ts';

/** Of the standby's session and of its slot. */
const name = 'standby_of_blue';

/** What a base backup leaves out: what is the running server's own, its log, which is streamed, and its slots, which a standby does not have. */
const leftOut: ReadonlySet<string> = new Set(['postmaster.pid', 'postmaster.opts', 'server.log']);
const leftEmpty: ReadonlySet<string> = new Set(['pg_wal', 'pg_replslot', 'pg_stat_tmp', 'pg_dynshmem', 'pg_notify']);

/** A physical standby of a server that runs, without which no commit is acknowledged from now on. `promote` makes it a primary of its own. */
export async function startStandby(primary: PostgresServer): Promise<PostgresServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'teal-standby-'));
  let standby: PostgresServer | undefined;
  const remove = async (): Promise<void> => {
    await standby?.[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    await backUp(primary, dataDir);
    standby = await startPostgres({ major: primary.major, dataDir });
    await takePart(primary);
  } catch (error) {
    await remove();
    throw error;
  }
  return Object.freeze(Object.create(standby, { [Symbol.asyncDispose]: { value: remove } }) as PostgresServer);
}

/** The base backup of the manual ("Making a Base Backup Using the Low Level API"): the installed servers come without pg_basebackup. */
async function backUp(primary: PostgresServer, dataDir: string): Promise<void> {
  const [start, stop] =
    primary.major >= 15
      ? [`pg_backup_start('${name}', true)`, 'pg_backup_stop(false)']
      : [`pg_start_backup('${name}', true, false)`, 'pg_stop_backup(false, false)'];
  await withClient(primary.url, async (client) => {
    await client.query(`select pg_create_physical_replication_slot('${name}', true)`);
    await client.query(`select ${start}`);
    await copyFolder(primary.dataDir, dataDir);
    const { rows } = await client.query<{ labelfile: string }>(`select labelfile from ${stop}`);
    await writeFile(join(dataDir, 'backup_label'), must(rows[0], 'the end of the backup').labelfile);
  });
  const { hostname, port, username } = new URL(primary.url);
  await appendFile(
    join(dataDir, 'postgresql.auto.conf'),
    `primary_conninfo = 'host=${hostname} port=${port} user=${username} application_name=${name}'\nprimary_slot_name = '${name}'\n`,
  );
  await writeFile(join(dataDir, 'standby.signal'), '');
  await giveAll(dataDir);
}

async function copyFolder(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (leftOut.has(entry.name)) continue;
    if (entry.isDirectory()) {
      await mkdir(target, { mode: 0o700 });
      if (!leftEmpty.has(entry.name)) await copyFolder(source, target);
    } else {
      await copyIfThere(source, target);
    }
  }
}

/** What is gone meanwhile the log takes care of. */
async function copyIfThere(source: string, target: string): Promise<void> {
  try {
    await copyFile(source, target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

async function giveAll(folder: string): Promise<void> {
  const user = serverUser();
  if (user === undefined) return;
  for (const entry of await readdir(folder, { recursive: true })) await chown(join(folder, entry), user.uid, user.gid);
}

async function takePart(primary: PostgresServer): Promise<void> {
  await execute(primary.url, [`alter system set synchronous_standby_names = '${name}'`, 'select pg_reload_conf()']);
  await waitFor({ what: 'the standby to take part in commits', timeoutMs: 60_000 }, async () =>
    withClient(primary.url, async (client) => {
      const { rows } = await client.query(
        `select from pg_stat_replication where application_name = '${name}' and state = 'streaming' and sync_state = 'sync'`,
      );
      return rows.length > 0 || undefined;
    }),
  );
}
