import { fileURLToPath } from 'node:url';
import type { ProxyOptions, RunningProxy } from '../serve.ts';
import { startProxyOfPair } from '../start.ts';

const workerEntry = fileURLToPath(new URL('../../../app/proxy-worker-main.ts', import.meta.url));

/** Starts a proxy as users do: this process directs those that serve, if its configuration says so. */
export async function startAsUsersDo(options: ProxyOptions): Promise<RunningProxy> {
  return startProxyOfPair({ ...options, workerEntry });
}
