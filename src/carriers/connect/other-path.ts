import { waitFor } from '../../kernel/clock.ts';
import { bringConnectors, failedParts, refuseMissingPlugins, removeConnector, runs } from './bring.ts';
import { heartbeatTopic, jdbcSink, pathNames, sinkConfig, type PathNames } from './connectors.ts';
import { historyTopic, otherSourceConfig, otherSourceOf, otherSources, type OtherSourcePlan } from './other-sources.ts';
import type { ConnectorConfig, ConnectorStatus, ConnectRest } from './rest.ts';

/** A source that is no PostgreSQL, and a PostgreSQL that takes its rows into tables of the same names. */
export interface OtherPathPlan extends Omit<OtherSourcePlan, 'run'> {
  /** As the workers reach it, with its password. */
  readonly targetUrl: string;
}

export interface ConnectorMistake {
  readonly connector: 'source' | 'sink';
  /** Of the setting. What is said of it stays on the workers: it may repeat a password. */
  readonly setting: string;
}

export interface ConnectorLook {
  readonly name: string;
  readonly state: 'runs' | 'waits' | 'failed';
  /** Classes of errors. */
  readonly failed: readonly string[];
}

export interface OtherPathLook {
  readonly source: ConnectorLook;
  readonly sink: ConnectorLook;
  /** The source still reads what is there; false from the moment on from which it reads changes. */
  readonly inSnapshot: boolean;
}

const sinkApplication = 'teal connectors';
const startMs = 120_000;

/**
 * Two connectors and nothing else: Teal renders, checks, deploys, looks at and removes them. It compares nothing of what they carry and closes neither side. Their names carry the name of the
 * attempt, by which a later call finds them.
 */
export class OtherPath {
  readonly #rest: ConnectRest;
  readonly #plan: OtherPathPlan;

  constructor(options: { readonly rest: ConnectRest; readonly plan: OtherPathPlan }) {
    this.#rest = options.rest;
    this.#plan = options.plan;
  }

  /** By the plugins' own word; a database that the workers do not reach is a mistake too. Errors: TEAL-CARRIERS-013 a plugin is missing. */
  async check(): Promise<readonly ConnectorMistake[]> {
    const { source, sink } = this.#wanted('check');
    await refuseMissingPlugins(this.#rest, [source, sink]);
    const found: ConnectorMistake[] = [];
    for (const [connector, { name, plugin, config }] of [
      ['source', source],
      ['sink', sink],
    ] as const) {
      const mistakes = await this.#rest.validate(plugin, { name, ...config });
      found.push(...mistakes.map(({ setting }) => ({ connector, setting })));
    }
    return found;
  }

  /** Makes both, or has them go on, and waits until they run or have failed. `newRun`: eight hexadecimal digits. Idempotent. Errors: as `bringConnectors`. */
  async deploy(newRun: () => string, signal?: AbortSignal): Promise<OtherPathLook> {
    const { source, sink } = this.#wanted((await this.#run()) ?? newRun());
    await bringConnectors(this.#rest, [sink, source]);
    return waitFor({ what: 'both connectors to run', timeoutMs: startMs, everyMs: 500, signal }, async () => {
      const look = await this.look();
      return look === undefined || [look.source, look.sink].some(({ state }) => state === 'waits') ? undefined : look;
    });
  }

  /** Undefined where neither is there. */
  async look(): Promise<OtherPathLook | undefined> {
    const names = await this.#names();
    if (names === undefined) return undefined;
    const [source, sink] = [await this.#rest.status(names.source), await this.#rest.status(names.sink)];
    const offsets = await this.#rest.offsets(names.source);
    return {
      source: lookOf(names.source, source),
      sink: lookOf(names.sink, sink),
      inSnapshot: offsets.length === 0 || offsets.some(({ offset }) => isOfSnapshot(offset)),
    };
  }

  /** Deletes both. Answers the topics that were theirs. Idempotent. */
  async retire(signal?: AbortSignal): Promise<readonly string[]> {
    const run = await this.#run();
    if (run === undefined) return [];
    const plan = { ...this.#plan, run };
    const names = pathNames(plan);
    for (const name of [names.source, names.sink]) await removeConnector(this.#rest, name, signal);
    return [names.lane, historyTopic(plan), heartbeatTopic(names.prefix)];
  }

  #wanted(run: string) {
    const plan = { ...this.#plan, run };
    const names = pathNames(plan);
    const source = otherSourceOf(plan.sourceUrl);
    // What MySQL and MariaDB call a database is a schema here.
    const nameOfTable = source === 'mysql' || source === 'mariadb' ? '${source.db}.${source.table}' : undefined;
    const wanted = (name: string, plugin: string, config: ConnectorConfig) => ({ name, plugin, config });
    return {
      source: wanted(names.source, otherSources[source], otherSourceConfig(plan)),
      sink: wanted(names.sink, jdbcSink, sinkConfig({ ...plan, sinkApplication }, nameOfTable)),
    };
  }

  async #run(): Promise<string | undefined> {
    const pattern = new RegExp(`^teal-${RegExp.escape(this.#plan.migration)}-([0-9a-f]{8})-(source|sink)$`);
    for (const name of await this.#rest.names()) {
      const run = pattern.exec(name)?.[1];
      if (run !== undefined) return run;
    }
    return undefined;
  }

  async #names(): Promise<PathNames | undefined> {
    const run = await this.#run();
    return run === undefined ? undefined : pathNames({ ...this.#plan, run });
  }
}

function lookOf(name: string, status: ConnectorStatus | undefined): ConnectorLook {
  const failed = status === undefined ? [] : failedParts(status);
  const isRunning = status !== undefined && runs(status);
  return { name, state: failed.length > 0 ? 'failed' : isRunning ? 'runs' : 'waits', failed };
}

/** As Debezium's sources write it: `snapshot` is there until the first change of the log; one of SQL Server says `snapshot_completed` beside it. */
function isOfSnapshot(offset: Readonly<Record<string, unknown>> | null): boolean {
  const { snapshot, snapshot_completed: completed } = offset ?? {};
  return snapshot !== undefined && snapshot !== false && completed !== true;
}
