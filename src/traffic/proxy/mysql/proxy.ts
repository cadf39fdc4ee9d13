import { isTealError, TealError } from '../../../kernel/errors.ts';
import { alone, askEachSide, readTls, type Host, type ProxyOptions, type RunningProxy } from '../serve.ts';
import { Verifiers } from '../verifiers.ts';
import { makePasswordKey } from './client-login.ts';
import { MysqlDesk, type Account } from './desk.ts';
import { MysqlHub } from './hub.ts';
import { MysqlReception } from './reception.ts';
import { mysqlShadowDesk, type MysqlShadowDesk } from './shadow/desk.ts';
import { readMysqlTarget } from './target.ts';

/** Starts the proxy of MySQL and MariaDB in this process, by default alone. */
export async function startMysqlProxy(
  options: ProxyOptions,
  host: Host = alone,
): Promise<RunningProxy & { readonly hub: MysqlHub }> {
  const { config, log } = options;
  if (config.authFile !== undefined)
    throw new TealError('TEAL-TRAFFIC-006', 'authFile is of PostgreSQL: accounts are read from mysql.user');
  const [blue, green] = [readMysqlTarget('blue', options.blueUrl), readMysqlTarget('green', options.greenUrl)];
  const { pinned, connectTimeoutMs, stragglerMs, warmLimitMs, known } = config;
  const desks = {
    blue: new MysqlDesk(blue.target, blue.admin, connectTimeoutMs),
    green: new MysqlDesk(green.target, green.admin, connectTimeoutMs),
  };
  const { peers } = host;
  const deskOfReads = (): MysqlShadowDesk =>
    mysqlShadowDesk({ blue, green }, config.migration, connectTimeoutMs, log, peers?.place);
  const hub = new MysqlHub({
    desks,
    shadowDesk: deskOfReads(),
    canaryDesk: deskOfReads(),
    pinned,
    connectTimeoutMs,
    stragglerMs,
    warmLimitMs,
    known,
    peers,
    log,
  });
  const accounts = new Verifiers<readonly Account[]>(
    () => hub.side,
    async (side, user) => desks[side].accounts(user),
  );
  const key = await makePasswordKey();
  const reception = new MysqlReception({ hub, accounts, config, key, peers, log, ...(await readTls(config)) });
  const running = await host.run(options, {
    hub,
    shadow: hub.shadow,
    capture: hub.capture,
    canary: hub.canary,
    targets: { blue: blue.target, green: green.target },
    reception,
    check: async () => askEachSide(desks, log, checkAccounts),
    forPeers: {
      cancel: async () => undefined,
      backendOn: (side, client, isKilled) => hub.backendHere(side, client, isKilled),
    },
  });
  return { ...running, hub };
}

async function checkAccounts(desk: MysqlDesk): Promise<void> {
  try {
    await desk.accounts('');
  } catch (error) {
    if (!isTealError(error, 'TEAL-TRAFFIC-003')) throw error;
    const { side } = desk.target;
    throw new TealError('TEAL-TRAFFIC-012', `mysql.user of ${side} may not be read by the proxy`, { side }, error);
  }
}
