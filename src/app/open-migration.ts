import { resolve } from 'node:path';
import { must } from '../kernel/assert.ts';
import type { Router } from '../ports/router.ts';
import type { Spec } from '../spec/spec.ts';
import { ownerOf } from '../stages/cutover/decide.ts';
import type { PgTools } from '../systems/postgres/schema-tools.ts';
import { noRouter } from '../traffic/none/no-router.ts';
import { aboutIfThere, ensureProxy, ProxyRouter, type EnsureProxy } from '../traffic/proxy/client.ts';
import { whoAmI } from './approver.ts';
import { connectCarrier, type CarrierConnection } from './connect-carrier.ts';
import type { MigrationEvent } from './events.ts';
import { keepingProgress } from './kept-progress.ts';
import { loadSpec, type LoadedSpec } from './load-spec.ts';
import { Migration } from './migration.ts';
import type { ConnectedRouter } from './connected-router.ts';
import { requireMovable } from './open-pair.ts';
import type { Pair } from './pair.ts';
import { proxyOf } from './proxy-config.ts';
import { outsideRouter, ownerReader } from './routers.ts';
import type { SupervisorConfig } from './supervisor-config.ts';
import { Supervision } from './supervision.ts';

export interface OpenOptions {
  /** The migration file. */
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What is asked for, for the journal: `up`, `cutover`, … */
  readonly command: string;
  /** Who asks, for the journal. Default: whoever is at the terminal. */
  readonly by?: string;
  /** See `MigrationOptions.standby`. */
  readonly standby?: boolean;
  /** See `MigrationOptions.takeProxy`. */
  readonly takeProxy?: boolean;
  readonly signal: AbortSignal;
  readonly onEvent: (event: MigrationEvent) => void;
  readonly tools?: PgTools;
}

/** Opens the migration of a file with Teal's own carrier and the router that the file names; starts the proxy when it does not run, and the supervisor. */
export async function openMigration(options: OpenOptions): Promise<Migration> {
  const loaded = loadSpec(options.file, options.env);
  const { spec, stateDir } = loaded;
  requireMovable(spec);
  const urls = { blue: spec.blue.url, green: spec.green.url };
  const config = supervisorConfig(loaded);
  const supervision = new Supervision(stateDir, config, urls, options.env, spec.connect);
  return Migration.open({
    loaded,
    command: options.command,
    env: options.env,
    signal: options.signal,
    onEvent: keepingProgress(stateDir, options.onEvent),
    by: options.by ?? whoAmI(),
    cutMark: supervision.cutMark,
    tenantsMark: supervision.tenantsMark,
    soakMark: supervision.soakMark,
    anomaliesMark: supervision.anomaliesMark,
    connectCarrier: () => supervision.carrier(connectCarrier({ ...config.carrier, urls, ...byConnect(spec) })),
    connectRouter: async (pair) => connectRouter(pair, loaded, supervision),
    ...(options.standby === true ? { standby: true } : {}),
    ...(options.takeProxy === true ? { takeProxy: true } : {}),
    ...(options.tools === undefined ? {} : { tools: options.tools }),
  });
}

function byConnect({ connect }: Spec): Pick<CarrierConnection, 'connect'> {
  return connect === undefined ? {} : { connect };
}

function supervisorConfig(loaded: LoadedSpec): SupervisorConfig {
  const { spec, stateDir } = loaded;
  const { traffic, follow } = spec;
  const carrier = {
    migration: spec.name,
    stateDir,
    systems: requireMovable(spec),
    method: follow.method,
    ...(follow.poll === undefined ? {} : { pollEveryMs: follow.poll.everyMs }),
    spoolLimitBytes: follow.spoolLimitBytes,
    walBudgetBytes: follow.walBudgetBytes,
    heartbeatEveryMs: follow.heartbeatMs,
    tables: spec.tables,
    // Another machine has no spool of this one: what is not applied yet is blue's to keep.
    ...(typeof loaded.journal === 'string' ? {} : { acknowledges: 'applied' as const }),
  };
  const file = resolve(loaded.file);
  return { version: 1, file, carrier, ...(traffic.router === 'proxy' ? { proxy: proxyOf(loaded).config } : {}) };
}

async function connectRouter(pair: Pair, loaded: LoadedSpec, supervision: Supervision): Promise<ConnectedRouter> {
  if (loaded.spec.traffic.router === 'none') {
    return { ...untended, router: untold(pair), ofTopics: (_, part) => untold(part) };
  }
  const outside = outsideRouter(loaded.spec, ownerReader(pair));
  if (outside !== undefined) {
    return {
      ...untended,
      router: outside,
      ofTopics: (topics, part) => must(outsideRouter(loaded.spec, ownerReader(part), topics), 'the router of the file'),
      close: async () => outside[Symbol.asyncDispose](),
    };
  }
  const router = await startOrUse(proxyOf(loaded), supervision);
  return {
    router,
    shadow: router.shadow,
    figures: async () => router.figures(),
    canary: router.canary,
    tenants: router.tenants,
    stop: async () => supervision.end('proxy', async () => router.stop()),
    leave: async () => supervision.leave('proxy'),
    close: async () => undefined,
  };
}

function untold({ fences }: Pick<Pair, 'fences'>): Router {
  return noRouter(async () => ownerOf(await fences.blue.probe(), await fences.green.probe()));
}

/** Of what Teal neither starts nor ends. */
const untended = { stop: async () => undefined, leave: async () => undefined, close: async () => undefined };

/** A proxy that its user runs is the user's to start again: a supervisor's would take the place of the one that systemd is about to start. */
async function startOrUse(wanted: EnsureProxy, supervision: Supervision): Promise<ProxyRouter> {
  const start = async (): Promise<ProxyRouter> => ensureProxy(wanted);
  const running = await aboutIfThere(new ProxyRouter(wanted.config.controlPath));
  if (running?.startedBy !== 'user') return supervision.begin('proxy', start);
  await supervision.leave('proxy');
  return start();
}
