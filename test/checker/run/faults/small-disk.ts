import { chown, mkdtemp, open, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isTealError } from '../../../../src/kernel/errors.ts';
import { runProgram } from '../../../../tools/servers/run-program.ts';
import { serverUser } from '../../../../tools/servers/server-user.ts';
import { execute, withClient } from '../../../../tools/servers/with-client.ts';
import type { Injector } from '../world.ts';
import { alter } from './alter.ts';

const sizeMegabytes = 64;
/** Larger ones stay where they are: they would not go on it. */
const movedBytes = 4 << 20;
const tablespace = 'small_disk';

/**
 * The small tables of green are put on a disk of their own (a tmpfs: it takes root), which is then filled to its last byte: what makes one of them longer is refused by the
 * system itself. Green's log stays where it is, so that green lives.
 */
const diskFullGreen: Injector = async (world) => {
  const url = world.url('green');
  const folder = await mkdtemp(join(tmpdir(), 'teal-small-disk-'));
  const tables: string[] = [];
  const unmount = async (): Promise<void> => {
    await runProgram('umount', [folder]);
    await rmdir(folder);
  };
  await mount(folder);
  const heal = async (): Promise<void> => {
    await rm(join(folder, 'filler'), { force: true });
    for (const table of tables) await alter(url, `alter table ${table} set tablespace pg_default`, true);
    await execute(url, [`drop tablespace if exists ${tablespace}`]);
    await unmount();
  };
  try {
    const user = serverUser();
    if (user !== undefined) await chown(folder, user.uid, user.gid);
    await execute(url, [`create tablespace ${tablespace} location '${folder}'`]);
    for (const table of await smallTables(url)) {
      tables.push(table);
      await alter(url, `alter table ${table} set tablespace ${tablespace}`, true);
    }
    await fill(join(folder, 'filler'));
  } catch (error) {
    await heal();
    throw error;
  }
  return { what: `no room for ${tables.join(', ')} on green`, heal };
};

/** Whether this machine lets this process mount a disk: many containers do not, even for root. */
export async function mayMount(): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'teal-small-disk-'));
  try {
    await mount(folder);
    await runProgram('umount', [folder]);
    return true;
  } catch (error) {
    if (isTealError(error, 'TEAL-TOOLS-005')) return false;
    throw error;
  } finally {
    await rmdir(folder);
  }
}

async function mount(folder: string): Promise<void> {
  await runProgram('mount', ['-t', 'tmpfs', '-o', `size=${sizeMegabytes}m,mode=700`, 'teal-small-disk', folder]);
}

async function smallTables(url: string): Promise<readonly string[]> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `select oid::regclass::text as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace
         and pg_table_size(oid) < ${movedBytes} order by 1`,
    );
    return rows.map(({ name }) => name);
  });
}

async function fill(path: string): Promise<void> {
  await using file = await open(path, 'w');
  const block = Buffer.alloc(1 << 20);
  try {
    for (let written = 0; written <= sizeMegabytes; written += 1) await file.write(block);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return;
    throw error;
  }
  throw new Error('a disk of a stated size has no end');
}

export const smallDiskFaults: Readonly<Record<string, Injector>> = { 'disk full green': diskFullGreen };
