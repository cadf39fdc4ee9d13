import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Side } from '../model/catalog.ts';
import { ensureProxy, type ProxyRouter } from '../traffic/proxy/client.ts';
import type { ProxyConfigInput } from '../traffic/proxy/config.ts';
import type { CarrierConnection } from './connect-carrier.ts';
import { programUrl } from './program.ts';
import { supervisorFolder } from './wanted.ts';

/** What a supervisor must know to start things, without secrets: addresses go by the environment of its process. */
export interface SupervisorConfig {
  readonly version: 1;
  /** The migration file, absolute: a recovery reads it. */
  readonly file: string;
  readonly carrier: Omit<CarrierConnection, 'urls' | 'connect'>;
  /** Absent where clients pass through something else. */
  readonly proxy?: ProxyConfigInput;
}

export const supervisorBlueUrl = 'TEAL_SUPERVISOR_BLUE_URL';
export const supervisorGreenUrl = 'TEAL_SUPERVISOR_GREEN_URL';
/** `ConnectSpec` as JSON, where Kafka Connect carries. */
export const supervisorConnect = 'TEAL_SUPERVISOR_CONNECT';

export function supervisorPaths(stateDir: string): Readonly<Record<'config' | 'lock' | 'log' | 'state', string>> {
  const folder = supervisorFolder(stateDir);
  return {
    config: join(folder, 'config.json'),
    lock: join(folder, 'lock'),
    log: join(folder, 'log'),
    state: join(folder, 'state.json'),
  };
}

/** Whoever reads it sees the old text or the new one. For its owner only. */
export async function replaceFile(path: string, value: unknown): Promise<void> {
  await writeFile(`${path}.new`, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

export async function readSupervisorConfig(path: string): Promise<SupervisorConfig> {
  return JSON.parse(await readFile(path, 'utf8')) as SupervisorConfig;
}

/** The proxy of a migration: the running one, or one that is started. */
export async function startProxyOf(
  stateDir: string,
  config: ProxyConfigInput,
  urls: Readonly<Record<Side, string>>,
): Promise<ProxyRouter> {
  const entry = fileURLToPath(programUrl('proxy-main'));
  return ensureProxy({ entry, stateDir, config, blueUrl: urls.blue, greenUrl: urls.green });
}
