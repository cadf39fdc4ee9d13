import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { TealError } from '../kernel/errors.ts';
import type { RouterState } from '../ports/router.ts';
import { familyOf, noProxyBetween } from '../spec/families.ts';
import { aboutIfThere, ProxyRouter } from '../traffic/proxy/client.ts';
import { readProxyConfig } from '../traffic/proxy/config.ts';
import type { ProxyStats } from '../traffic/proxy/hub.ts';
import { mismatchOf, wantedIdentity, type ProxyAbout } from '../traffic/proxy/identity.ts';
import type { LoadedSpec } from './load-spec.ts';
import { programUrl } from './program.ts';
import { proxyOf } from './proxy-config.ts';

/**
 * Runs the proxy of a migration file in this process until a signal of the process ends it: SIGTERM or SIGINT let transactions that run end, a second one does
 * not. Logs JSON lines to standard output. Errors: TEAL-TRAFFIC-013 it runs already, -006 the file has none, those of its start.
 */
export async function serveProxy(loaded: LoadedSpec): Promise<void> {
  const { config: input, blueUrl, greenUrl } = proxyOfFile(loaded);
  const config = readProxyConfig(input);
  const running = await aboutIfThere(new ProxyRouter(config.controlPath));
  if (running !== undefined) {
    throw new TealError('TEAL-TRAFFIC-013', `the proxy of ${config.migration} runs already (pid ${running.pid})`, {
      pid: running.pid,
    });
  }
  const logger = pino({ base: { process: 'proxy', migration: config.migration } });
  const log = (event: string, facts: Readonly<Record<string, unknown>>): void => logger.info(facts, event);
  const workerEntry = fileURLToPath(programUrl('proxy-worker-main'));
  // The proxy itself, of which other commands want the words alone.
  const { startProxyOfPair } = await import('../traffic/proxy/start.ts');
  const proxy = await startProxyOfPair({ config, blueUrl, greenUrl, workerEntry, startedBy: 'user', log });
  let asked = false;
  const stop = (signal: string): void => {
    logger.info({ signal, now: asked }, 'ending');
    void proxy.stop(asked ? 0 : undefined);
    asked = true;
  };
  const hangUp = (): void => undefined;
  process.on('SIGTERM', stop).on('SIGINT', stop).on('SIGHUP', hangUp);
  try {
    await proxy.stopped;
  } finally {
    process.off('SIGTERM', stop).off('SIGINT', stop).off('SIGHUP', hangUp);
  }
  logger.info('ended');
}

export type ProxyStatus =
  | { readonly running: false; readonly listen: string }
  | {
      readonly running: true;
      /** Why a controller would not take it; absent when it would. */
      readonly mismatch?: string;
      readonly about: ProxyAbout;
      readonly state: RouterState;
      readonly stats: ProxyStats;
    };

/** What the proxy of a migration file says of itself. Asks every idle session's backend for its state, so that sessions that cannot cross are told. */
export async function proxyStatus(loaded: LoadedSpec): Promise<ProxyStatus> {
  const options = proxyOfFile(loaded);
  const router = new ProxyRouter(options.config.controlPath);
  const about = await aboutIfThere(router);
  const { listenHost, listenPort } = loaded.spec.traffic;
  if (about === undefined) return { running: false, listen: `${listenHost}:${listenPort}` };
  const mismatch = mismatchOf(wantedIdentity(options), about);
  await router.look();
  const [state, stats] = [await router.read(), await router.stats()];
  return { running: true, ...(mismatch === undefined ? {} : { mismatch: mismatch.message }), about, state, stats };
}

/** The proxy of a migration file. Errors: TEAL-TRAFFIC-006 it has none. */
export function proxyOfFile(loaded: LoadedSpec): ReturnType<typeof proxyOf> {
  const { traffic, blue, green } = loaded.spec;
  if (traffic.router === 'proxy') return proxyOf(loaded);
  const why = familyOf(blue.system) === familyOf(green.system) ? '' : `; ${noProxyBetween(blue.system, green.system)}`;
  throw new TealError('TEAL-TRAFFIC-006', `the migration has no proxy: \`traffic.router\` is none${why}`);
}
