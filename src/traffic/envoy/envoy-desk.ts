import { waitFor } from '../../kernel/clock.ts';
import { TealError, isTealError } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';
import type { RouterFinding } from '../../ports/router.ts';
import { lateEnd, leadsNowhere, type Desk } from '../desk-router.ts';
import { readRouterFile, rewriteRouterFile, tryReplace, asBytes } from '../router-file.ts';
import { listenersIn, runningListeners, valueAt, withSide, type ClusterNames } from './listeners.ts';

export interface EnvoyOptions {
  /** Path of the file that Envoy watches for its listeners (`lds_config`, `path_config_source`). */
  readonly config: string;
  /** Of its admin: host:port. */
  readonly status: string;
  /** Names of the clusters that are the sides. */
  readonly clusters: ClusterNames;
  /** For an answer of its admin, and for a file to be taken. */
  readonly timeoutMs: number;
  readonly maxPauseMs: number;
}

const limitBytes = 16 << 20;

/**
 * Envoy as a router of TCP, by the file of its listeners: moved into place, read by Envoy by itself, and seen in what its admin tells of the listeners that are active. It survives a restart, which what the
 * admin is told (`runtime_modify`) does not. Errors: TEAL-TRAFFIC-016, -022.
 */
export function envoyDesk(options: EnvoyOptions): Desk {
  const { config, maxPauseMs, timeoutMs } = options;
  const clusters = { blue: asBytes(options.clusters.blue), green: asBytes(options.clusters.green) };
  const inFile = async (): Promise<ReturnType<typeof listenersIn>> =>
    listenersIn(await readRouterFile(config), clusters);
  const look = async (): Promise<Seen> => {
    const { names, side } = await inFile();
    const running = runningListeners(await ask(options, '/config_dump?resource=dynamic_listeners'), options.clusters);
    const refused = names.map((name) => running.get(name)?.refused ?? '').find((why) => why !== '');
    const isThere = names.every((name) => running.get(name)?.side === side && !running.get(name)?.isWarming);
    return { side: isThere ? side : 'unknown', names, refused };
  };
  return {
    name: 'Envoy',
    read: async () => ({ side: (await look()).side, isHolding: false }),
    async point(side) {
      if ((await look()).side === side) return '';
      await rewriteRouterFile(config, (text) => withSide(text, clusters, side), true);
      await pointed(look, side, timeoutMs);
      return '';
    },
    async look() {
      await tryReplace(config);
      const [seen, file] = [await look(), await inFile()];
      const known = clustersOf(await ask(options, '/clusters?format=json'));
      const drainMs = drainOf(await ask(options, '/server_info'));
      const late = lateEnd('Envoy', drainMs, maxPauseMs, 'Start it with --drain-time-s 1.');
      return [...leading(options, seen, file.side), ...missing(options, known), ...(late === undefined ? [] : [late])];
    },
  };
}

interface Seen {
  readonly names: readonly string[];
  /** Where both the file and what runs lead. */
  readonly side: Side | 'unknown';
  /** Why Envoy did not take the file. */
  readonly refused: string | undefined;
}

async function pointed(look: () => Promise<Seen>, side: Side, timeoutMs: number): Promise<void> {
  let refused: string | undefined;
  try {
    await waitFor({ what: `Envoy to lead to ${side}`, timeoutMs }, async () => {
      const seen = await look();
      ({ refused } = seen);
      return seen.side === side ? true : undefined;
    });
  } catch (error) {
    if (!isTealError(error, 'TEAL-KERNEL-002')) throw error;
    const why =
      refused === undefined ? 'its active listeners lead where they did' : `it did not take the file: ${refused}`;
    throw new TealError('TEAL-TRAFFIC-022', why, { side }, error);
  }
}

function leading(
  { config, clusters }: EnvoyOptions,
  { names, side, refused }: Seen,
  inFile: Side | 'unknown',
): readonly RouterFinding[] {
  if (side !== 'unknown') return [];
  const listeners = names.join(', ');
  if (inFile === 'unknown') {
    const what = `In ${config} some of ${listeners} lead to ${clusters.blue} and some to ${clusters.green}.`;
    return [leadsNowhere(what, 'Have all of them lead to the cluster of the live side.')];
  }
  const why = refused === undefined ? '' : ` Envoy says: ${refused}`;
  const what = `${config} leads to ${clusters[inFile]}, and the active listeners (${listeners}) do not.${why}`;
  return [
    leadsNowhere(
      what,
      'See that `lds_config` names this file, and that the admin at traffic.status is that of this Envoy.',
    ),
  ];
}

function missing({ clusters }: EnvoyOptions, known: ReadonlySet<string>): readonly RouterFinding[] {
  return [clusters.blue, clusters.green]
    .filter((name) => !known.has(name))
    .map((name) => ({
      severity: 'blocker',
      what: `Envoy has no cluster ${name}.`,
      why: 'Whom Envoy leads there is disconnected.',
      mend: 'Write it into its clusters.',
    }));
}

/** envoy.admin.v3.Clusters. */
function clustersOf(answer: unknown): ReadonlySet<string> {
  const statuses = valueAt(answer, 'cluster_statuses');
  return new Set(Array.isArray(statuses) ? statuses.map((status: unknown) => String(valueAt(status, 'name'))) : []);
}

/** envoy.admin.v3.ServerInfo: `drain_time` is a duration such as `600s`. */
function drainOf(answer: unknown): number | undefined {
  const drain = valueAt(valueAt(answer, 'command_line_options'), 'drain_time');
  return typeof drain === 'string' ? Number(drain.replace(/s$/, '')) * 1_000 : undefined;
}

/** TEAL-TRAFFIC-022 when the admin does not answer in its time, refuses, or answers more than 16 MiB or no JSON. */
async function ask({ status, timeoutMs }: EnvoyOptions, path: string): Promise<unknown> {
  const failed = (why: string, cause?: unknown): TealError =>
    new TealError('TEAL-TRAFFIC-022', `${path} of its admin at ${status}: ${why}`, {}, cause);
  try {
    const response = await fetch(`http://${status}${path}`, {
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body ?? []) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > limitBytes) throw failed(`it answers more than ${limitBytes} bytes`);
    }
    const text = Buffer.concat(chunks).toString('utf8');
    if (!response.ok) throw failed(`it answered ${response.status}: ${text.trim().slice(0, 200)}`);
    return JSON.parse(text);
  } catch (error) {
    if (isTealError(error)) throw error;
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw failed(cause instanceof Error ? cause.message : String(cause), error);
  }
}
