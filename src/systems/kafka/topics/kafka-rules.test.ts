import { describe, expect, test } from 'vitest';
import type { KafkaAcl } from '../../../model/kafka-facts.ts';
import { rulesOf } from './kafka-rules.ts';

function rule(principal: string, resourceType: string, resourceName: string, parts: Partial<KafkaAcl> = {}): KafkaAcl {
  const allowed = { host: '*', operation: 'ALL', permission: 'ALLOW', pattern: 'LITERAL' } as const;
  return { ...allowed, principal, resourceType, resourceName, ...parts };
}

const topics = ['orders', 'payments'];

describe('the rules that a move takes along', () => {
  const shop = rule('User:shop', 'TOPIC', 'orders');
  const bank = rule('User:bank', 'TOPIC', 'pay', { pattern: 'PREFIXED' });
  const ids = ['User:shop', 'User:mail', 'User:*'].map((who) => rule(who, 'TRANSACTIONAL_ID', 'any'));

  test('are those of its topics and groups, by name, prefix or all', () => {
    const all = rule('User:audit', 'TOPIC', '*', { operation: 'READ' });
    const group = rule('User:audit', 'GROUP', 'reports');
    const others = [
      rule('User:mail', 'TOPIC', 'mails'),
      rule('User:mail', 'GROUP', 'mailing'),
      rule('User:x', 'CLUSTER', 'kafka-cluster'),
    ];
    expect(rulesOf([...others, shop, bank, all, group], topics, ['reports'])).toEqual([shop, bank, all, group]);
  });

  test('are those of transactional ids of who may write to its topics, and of everybody', () => {
    expect(rulesOf([shop, bank, ...ids], topics, [])).toEqual([shop, bank, ids[0], ids[2]]);
  });

  test('are those of every transactional id where everybody has a rule on a topic, or a topic has none', () => {
    const open = rule('User:*', 'TOPIC', 'orders');
    expect(rulesOf([open, bank, ...ids], topics, [])).toEqual([open, bank, ...ids]);
    expect(rulesOf([shop, ...ids], topics, [])).toEqual([shop, ...ids]);
  });

  test('are none of Teal', () => {
    const fence = rule('User:*', 'TOPIC', 'orders', { operation: 'WRITE', permission: 'DENY' });
    const own = rule('User:shop', 'TRANSACTIONAL_ID', 'teal.events.forward');
    expect(rulesOf([shop, bank, fence, own], topics, [])).toEqual([shop, bank]);
  });
});
