import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TealError } from '../../kernel/errors.ts';
import type { Flow } from '../../ports/carrier.ts';

const system = z.enum(['postgres', 'mysql', 'mariadb', 'kafka']);
const bothPostgres: Readonly<Record<'source' | 'target', z.infer<typeof system>>> = Object.freeze({
  source: 'postgres',
  target: 'postgres',
});

const tableName = z.strictObject({ schema: z.string(), name: z.string() });
const columnPlace = z.strictObject({
  blue: z.string(),
  green: z.string().exactOptional(),
  computed: z.literal(true).exactOptional(),
  nullOnBlue: z.string().exactOptional(),
});

/** Where the sides call things otherwise, or values of blue have no form on green: what was decided when the migration began. */
const translationSchema = z.strictObject({
  names: z.strictObject({
    schemas: z.array(z.strictObject({ blue: z.string(), green: z.string() })).readonly(),
    tables: z
      .array(
        z.strictObject({
          blue: tableName,
          green: tableName.exactOptional(),
          columns: z.array(columnPlace).readonly(),
        }),
      )
      .readonly(),
  }),
  values: z.strictObject({
    zeroDate: z.enum(['stop', 'null']),
    invalidEnum: z.enum(['stop', 'null']),
    nulByte: z.enum(['stop', 'remove']),
    invalidText: z.literal('stop'),
  }),
});
export type Translation = Readonly<z.infer<typeof translationSchema>>;

/** What a worker must know, without secrets: addresses go by the environment of the process. */
export const carrierConfigSchema = z.strictObject({
  version: z.literal(1),
  /** As in names on the servers: a-z, 0-9 and _. */
  migration: z.string().regex(/^[a-z0-9_]{1,40}$/),
  flow: z.enum(['forward', 'reverse']),
  /** What speaks at either end. A file that does not say is of a time when there was PostgreSQL alone. */
  systems: z.strictObject({ source: system, target: system }).default(bothPostgres),
  /** How the changes of the source are had. A file that does not say is of a time when there was the log alone. */
  method: z.enum(['log', 'triggers', 'polling']).default('log'),
  /** With `polling`: the pause between two looks. */
  pollEveryMs: z.number().int().positive().optional(),
  /** A file that holds the position where the flow begins, for a source that keeps no slot. */
  startFile: z.string().optional(),
  /** The folder of this worker. */
  folder: z.string(),
  /** The spool's bound; beyond it the source keeps its log. */
  spoolLimitBytes: z.number().int().positive(),
  /**
   * What the source may forget: what was `received`, which is in the spool on disk; or only what was `applied`, for a flow that a worker without this spool must be able to take over. A file that does not say is of a time when
   * there was the first alone.
   */
  acknowledges: z.enum(['received', 'applied']).default('received'),
  /** How much log the source may keep for this flow before the status says `exceeded`; without it the source's own limit counts. */
  walBudgetBytes: z.number().int().positive().optional(),
  /** Share of the budget at which the status says `warn`. */
  walWarnShare: z.number().min(0).max(1),
  /** Received and kept in the spool; nothing is applied until the worker is told to begin, which it writes down here. */
  receiveOnly: z.boolean().default(false),
  heartbeatEveryMs: z.number().int().positive(),
  lookEveryMs: z.number().int().positive(),
  /** Pause between two comparisons of the schemas. */
  schemaEveryMs: z.number().int().positive().default(10_000),
  /** The tables of the migration, as the file selects them; without it all. */
  tables: z
    .strictObject({ include: z.array(z.string()).readonly(), exclude: z.array(z.string()).readonly() })
    .optional(),
  /** Of Kafka: every topic that is mirrored. */
  topics: z.array(z.string()).readonly().optional(),
  /** Without it names and values are the same on both sides. */
  translation: translationSchema.optional(),
});
export type CarrierConfig = Readonly<z.infer<typeof carrierConfigSchema>>;

export const carrierDefaults = Object.freeze({
  systems: bothPostgres,
  method: 'log',
  spoolLimitBytes: 20 * 1024 ** 3,
  walWarnShare: 0.7,
  receiveOnly: false,
  acknowledges: 'received',
  heartbeatEveryMs: 1_000,
  lookEveryMs: 3_000,
  schemaEveryMs: 10_000,
});

/** Names of a flow on both servers: slot and publication on its source, origin on its target (all `teal_<stream>`), progress on its target. */
export interface FlowNames {
  readonly stream: string;
  readonly slot: string;
  readonly publication: string;
}

export function flowNames(migration: string, flow: Flow): FlowNames {
  const stream = `${migration}_${flow === 'forward' ? 'fwd' : 'rev'}`;
  return { stream, slot: `teal_${stream}`, publication: `teal_${stream}` };
}

export interface CarrierPaths {
  readonly folder: string;
  readonly config: string;
  readonly pid: string;
  /** Holds the path of the control socket: the socket itself may have to be elsewhere (see control-server.ts). */
  readonly socket: string;
  readonly log: string;
  readonly spool: string;
}

export function carrierPaths(stateDir: string, flow: Flow): CarrierPaths {
  return pathsOfFolder(join(stateDir, `carrier-${flow}`));
}

export function pathsOfFolder(folder: string): CarrierPaths {
  return {
    folder,
    config: join(folder, 'config.json'),
    pid: join(folder, 'pid'),
    socket: join(folder, 'socket'),
    log: join(folder, 'worker.log'),
    spool: join(folder, 'spool'),
  };
}

/** For its owner only: whoever can change it can point a worker at another stream. */
export async function writeConfig(path: string, config: CarrierConfig): Promise<void> {
  await mkdir(config.folder, { recursive: true, mode: 0o700 });
  await writeAtomically(path, `${JSON.stringify(config, undefined, 2)}\n`);
}

/** Whoever reads it sees the old text or the new one, never a part. */
export async function writeAtomically(path: string, text: string): Promise<void> {
  const next = `${path}.new`;
  await writeFile(next, text, { mode: 0o600, flush: true });
  // The mode counts for a file that is made only.
  await chmod(next, 0o600);
  await rename(next, path);
}

/** TEAL-CARRIERS-004. */
export async function readConfig(path: string): Promise<CarrierConfig> {
  try {
    return carrierConfigSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    throw new TealError('TEAL-CARRIERS-004', 'the configuration of a worker cannot be read', { path }, error);
  }
}
