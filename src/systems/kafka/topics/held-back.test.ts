import { expect, test } from 'vitest';
import type { KafkaConfig } from '../../../model/kafka-facts.ts';
import { heldFor, isHeld, ownSettings, settingsAs, sizeFor } from './held-back.ts';

function configs(values: Readonly<Record<string, string | KafkaConfig>>): ReadonlyMap<string, KafkaConfig> {
  return new Map(
    Object.entries(values).map(([name, value]) => [
      name,
      typeof value === 'string' ? { value, source: 'default' as const } : value,
    ]),
  );
}

const own = (value: string): KafkaConfig => ({ value, source: 'topic' });

test('holds back what the cluster knows, and sees whether it does', () => {
  const old = configs({ 'cleanup.policy': 'compact', 'retention.ms': '1', 'message.timestamp.difference.max.ms': '5' });
  expect(Object.keys(heldFor(old))).toEqual(['cleanup.policy', 'retention.ms', 'message.timestamp.difference.max.ms']);
  expect(isHeld(old)).toBe(false);
  expect(isHeld(configs(heldFor(old)))).toBe(true);
});

test('puts back what the topic itself said, and nothing where it said nothing', () => {
  const found = configs({ 'retention.ms': own('5'), 'cleanup.policy': 'delete' });
  expect(ownSettings(found, ['retention.ms', 'cleanup.policy', 'absent'])).toEqual({
    'retention.ms': '5',
    'cleanup.policy': null,
    absent: null,
  });
});

test('a topic is made to behave as on the source, by what the target can say', () => {
  const source = configs({
    'retention.ms': { value: '60', source: 'broker' },
    'segment.ms': { value: '9', source: 'broker' },
    'min.insync.replicas': own('2'),
    'flush.ms': own('3'),
    'vendor.only': own('x'),
    'remote.storage.enable': own('true'),
  });
  const target = configs({
    'retention.ms': '70',
    'segment.ms': '8',
    'min.insync.replicas': '1',
    'flush.ms': '1',
    'remote.storage.enable': 'false',
  });
  expect(settingsAs(source, target, 1)).toEqual({ 'retention.ms': '60', 'min.insync.replicas': '1', 'flush.ms': '3' });
  expect(sizeFor(configs({ 'max.message.bytes': '9' }), configs({ 'max.message.bytes': '8' }))).toEqual({
    'max.message.bytes': '9',
  });
  expect(sizeFor(configs({ 'max.message.bytes': '8' }), configs({ 'max.message.bytes': '9' }))).toEqual({});
});
