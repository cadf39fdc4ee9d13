import { describeError } from '../../../src/kernel/errors.ts';
import { drivers, type Driver } from '../schedule.ts';
import { openBridge } from './bridge.ts';
import { bridges } from './bridges.ts';
import type { OpenDriver } from './driver.ts';
import { openNodePostgres } from './node-postgres.ts';
import { openPostgresJs } from './postgres-js.ts';

/** A pool of `size` connections. Installs what is needed where that has not been done; throws where it cannot be. */
export async function openDriver(driver: Driver, url: string, size: number): Promise<OpenDriver> {
  if (driver === 'node-postgres') return openNodePostgres(url, size);
  if (driver === 'postgres.js') return openPostgresJs(url);
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

async function install(driver: Driver): Promise<void> {
  if (driver === 'node-postgres' || driver === 'postgres.js' || driver === 'pgbench') return;
  await bridges[driver]();
}
