import { readFile } from 'node:fs/promises';
import { describeError, isTealError, TealError } from '../../kernel/errors.ts';
import { readAuthFile } from './auth-file.ts';
import type { ProxyConfig } from './config.ts';
import { ControlServer } from './control.ts';
import { Hub } from './hub.ts';
import { identityOf, type ProxyAbout } from './identity.ts';
import { Reception } from './reception.ts';
import { SideDesk } from './side-desk.ts';
import { readTarget } from './target.ts';
import { Verifiers } from './verifiers.ts';

export interface ProxyOptions {
  readonly config: ProxyConfig;
  readonly blueUrl: string;
  readonly greenUrl: string;
  /** Default: `controller`. */
  readonly startedBy?: ProxyAbout['startedBy'];
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

export interface RunningProxy {
  readonly port: number;
  readonly hub: Hub;
  /** Resolves when the proxy was told to stop, by `stop` or over its control socket. */
  readonly stopped: Promise<void>;
  /** Idle sessions end at once, others when their transaction has ended, after `graceMs` (default: `stopGraceMs` of the configuration) all of them. */
  stop(graceMs?: number): Promise<void>;
}

/** Starts the proxy in this process: first it learns who owns the data, then it takes clients and orders. */
export async function startProxy(options: ProxyOptions): Promise<RunningProxy> {
  const { config, log } = options;
  const [blue, green] = [readTarget('blue', options.blueUrl), readTarget('green', options.greenUrl)];
  const desks = {
    blue: new SideDesk(blue.target, blue.admin, config.connectTimeoutMs),
    green: new SideDesk(green.target, green.admin, config.connectTimeoutMs),
  };
  const { pinned, connectTimeoutMs, stragglerMs, warmLimitMs, known, authFile } = config;
  const hub = new Hub({ desks, pinned, connectTimeoutMs, stragglerMs, warmLimitMs, known, log });
  const verifiers = new Verifiers(
    authFile === undefined
      ? async (user) => desks[hub.side].verifier(user)
      : async (user) => (await readAuthFile(authFile)).get(user),
  );
  const identity = identityOf(config, blue.target, green.target);
  const databases = new Set([blue.target.database, green.target.database]);
  const reception = new Reception({ hub, verifiers, config, databases, log, ...(await readTls(config)) });
  const ended = Promise.withResolvers<void>();
  let port = 0;
  const control = new ControlServer(config.controlPath, {
    hub,
    about: () => ({ pid: process.pid, port, startedBy: options.startedBy ?? 'controller', ...identity }),
    stop: () => void stop(),
  });
  const stop = async (graceMs = config.stopGraceMs): Promise<void> => {
    reception.stop();
    await control.stop();
    await hub.stop(graceMs);
    ended.resolve();
  };
  try {
    await checkVerifiers(config, desks, log);
    await hub.start();
    port = await reception.listen();
    await control.listen();
  } catch (error) {
    await stop(0);
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

/** What would fail at the first login is found before anybody is let in. A side that is away is asked by the first login that needs it. */
async function checkVerifiers(
  config: ProxyConfig,
  desks: Readonly<Record<'blue' | 'green', SideDesk>>,
  log: ProxyOptions['log'],
): Promise<void> {
  if (config.clientAuth === 'trust') return;
  if (config.authFile !== undefined) {
    await readAuthFile(config.authFile);
    return;
  }
  for (const desk of Object.values(desks)) {
    const { side } = desk.target;
    try {
      if (await desk.mayReadVerifiers()) continue;
    } catch (error) {
      if (!isTealError(error, 'TEAL-TRAFFIC-002')) throw error;
      log('a side could not be asked whether passwords may be read', { side, because: describeError(error) });
      continue;
    }
    throw new TealError('TEAL-TRAFFIC-012', `pg_authid of ${side} may not be read by the proxy`, { side });
  }
}
