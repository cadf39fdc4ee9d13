import { ownerOf } from '../stages/cutover/decide.ts';
import type { PgTools } from '../systems/postgres/schema-tools.ts';
import { noRouter } from '../traffic/none/no-router.ts';
import { whoAmI } from './approver.ts';
import { connectCarrier } from './connect-carrier.ts';
import { controlPath } from './control-path.ts';
import type { MigrationEvent } from './events.ts';
import { loadSpec, type LoadedSpec } from './load-spec.ts';
import { Migration, type ConnectedRouter } from './migration.ts';
import type { PostgresPair } from './postgres-pair.ts';
import { startProxyOf, type SupervisorConfig } from './supervisor-config.ts';
import { Supervision } from './supervision.ts';

export interface OpenOptions {
  /** The migration file. */
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What is asked for, for the journal: `up`, `cutover`, … */
  readonly command: string;
  /** Who asks, for the journal. Default: whoever is at the terminal. */
  readonly by?: string;
  readonly signal: AbortSignal;
  readonly onEvent: (event: MigrationEvent) => void;
  readonly tools?: PgTools;
}

/** Opens the migration of a file with Teal's own carrier and the router that the file names; starts the proxy when it does not run, and the supervisor. */
export async function openMigration(options: OpenOptions): Promise<Migration> {
  const loaded = loadSpec(options.file, options.env);
  const { spec, stateDir } = loaded;
  const urls = { blue: spec.blue.url, green: spec.green.url };
  const config = supervisorConfig(loaded);
  const supervision = new Supervision(stateDir, config, urls);
  return Migration.open({
    loaded,
    command: options.command,
    signal: options.signal,
    onEvent: options.onEvent,
    by: options.by ?? whoAmI(),
    connectCarrier: () => supervision.carrier(connectCarrier({ ...config.carrier, urls })),
    connectRouter: async (pair) => connectRouter(pair, loaded, config.proxy, supervision),
    ...(options.tools === undefined ? {} : { tools: options.tools }),
  });
}

function supervisorConfig({ spec, stateDir }: LoadedSpec): SupervisorConfig {
  const { traffic, follow } = spec;
  const carrier = {
    migration: spec.name,
    stateDir,
    spoolLimitBytes: follow.spoolLimitBytes,
    walBudgetBytes: follow.walBudgetBytes,
    heartbeatEveryMs: follow.heartbeatMs,
    tables: spec.tables,
  };
  if (traffic.router === 'none') return { version: 1, carrier };
  const proxy = {
    listen: { host: traffic.listenHost, port: traffic.listenPort },
    ...(traffic.tls === undefined ? {} : { tls: { certificateFile: traffic.tls.cert, keyFile: traffic.tls.key } }),
    clientAuth: traffic.clientAuth === 'trust' ? ('trust' as const) : ('verifier' as const),
    pinned: traffic.pinned,
    controlPath: controlPath(stateDir, 'proxy'),
  };
  return { version: 1, carrier, proxy };
}

async function connectRouter(
  pair: PostgresPair,
  { spec, stateDir }: LoadedSpec,
  config: SupervisorConfig['proxy'],
  supervision: Supervision,
): Promise<ConnectedRouter> {
  if (config === undefined) {
    const owner = async (): Promise<ReturnType<typeof ownerOf>> =>
      ownerOf(await pair.fences.blue.probe(), await pair.fences.green.probe());
    return { router: noRouter(owner), stop: async () => undefined, leave: async () => undefined };
  }
  const urls = { blue: spec.blue.url, green: spec.green.url };
  const router = await supervision.begin('proxy', async () => startProxyOf(stateDir, config, urls));
  return {
    router,
    stop: async () => supervision.end('proxy', async () => router.stop()),
    leave: async () => supervision.leave('proxy'),
  };
}
