import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Daemon } from './daemon.ts';
import { installMysql, type MysqlSeries } from './install-mysql.ts';
import { environmentOf, makeMysqlDataDir, mysqlPidFile, serverArguments, type MysqlOptions } from './mysql-instance.ts';
import { watchOver } from './watcher.ts';

export interface MysqlServer {
  readonly series: MysqlSeries;
  readonly flavour: 'mariadb' | 'mysql';
  /** `root`, who has no password, by TCP on loopback. */
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly dataDir: string;
  readonly logFile: string;
  /** Undefined while it is down. */
  readonly pid: number | undefined;
  /** Resolves when the process is gone, in good order. Twice is harmless. */
  stop(): Promise<void>;
  kill9(): Promise<void>;
  /** On the same port and the same data; also after `stop` and `kill9`. `settings`: on top of those that it was first started with, until its next start. */
  restart(settings?: MysqlOptions['settings']): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A real server of its own, ready for connections, with a binlog in ROW format, full images and full metadata, and GTIDs. It ends with this process, however
 * that ends, and its data go with it (see watcher.ts). TEAL-TOOLS-001, -003 or -004 when it cannot be installed, -002 when it does not come up.
 */
export async function startMysql(options: MysqlOptions): Promise<MysqlServer> {
  const installed = await installMysql(options.series);
  const dataDir = await makeMysqlDataDir(installed);
  const watcher = watchOver(dataDir, 'remove', mysqlPidFile);
  const daemon = new Daemon({
    name: options.series,
    dataDir,
    pidFile: mysqlPidFile,
    env: environmentOf(installed),
    ready: /ready for connections/,
    portTaken: /Address already in use/,
    command: async (port, more) => {
      const settings = { ...options.settings, ...more };
      const place = [`--port=${port}`, `--socket=${join(dataDir, 'server.sock')}`];
      return [installed.program, ...serverArguments(installed, dataDir, settings), ...place];
    },
  });
  const dispose = async (): Promise<void> => {
    // Nobody will look at the data again.
    await daemon.end('SIGKILL');
    await watcher.dismiss();
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    await daemon.start(options.port);
  } catch (error) {
    await dispose();
    throw error;
  }
  return Object.freeze({
    series: options.series,
    flavour: installed.flavour,
    host: '127.0.0.1' as const,
    port: daemon.port,
    dataDir,
    logFile: daemon.logFile,
    get pid() {
      return daemon.pid;
    },
    stop: async () => daemon.end('SIGTERM'),
    kill9: async () => daemon.end('SIGKILL'),
    restart: async (settings?: MysqlOptions['settings']) => {
      await daemon.end('SIGTERM');
      await daemon.start(daemon.port, settings);
    },
    [Symbol.asyncDispose]: dispose,
  });
}
