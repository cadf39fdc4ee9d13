import type { Side } from '../model/catalog.ts';
import type { Spec } from '../spec/spec.ts';
import { assessKafka, type KafkaAssessment } from '../stages/assess/kafka/assess-kafka.ts';
import type { KafkaSideView } from '../stages/assess/kafka/situation.ts';
import { printableBrokers } from '../systems/kafka/address.ts';
import { connect } from '../systems/kafka/connection.ts';
import { createIntrospector } from '../systems/kafka/inspect/introspector.ts';

async function lookAtKafka(side: Side, url: string, signal: AbortSignal | undefined): Promise<KafkaSideView> {
  await using connection = await connect({ url, clientId: `teal look ${side}`, signal });
  const introspector = createIntrospector(connection, { address: printableBrokers(url) });
  return { identity: await introspector.identify(), facts: await introspector.facts() };
}

/** Looks at two clusters, and judges what was seen. Changes nothing. */
export async function assessKafkaClusters(spec: Spec, signal: AbortSignal | undefined): Promise<KafkaAssessment> {
  const blue = await lookAtKafka('blue', spec.blue.url, signal);
  const green = await lookAtKafka('green', spec.green.url, signal);
  return assessKafka(blue, green, spec.topics ?? {});
}
