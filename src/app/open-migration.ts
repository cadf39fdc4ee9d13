import { fileURLToPath } from 'node:url';
import { ownerOf } from '../stages/cutover/decide.ts';
import type { PgTools } from '../systems/postgres/schema-tools.ts';
import { noRouter } from '../traffic/none/no-router.ts';
import { ensureProxy } from '../traffic/proxy/client.ts';
import { whoAmI } from './approver.ts';
import { connectCarrier } from './connect-carrier.ts';
import { controlPath } from './control-path.ts';
import type { MigrationEvent } from './events.ts';
import { loadSpec, type LoadedSpec } from './load-spec.ts';
import { Migration, type ConnectedRouter } from './migration.ts';
import type { PostgresPair } from './postgres-pair.ts';
import { programUrl } from './program.ts';

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

/** Opens the migration of a file with Teal's own carrier and the router that the file names; starts the proxy when it does not run. */
export async function openMigration(options: OpenOptions): Promise<Migration> {
  return Migration.open({
    loaded: loadSpec(options.file, options.env),
    command: options.command,
    signal: options.signal,
    onEvent: options.onEvent,
    by: options.by ?? whoAmI(),
    connectCarrier: (_, { spec, stateDir }) =>
      connectCarrier({
        migration: spec.name,
        stateDir,
        urls: { blue: spec.blue.url, green: spec.green.url },
        spoolLimitBytes: spec.follow.spoolLimitBytes,
        walBudgetBytes: spec.follow.walBudgetBytes,
        heartbeatEveryMs: spec.follow.heartbeatMs,
        tables: spec.tables,
      }),
    connectRouter,
    ...(options.tools === undefined ? {} : { tools: options.tools }),
  });
}

async function connectRouter(pair: PostgresPair, { spec, stateDir }: LoadedSpec): Promise<ConnectedRouter> {
  const { traffic } = spec;
  if (traffic.router === 'none') {
    const owner = async (): Promise<ReturnType<typeof ownerOf>> =>
      ownerOf(await pair.fences.blue.probe(), await pair.fences.green.probe());
    return { router: noRouter(owner), stop: async () => undefined };
  }
  const router = await ensureProxy({
    entry: fileURLToPath(programUrl('proxy-main')),
    stateDir,
    blueUrl: spec.blue.url,
    greenUrl: spec.green.url,
    config: {
      listen: { host: traffic.listenHost, port: traffic.listenPort },
      ...(traffic.tls === undefined ? {} : { tls: { certificateFile: traffic.tls.cert, keyFile: traffic.tls.key } }),
      clientAuth: traffic.clientAuth === 'trust' ? 'trust' : 'verifier',
      pinned: traffic.pinned,
      controlPath: controlPath(stateDir, 'proxy'),
    },
  });
  return { router, stop: async () => router.stop() };
}
