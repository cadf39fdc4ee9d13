import { TealError } from '../../kernel/errors.ts';
import { readAuthFile } from './auth-file.ts';
import type { ProxyConfig } from './config.ts';
import { Hub } from './hub.ts';
import { Reception } from './reception.ts';
import { alone, askEachSide, readTls, type Host, type ProxyOptions, type RunningProxy } from './serve.ts';
import { shadowDesk } from './shadow/desk.ts';
import { SideDesk } from './side-desk.ts';
import { readTarget } from './target.ts';
import { Verifiers } from './verifiers.ts';

/** Starts the proxy of PostgreSQL in this process, by default alone. */
export async function startProxy(
  options: ProxyOptions,
  host: Host = alone,
): Promise<RunningProxy & { readonly hub: Hub }> {
  const { config, log } = options;
  const [blue, green] = [readTarget('blue', options.blueUrl), readTarget('green', options.greenUrl)];
  const desks = {
    blue: new SideDesk(blue.target, blue.admin, config.connectTimeoutMs),
    green: new SideDesk(green.target, green.admin, config.connectTimeoutMs),
  };
  const { pinned, connectTimeoutMs, stragglerMs, warmLimitMs, known, authFile } = config;
  const { peers } = host;
  const processes = peers?.count;
  const hub = new Hub({
    desks,
    pinned,
    connectTimeoutMs,
    stragglerMs,
    warmLimitMs,
    known,
    processes,
    log,
    shadowDesk: shadowDesk({ blue, green }, config.migration, connectTimeoutMs),
    canaryDesk: shadowDesk({ blue, green }, config.migration, connectTimeoutMs),
    place: peers?.place,
  });
  const verifiers = new Verifiers(
    () => hub.side,
    authFile === undefined
      ? async (side, user) => desks[side].verifier(user)
      : async (_, user) => (await readAuthFile(authFile)).get(user),
  );
  const databases = new Set([blue.target.database, green.target.database]);
  const reception = new Reception({ hub, verifiers, config, databases, peers, log, ...(await readTls(config)) });
  const running = await host.run(options, {
    hub,
    shadow: hub.shadow,
    canary: hub.canary,
    capture: hub.capture,
    ...(peers === undefined ? { tenancy: hub.tenancy } : {}),
    targets: { blue: blue.target, green: green.target },
    reception,
    check: async () => checkVerifiers(config, desks, log),
    forPeers: { cancel: async (pid, secret) => hub.cancel(pid, secret), backendOn: () => undefined },
  });
  return { ...running, hub };
}

async function checkVerifiers(
  config: ProxyConfig,
  desks: Readonly<Record<'blue' | 'green', SideDesk>>,
  log: ProxyOptions['log'],
): Promise<void> {
  if (config.authFile !== undefined) {
    await readAuthFile(config.authFile);
    return;
  }
  await askEachSide(desks, log, async (desk) => {
    if (await desk.mayReadVerifiers()) return;
    const { side } = desk.target;
    throw new TealError('TEAL-TRAFFIC-012', `pg_authid of ${side} may not be read by the proxy`, { side });
  });
}
