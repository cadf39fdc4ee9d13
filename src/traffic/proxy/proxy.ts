import { readFile } from 'node:fs/promises';
import type { ProxyConfig } from './config.ts';
import { ControlServer } from './control.ts';
import { Hub } from './hub.ts';
import { Reception } from './reception.ts';
import { SideDesk } from './side-desk.ts';
import { readTarget } from './target.ts';
import { Verifiers } from './verifiers.ts';

export interface ProxyOptions {
  readonly config: ProxyConfig;
  readonly blueUrl: string;
  readonly greenUrl: string;
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

export interface RunningProxy {
  readonly port: number;
  readonly hub: Hub;
  /** Resolves when the proxy was told to stop, by `stop` or over its control socket. */
  readonly stopped: Promise<void>;
  stop(): Promise<void>;
}

/** Starts the proxy in this process: first it learns who owns the data, then it takes clients and orders. */
export async function startProxy(options: ProxyOptions): Promise<RunningProxy> {
  const { config, log } = options;
  const [blue, green] = [readTarget('blue', options.blueUrl), readTarget('green', options.greenUrl)];
  const desks = {
    blue: new SideDesk(blue.target, blue.admin, config.connectTimeoutMs),
    green: new SideDesk(green.target, green.admin, config.connectTimeoutMs),
  };
  const { pinned, connectTimeoutMs, stragglerMs, warmLimitMs } = config;
  const hub = new Hub({ desks, pinned, connectTimeoutMs, stragglerMs, warmLimitMs, log });
  const verifiers = new Verifiers(async (user) => desks[hub.side].verifier(user));
  const databases = new Set([blue.target.database, green.target.database]);
  const reception = new Reception({ hub, verifiers, config, databases, log, ...(await readTls(config)) });
  const ended = Promise.withResolvers<void>();
  let port = 0;
  const control = new ControlServer(config.controlPath, {
    hub,
    about: () => ({ pid: process.pid, port }),
    stop: () => void stop(),
  });
  const stop = async (): Promise<void> => {
    reception.stop();
    hub.stop();
    await control.stop();
    ended.resolve();
  };
  try {
    await hub.start();
    port = await reception.listen();
    await control.listen();
  } catch (error) {
    await stop();
    throw error;
  }
  log('listening', { host: config.listen.host, port, side: hub.side });
  return { port, hub, stopped: ended.promise, stop };
}

async function readTls(config: ProxyConfig): Promise<{ tls?: { certificate: string; key: string } }> {
  if (config.tls === undefined) return {};
  const { certificateFile, keyFile } = config.tls;
  return { tls: { certificate: await readFile(certificateFile, 'utf8'), key: await readFile(keyFile, 'utf8') } };
}
