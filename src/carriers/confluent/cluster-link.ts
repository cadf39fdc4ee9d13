import { z } from 'zod';
import { TealError } from '../../kernel/errors.ts';

/** A link between two clusters, made on the target, which then reads the source. */
export interface ClusterLinkPlan {
  /** As in names: a-z, 0-9 and _. */
  readonly migration: string;
  /** Identities of the clusters, as they tell them themselves. */
  readonly sourceCluster: string;
  readonly targetCluster: string;
  /** Settings of Kafka's clients in Java for the source, `bootstrap.servers` among them. */
  readonly source: Readonly<Record<string, string>>;
  readonly topics: readonly string[];
  readonly replicationFactor: number;
}

/** A call of the REST API of the target, version 3. */
export interface LinkCall {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Below the address of the API. */
  readonly path: string;
  readonly body?: unknown;
}

/** In their order; each part when the one before has gone well. */
export interface LinkCalls {
  /** Makes the link and a mirror for each topic, which must not be there yet. */
  readonly begin: readonly LinkCall[];
  /** How far the mirrors are: `readMirrors`. */
  readonly look: readonly LinkCall[];
  /** Once producers of the source have ended: each mirror takes what is left, and becomes a topic that can be written: `readPromotion`. */
  readonly cut: readonly LinkCall[];
  /** When no mirror is left. */
  readonly end: readonly LinkCall[];
}

/**
 * Cluster Linking of Confluent (REST API v3, "Cluster Linking"). A mirror has the partitions, offsets and bytes of its source, so a group goes on at its own offset; groups and rules are not synchronised by the
 * link, for both are moved when their time has come.
 */
export function clusterLinkCalls({
  migration,
  sourceCluster,
  targetCluster,
  source,
  topics,
  replicationFactor,
}: ClusterLinkPlan): LinkCalls {
  const name = `teal-${migration}`;
  const links = `/kafka/v3/clusters/${encodeURIComponent(targetCluster)}/links`;
  const link = `${links}/${encodeURIComponent(name)}`;
  const configs = { ...source, 'consumer.offset.sync.enable': 'false', 'acl.sync.enable': 'false' };
  return {
    begin: [
      {
        method: 'POST',
        path: `${links}?link_name=${encodeURIComponent(name)}`,
        body: {
          source_cluster_id: sourceCluster,
          configs: Object.entries(configs).map(([setting, value]) => ({ name: setting, value })),
        },
      },
      ...topics.map((topic) => ({
        method: 'POST' as const,
        path: `${link}/mirrors`,
        body: { source_topic_name: topic, replication_factor: replicationFactor },
      })),
    ],
    look: [{ method: 'GET', path: `${link}/mirrors` }],
    cut: [{ method: 'POST', path: `${link}/mirrors:promote`, body: { mirror_topic_names: topics } }],
    end: [{ method: 'DELETE', path: link }],
  };
}

const lag = z.object({ partition: z.int(), lag: z.int(), last_source_fetch_offset: z.int() });
/** A list; clients that were generated from the API's document write it as the `items` of an object. */
const lags = z.union([z.array(lag), z.object({ items: z.array(lag) }).transform(({ items }) => items)]);
const mirrors = z.object({
  data: z.array(
    z.object({
      mirror_topic_name: z.string(),
      source_topic_name: z.string(),
      num_partitions: z.int(),
      mirror_status: z.string(),
      mirror_lags: lags,
    }),
  ),
});
const promotion = z.object({
  data: z.array(
    z.object({
      mirror_topic_name: z.string(),
      error_code: z.int().nullish(),
      error_message: z.string().nullish(),
    }),
  ),
});

export interface MirrorLook {
  readonly topic: string;
  /** `active` copies; `ended` was promoted and can be written; `waiting` will be one of both by itself; `failed` needs a person. */
  readonly state: 'active' | 'ended' | 'waiting' | 'failed';
  /** Records behind, over all partitions; undefined while one of them was not asked yet. */
  readonly lag: number | undefined;
}

const stateOf: Readonly<Record<string, MirrorLook['state']>> = {
  ACTIVE: 'active',
  STOPPED: 'ended',
  PENDING_STOPPED: 'waiting',
  PENDING_MIRROR: 'waiting',
  PENDING_SETUP_FOR_RESTORE: 'waiting',
};

/** Of the answer to `look`. What the API says and this does not know is `failed`: nobody cuts over to it. TEAL-CARRIERS-053 for what is no such answer. */
export function readMirrors(answer: unknown): readonly MirrorLook[] {
  return parsed(mirrors, answer).data.map((mirror) => ({
    topic: mirror.mirror_topic_name,
    state: stateOf[mirror.mirror_status] ?? 'failed',
    lag:
      mirror.mirror_lags.length < mirror.num_partitions
        ? undefined
        : mirror.mirror_lags.reduce((sum, each) => sum + each.lag, 0),
  }));
}

/** Of the answer to `cut`: topics that were not promoted, with the code of the API. The call is a success also where some were not. TEAL-CARRIERS-053. */
export function readPromotion(answer: unknown): readonly { readonly topic: string; readonly errorCode: number }[] {
  return parsed(promotion, answer).data.flatMap(({ mirror_topic_name: topic, error_code: errorCode, error_message }) =>
    (errorCode ?? null) === null && (error_message ?? null) === null ? [] : [{ topic, errorCode: errorCode ?? 0 }],
  );
}

function parsed<T>(shape: z.ZodType<T>, answer: unknown): T {
  const found = shape.safeParse(answer);
  if (found.success) return found.data;
  throw new TealError('TEAL-CARRIERS-053', 'its answer has another form than expected');
}
