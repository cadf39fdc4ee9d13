import { describeError } from '../../../src/kernel/errors.ts';
import { drivers, type Driver } from '../schedule.ts';
import { openBridge } from './bridge.ts';
import { bridges } from './bridges.ts';
import type { OpenDriver } from './driver.ts';
import { openFollowing } from './following.ts';
import { openMysql2 } from './mysql2.ts';
import { openNodePostgres } from './node-postgres.ts';
import { openPostgresJs } from './postgres-js.ts';

/** A pool of `size` connections. `url` as in `ClientProcess`. Installs what is needed where that has not been done; throws where it cannot be. */
export async function openDriver(driver: Driver, url: string, size: number): Promise<OpenDriver> {
  if (driver === 'node-postgres') return openNodePostgres(url, size);
  if (driver === 'postgres.js') return openPostgresJs(url);
  if (driver === 'mysql2') return openMysql2(url, size);
  if (driver === 'mysql2 and pg') {
    const [blue = '', green = ''] = url.split(' ');
    return openFollowing({ blue, green }, size);
  }
  if (driver === 'pgbench') throw new Error('pgbench runs scripts: it has no connections to borrow');
  return openBridge(await bridges[driver](), url, size);
}

/** Those of `wanted` (default all) that can be used here. Installs and compiles what has not been; says of the others why not, on standard error. */
export async function installedDrivers(wanted: readonly Driver[] = drivers): Promise<readonly Driver[]> {
  const installed: Driver[] = [];
  for (const driver of wanted) {
    try {
      await install(driver);
      installed.push(driver);
    } catch (error) {
      process.stderr.write(`clients without ${driver}: ${describeError(error)}\n`);
    }
  }
  return installed;
}

/** A program of its own. */
function isBridged(driver: Driver): driver is keyof typeof bridges {
  return driver in bridges;
}

async function install(driver: Driver): Promise<void> {
  if (isBridged(driver)) await bridges[driver]();
}
