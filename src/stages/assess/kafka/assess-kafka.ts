import { isTopicSelected } from '../../../model/topic-selection.ts';
import { inOrder, type Assessment } from '../assess.ts';
import { checkClusters } from './clusters.ts';
import { estimateMirror, type KafkaEstimates } from './estimate.ts';
import { checkGroups } from './groups.ts';
import { kafkaInventory } from './inventory.ts';
import { checkRegistries } from './registry.ts';
import { checkSecurity } from './security.ts';
import type { KafkaAssessOptions, KafkaSideView, KafkaSituation } from './situation.ts';
import { checkTopics } from './topics.ts';

export interface KafkaAssessment extends Omit<Assessment, 'estimates'> {
  readonly estimates: KafkaEstimates;
}

/** Pure: judges what introspectors have said of two clusters. The same answer comes from the same facts. */
export function assessKafka(blue: KafkaSideView, green: KafkaSideView, options: KafkaAssessOptions): KafkaAssessment {
  const own = blue.facts.topics.filter(({ internal }) => !internal);
  const situation: KafkaSituation = {
    blue,
    green,
    managed: own.filter(({ name }) => isTopicSelected(name, options)),
    leftOut: own.filter(({ name }) => !isTopicSelected(name, options)),
  };
  return Object.freeze({
    findings: inOrder([
      ...checkClusters(situation),
      ...checkTopics(situation),
      ...checkGroups(situation),
      ...checkSecurity(situation),
      ...checkRegistries(situation),
    ]),
    inventory: kafkaInventory(situation),
    estimates: estimateMirror(blue, situation.managed, options.mirrorBytesPerSecond),
  });
}
