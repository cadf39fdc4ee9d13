import { isTealError } from '../kernel/errors.ts';
import type { Side } from '../model/catalog.ts';
import type { Fact } from '../model/facts.ts';
import type { RegistryContent } from '../model/schema-registry.ts';
import { isTopicSelected, type TopicSelection } from '../model/topic-selection.ts';
import type { Spec } from '../spec/spec.ts';
import { assessKafka, type KafkaAssessment } from '../stages/assess/kafka/assess-kafka.ts';
import type { KafkaSideView } from '../stages/assess/kafka/situation.ts';
import { printableBrokers } from '../systems/kafka/address.ts';
import { connect } from '../systems/kafka/connection.ts';
import { createIntrospector } from '../systems/kafka/inspect/introspector.ts';
import { isOwnTopic } from '../systems/kafka/names.ts';
import { readRegistry } from '../systems/kafka/registry/registry.ts';

/** Looks at one cluster and changes nothing. */
export async function lookAtKafka(side: Side, url: string, signal: AbortSignal | undefined): Promise<KafkaSideView> {
  await using connection = await connect({ url, clientId: `teal look ${side}`, signal });
  const introspector = createIntrospector(connection, { address: printableBrokers(url) });
  return { identity: await introspector.identify(), facts: await introspector.facts() };
}

/** The same with the schema registry, where the file names one. One that does not tell is unknown, and hides nothing else. */
async function lookAtSide(spec: Spec, side: Side, signal: AbortSignal | undefined): Promise<KafkaSideView> {
  const { url, schemaRegistry } = spec[side];
  const view = await lookAtKafka(side, url, signal);
  return schemaRegistry === undefined ? view : { ...view, registry: await registryFact(schemaRegistry.url, signal) };
}

async function registryFact(url: string, signal: AbortSignal | undefined): Promise<Fact<RegistryContent>> {
  try {
    return { known: true, value: await readRegistry(url, signal) };
  } catch (error) {
    if (!isTealError(error, 'TEAL-SYSTEMS-680') && !isTealError(error, 'TEAL-SYSTEMS-681')) throw error;
    return { known: false, why: error.message };
  }
}

export interface AssessedKafka {
  readonly assessment: KafkaAssessment;
  readonly blue: KafkaSideView;
  readonly green: KafkaSideView;
  /** Those of blue that the file selects, by name; none of Teal's own. */
  readonly topics: readonly string[];
}

/** Looks at two clusters, and judges what was seen. Changes nothing. */
export async function assessKafkaClusters(spec: Spec, signal: AbortSignal | undefined): Promise<AssessedKafka> {
  const [blue, green] = [await lookAtSide(spec, 'blue', signal), await lookAtSide(spec, 'green', signal)];
  const selection: TopicSelection = spec.topics ?? {};
  const own = blue.facts.topics.map(({ name }) => name).filter(isOwnTopic);
  const exclude = [...(selection.exclude ?? []), ...own];
  const assessment = assessKafka(blue, green, { ...selection, exclude });
  return { assessment, blue, green, topics: movedTopics(blue, selection) };
}

/** Those that a selection means, by name; none of Teal's own. */
export function movedTopics({ facts }: KafkaSideView, selection: TopicSelection): readonly string[] {
  const names = facts.topics.filter(({ internal }) => !internal).map(({ name }) => name);
  return selected(names, selection);
}

/** The topics of one side that the file selects, by name; none of Teal's own. */
export async function topicNames(spec: Spec, side: Side): Promise<readonly string[]> {
  await using connection = await connect({ url: spec[side].url, clientId: `teal look ${side}` });
  const { metadataV12, metadataV9 } = connection.library;
  const [broker] = connection.brokers;
  if (broker === undefined) return [];
  const metadata = await connection.ask(broker, [metadataV12.api, metadataV9.api], null, false, false);
  return selected(
    metadata.topics.flatMap(({ name, isInternal }) => (typeof name !== 'string' || isInternal ? [] : [name])),
    spec.topics ?? {},
  );
}

function selected(names: readonly string[], selection: TopicSelection): readonly string[] {
  return names.filter((name) => !isOwnTopic(name) && isTopicSelected(name, selection)).toSorted();
}
