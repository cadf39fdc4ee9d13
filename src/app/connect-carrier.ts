import { fileURLToPath } from 'node:url';
import { embeddedCarrier } from '../carriers/embedded/client.ts';
import { carrierDefaults, type CarrierConfig } from '../carriers/embedded/config.ts';
import { otherSide, type Side } from '../model/catalog.ts';
import type { FollowMethod } from '../model/follow-method.ts';
import type { TableSelection } from '../model/table-selection.ts';
import type { ConnectSpec, SystemName } from '../spec/spec.ts';
import { flowSource, type Carrier } from '../ports/carrier.ts';
import { connectVariable, migrationVariable, sourceUrlVariable, targetUrlVariable } from './carrier-environment.ts';
import { carrierOverConnect } from './carrier-over-connect.ts';
import { firstPositionFile } from './first-position.ts';
import { keptMapping, keptTopics } from './kept-catalog.ts';
import { programUrl } from './program.ts';

export interface CarrierConnection {
  readonly migration: string;
  readonly stateDir: string;
  readonly urls: Readonly<Record<Side, string>>;
  /** Default: PostgreSQL on both. */
  readonly systems?: Readonly<Record<Side, SystemName>>;
  /** How the changes of blue are had; default: from its log, as those of green always are. */
  readonly method?: FollowMethod;
  /** With `polling`. */
  readonly pollEveryMs?: number;
  readonly spoolLimitBytes?: number;
  readonly walBudgetBytes?: number;
  /** See `CarrierConfig`; default `received`. */
  readonly acknowledges?: CarrierConfig['acknowledges'];
  readonly heartbeatEveryMs?: number;
  /** The tables of the migration; without it all. */
  readonly tables?: TableSelection;
  readonly schemaEveryMs?: number;
  /** How long a new worker may take to answer; default 30 000. */
  readonly startTimeoutMs?: number;
  /** A cluster of Kafka Connect that carries blue to green until the first cut; default: none. With its secrets. */
  readonly connect?: ConnectSpec;
}

const postgresOnBoth = { blue: 'postgres', green: 'postgres' } as const;

/** By what was written down when the migration began: only then there is a worker to configure. */
async function translationFor(connection: CarrierConnection): Promise<Pick<CarrierConfig, 'translation'>> {
  const { stateDir, systems, tables = {} } = connection;
  if (systems === undefined || systems.blue === 'postgres' || systems.green !== 'postgres') return {};
  const kept = keptMapping(stateDir);
  const { translationOf } = await import('./translation.ts');
  const translation = kept === undefined ? undefined : translationOf(kept, tables);
  return translation === undefined ? {} : { translation };
}

function knowsItsPlace(system: SystemName): boolean {
  return system === 'postgres' || system === 'kafka';
}

/** Of Kafka: what was written down when the migration began. Only then there is a worker to configure. */
function topicsFor({ stateDir, systems }: CarrierConnection): Pick<CarrierConfig, 'topics'> {
  return systems?.blue === 'kafka' ? { topics: keptTopics(stateDir) ?? [] } : {};
}

/** The carrier between two systems: Teal's own, whose workers are started from this installation, and where the file says so Kafka Connect before the first cut. */
export function connectCarrier(options: CarrierConnection): Carrier {
  const {
    connect,
    migration,
    stateDir,
    urls,
    tables = {},
    heartbeatEveryMs = carrierDefaults.heartbeatEveryMs,
    systems = postgresOnBoth,
  } = options;
  const embedded = ownCarrier(options);
  if (connect === undefined) return embedded;
  if (options.systems?.blue === 'kafka') return overMirrorMaker(options, connect, embedded);
  return carrierOverConnect(
    {
      connect,
      systems,
      migration: migration.replaceAll('-', '_'),
      stateDir,
      blueUrl: urls.blue,
      greenUrl: urls.green,
      tables,
      heartbeatEveryMs,
    },
    embedded,
  );
}

/** Loaded when it is needed: most migrations have no Kafka. */
function overMirrorMaker(
  { migration, stateDir, urls }: CarrierConnection,
  connect: ConnectSpec,
  embedded: Carrier,
): Carrier {
  const carrier = async (): Promise<Carrier> => {
    const { carrierOverMirrorMaker, mirrorMakerOf } = await import('./mirror-maker.ts');
    const move = { urls, migration: migration.replaceAll('-', '_'), topics: keptTopics(stateDir) ?? [] };
    return carrierOverMirrorMaker(
      mirrorMakerOf(move, connect, () => undefined),
      embedded,
    );
  };
  return {
    ...embedded,
    halt: async (flow) => (await carrier()).halt(flow),
    retire: async (flow) => (await carrier()).retire(flow),
  };
}

/**
 * What a flow decodes lives for milliseconds. Half of what V8 sets aside for such values by itself takes two thirds of the memory in one transaction of a million rows (267 MB, 172), which is then the same for any
 * length of it; a quarter takes no less, and costs short transactions a twelfth of their rate (`make bench ONLY=memory,apply`).
 */
const youngHeap = '--max-semi-space-size=8';

function ownCarrier(options: CarrierConnection): Carrier {
  // As in the names on the servers, where no dash is allowed.
  const migration = options.migration.replaceAll('-', '_');
  const { spoolLimitBytes, walBudgetBytes, heartbeatEveryMs, systems = postgresOnBoth } = options;
  return embeddedCarrier({
    stateDir: options.stateDir,
    ...(options.startTimeoutMs === undefined ? {} : { startTimeoutMs: options.startTimeoutMs }),
    command: [process.execPath, youngHeap, fileURLToPath(programUrl('carrier-main'))],
    config: async (flow, folder) => ({
      version: 1,
      migration,
      flow,
      folder,
      // PostgreSQL itself knows where the flow begins: its slot does, or what its triggers have recorded. Of Kafka the target knows.
      ...(knowsItsPlace(systems[flowSource(flow)]) ? {} : { startFile: firstPositionFile(options.stateDir, flow) }),
      ...carrierDefaults,
      ...(flow === 'forward' && options.method !== undefined ? { method: options.method } : {}),
      ...(flow === 'forward' && options.pollEveryMs !== undefined ? { pollEveryMs: options.pollEveryMs } : {}),
      systems: { source: systems[flowSource(flow)], target: systems[otherSide(flowSource(flow))] },
      ...(spoolLimitBytes === undefined ? {} : { spoolLimitBytes }),
      ...(walBudgetBytes === undefined ? {} : { walBudgetBytes }),
      ...(heartbeatEveryMs === undefined ? {} : { heartbeatEveryMs }),
      ...(options.acknowledges === undefined ? {} : { acknowledges: options.acknowledges }),
      ...(options.schemaEveryMs === undefined ? {} : { schemaEveryMs: options.schemaEveryMs }),
      ...(await translationFor(options)),
      ...topicsFor(options),
      ...(options.tables === undefined
        ? {}
        : { tables: { include: options.tables.include ?? ['*'], exclude: options.tables.exclude ?? [] } }),
    }),
    environment: (flow) => ({
      [sourceUrlVariable]: options.urls[flowSource(flow)],
      [migrationVariable]: options.migration,
      [targetUrlVariable]: options.urls[otherSide(flowSource(flow))],
      ...(options.connect !== undefined && systems.blue === 'kafka'
        ? { [connectVariable]: JSON.stringify(options.connect) }
        : {}),
    }),
  });
}
