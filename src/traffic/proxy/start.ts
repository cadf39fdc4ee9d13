import { TealError } from '../../kernel/errors.ts';
import { startMysqlProxy } from './mysql/proxy.ts';
import { startProxy } from './proxy.ts';
import type { ProxyOptions, RunningProxy } from './serve.ts';
import { isMysqlUrl } from './target.ts';

/** Starts the proxy of the family that both addresses name. Errors: TEAL-TRAFFIC-006 when they name two, and those of its start. */
export async function startProxyOfPair(options: ProxyOptions): Promise<RunningProxy> {
  const [blue, green] = [isMysqlUrl(options.blueUrl), isMysqlUrl(options.greenUrl)];
  if (blue !== green)
    throw new TealError('TEAL-TRAFFIC-006', 'a client of one family of databases cannot be carried to another');
  return blue ? startMysqlProxy(options) : startProxy(options);
}
