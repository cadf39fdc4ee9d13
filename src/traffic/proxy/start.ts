import { TealError } from '../../kernel/errors.ts';
import { processesOf } from './config.ts';
import { startMysqlProxy } from './mysql/proxy.ts';
import { startProxy } from './proxy.ts';
import type { Host, ProxyOptions, RunningProxy } from './serve.ts';
import { isMysqlUrl } from './target.ts';
import { startWorkers, type WorkersOptions } from './workers/start.ts';

/** Starts the proxy of the family that both addresses name, in as many processes as its configuration says. Errors: TEAL-TRAFFIC-006 when they name two, and those of its start. */
export async function startProxyOfPair(options: WorkersOptions): Promise<RunningProxy> {
  checkFamily(options);
  const count = processesOf(options.config);
  return count === 1 ? startHere(options) : startWorkers(options, count);
}

/** The same in this process, by default alone. */
export async function startHere(options: ProxyOptions, host?: Host): Promise<RunningProxy> {
  checkFamily(options);
  return isMysqlUrl(options.blueUrl) ? startMysqlProxy(options, host) : startProxy(options, host);
}

function checkFamily({ blueUrl, greenUrl }: ProxyOptions): void {
  if (isMysqlUrl(blueUrl) === isMysqlUrl(greenUrl)) return;
  throw new TealError('TEAL-TRAFFIC-006', 'a client of one family of databases cannot be carried to another');
}
