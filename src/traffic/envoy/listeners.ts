import { isMap, isScalar, isSeq, parseDocument, visit, type Node, type Scalar } from 'yaml';
import { TealError } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';

/** Names of clusters. */
export type ClusterNames = Readonly<Record<Side, string>>;

/** What a file of listeners says of where clients go. */
export interface Listeners {
  /** Those that lead to one of the sides. */
  readonly names: readonly string[];
  /** Unknown where some lead to one side and some to the other. */
  readonly side: Side | 'unknown';
}

interface Found {
  readonly listener: string;
  readonly side: Side;
  readonly written: Scalar;
}

/**
 * The listeners of a file for `lds_config` (Envoy, "Dynamic from filesystem"; YAML, or JSON, which is YAML): every `cluster` below one of its `resources` that names a side. TEAL-TRAFFIC-016 where none
 * does, or the text cannot be read.
 */
export function listenersIn(text: string, clusters: ClusterNames): Listeners {
  const found = clustersIn(text, clusters);
  const sides = new Set(found.map(({ side }) => side));
  const [side = 'unknown'] = sides;
  return { names: [...new Set(found.map(({ listener }) => listener))], side: sides.size === 1 ? side : 'unknown' };
}

/** The same text with all of these leading to one side, and nothing else changed. TEAL-TRAFFIC-016. */
export function withSide(text: string, clusters: ClusterNames, side: Side): string {
  const name = clusters[side];
  let [changed, at] = ['', 0];
  for (const { written } of clustersIn(text, clusters)) {
    const [from, to] = written.range ?? [0, 0];
    if (written.value === name) continue;
    const isPlain = written.type === 'PLAIN' && /^[A-Za-z_][\w./-]*$/.test(name);
    changed += text.slice(at, from) + (isPlain ? name : JSON.stringify(name));
    at = to;
  }
  return changed + text.slice(at);
}

function clustersIn(text: string, clusters: ClusterNames): readonly Found[] {
  const document = parseDocument(text);
  const [mistake] = document.errors;
  if (mistake !== undefined) throw unusable(`cannot be read as YAML: ${mistake.code}`);
  const resources = document.get('resources');
  const found = (isSeq(resources) ? resources.items : []).flatMap((resource) =>
    isMap(resource) ? ofResource(resource) : [],
  );
  if (found.length > 0) return found;
  throw unusable(`has no \`cluster\` below \`resources\` that is ${clusters.blue} or ${clusters.green}`);

  function ofResource(resource: Node): readonly Found[] {
    const name = isMap(resource) ? resource.get('name') : undefined;
    const listener = typeof name === 'string' ? name : '';
    const inIt: Found[] = [];
    visit(resource, {
      Pair(_, { key, value }) {
        if (!isScalar(key) || key.value !== 'cluster' || !isScalar(value)) return;
        const side = sideOf(value.value, clusters);
        if (side !== 'unknown') inIt.push({ listener, side, written: value });
      },
    });
    return inIt;
  }
}

/** One listener that Envoy has by LDS, as its admin tells. */
export interface RunningListener {
  readonly side: Side | 'unknown';
  /** A newer one waits for something, and this one still takes the connections. */
  readonly isWarming: boolean;
  /** Why Envoy did not take the newest; empty where it did. */
  readonly refused: string;
}

/** The answer of `/config_dump?resource=dynamic_listeners` (envoy.admin.v3.ListenersConfigDump.DynamicListener), by the names of listeners. TEAL-TRAFFIC-022 for anything else. */
export function runningListeners(answer: unknown, clusters: ClusterNames): ReadonlyMap<string, RunningListener> {
  const configs = valueAt(answer, 'configs');
  if (!Array.isArray(configs)) throw new TealError('TEAL-TRAFFIC-022', 'its admin lists no listeners');
  return new Map(
    configs.map((config: unknown) => {
      const sides = new Set(sidesBelow(valueAt(config, 'active_state'), clusters));
      const [side = 'unknown'] = sides;
      const details = valueAt(valueAt(config, 'error_state'), 'details');
      return [
        String(valueAt(config, 'name')),
        {
          side: sides.size === 1 ? side : 'unknown',
          isWarming: valueAt(config, 'warming_state') !== undefined,
          refused: typeof details === 'string' ? details.slice(0, 500) : '',
        },
      ];
    }),
  );
}

/** Every `cluster` anywhere in it that names a side. */
function sidesBelow(value: unknown, clusters: ClusterNames): readonly Side[] {
  if (Array.isArray(value)) return value.flatMap((each: unknown) => sidesBelow(each, clusters));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => {
    const side = key === 'cluster' ? sideOf(each, clusters) : 'unknown';
    return side === 'unknown' ? sidesBelow(each, clusters) : [side];
  });
}

export function valueAt(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return Reflect.get(value, key);
}

function sideOf(name: unknown, { blue, green }: ClusterNames): Side | 'unknown' {
  if (name === blue) return 'blue';
  return name === green ? 'green' : 'unknown';
}

function unusable(why: string): TealError {
  return new TealError('TEAL-TRAFFIC-016', `the file of listeners of Envoy ${why}`);
}
