import { join } from 'node:path';
import { must } from '../../src/kernel/assert.ts';
import { runToEnd } from '../measure.ts';
import { account, database } from '../mysql-pair.ts';
import { debianPackages, librariesOf } from '../../tools/servers/debian.ts';
import { peerProgram, type PeerProgram } from './peer-program.ts';

/** Debian 12's 1.0.20: what speaks for the clients, as pgbench does for those of PostgreSQL. */
export interface Sysbench extends PeerProgram {
  readonly scripts: string;
}

export interface Told {
  readonly transactions: number;
  readonly seconds: number;
  readonly averageMs: number;
  readonly p99Ms: number;
}

export async function installSysbench(): Promise<Sysbench> {
  const packages = ['sysbench', 'libluajit-5.1-2', 'libluajit-5.1-common', 'libmariadb3', 'libpq5', 'libaio1'];
  const root = await debianPackages(`sysbench-${process.arch}`, packages);
  const program = await peerProgram('sysbench', join(root, 'usr/bin/sysbench'), librariesOf(root));
  return Object.freeze({ ...program, scripts: join(root, 'usr/share/sysbench') });
}

export interface Load {
  readonly port: number;
  readonly mode: 'simple' | 'prepared';
  readonly clients: number;
  /** Of all clients together. */
  readonly transactions: number;
}

const tableRows = 100_000;

/** The table that is looked into, in `database`, which must be there. */
export async function prepareSysbench(program: Sysbench, port: number): Promise<void> {
  await run(program, port, 'prepare', []);
}

/** Reads of one row by its key, each client on its connection; resolves when all are done. */
export async function pointSelects(program: Sysbench, load: Load): Promise<Told> {
  const { port, mode, clients, transactions } = load;
  const said = await run(program, port, 'run', [
    `--threads=${clients}`,
    `--events=${transactions}`,
    '--time=0',
    '--percentile=99',
    '--skip-trx=on',
    `--db-ps-mode=${mode === 'prepared' ? 'auto' : 'disable'}`,
    '--rand-type=uniform',
    '--rand-seed=1',
  ]);
  return toldBy(said);
}

export function toldBy(said: string): Told {
  const read = (pattern: RegExp): number => Number(must(pattern.exec(said)?.[1], `what sysbench says of ${pattern}`));
  const failed = read(/ignored errors:\s+(\d+)/) + read(/reconnects:\s+(\d+)/);
  if (failed > 0) throw new Error(`sysbench tells ${failed} errors`);
  return {
    transactions: read(/transactions:\s+(\d+)/),
    seconds: read(/total time:\s+([\d.]+)s/),
    averageMs: read(/avg:\s+([\d.]+)/),
    p99Ms: read(/99th percentile:\s+([\d.]+)/),
  };
}

async function run(program: Sysbench, port: number, command: string, more: readonly string[]): Promise<string> {
  const args = [
    'oltp_point_select',
    '--db-driver=mysql',
    '--mysql-host=127.0.0.1',
    `--mysql-port=${port}`,
    `--mysql-user=${account.user}`,
    `--mysql-password=${account.password}`,
    `--mysql-db=${database}`,
    '--tables=1',
    `--table-size=${tableRows}`,
    ...more,
    command,
  ];
  return runToEnd(program.path, args, { env: { ...program.env, LUA_PATH: `${program.scripts}/?.lua;;` } });
}
