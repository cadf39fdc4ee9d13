import { describe, expect, test } from 'vitest';
import { isTealError } from '../../kernel/errors.ts';
import { listenersIn, runningListeners, withSide } from './listeners.ts';

const clusters = { blue: 'db_old', green: 'db_new' };

const file = `# Clients of shop.
resources:
- "@type": type.googleapis.com/envoy.config.listener.v3.Listener
  name: shop
  filter_chains:
  - filters:
    - name: envoy.filters.network.tcp_proxy
      typed_config: { stat_prefix: cluster, cluster: db_old } # cluster: db_old
- name: shop6
  filter_chains: [{ filters: [{ typed_config: { "cluster": "db_old" } }] }]
- name: other
  filter_chains: [{ filters: [{ typed_config: { cluster: elsewhere } }] }]
`;

describe('a file of listeners', () => {
  test('leads to the side that all of them name, and to the other with these words changed alone', () => {
    expect(listenersIn(file, clusters)).toEqual({ names: ['shop', 'shop6'], side: 'blue' });
    const changed = withSide(file, clusters, 'green');
    expect(changed).toBe(
      file.replace('cluster: db_old } #', 'cluster: db_new } #').replace('"cluster": "db_old"', '"cluster": "db_new"'),
    );
    expect(listenersIn(changed, clusters).side).toBe('green');
    expect(withSide(changed, clusters, 'blue')).toBe(file);
    expect(withSide(file, clusters, 'blue')).toBe(file);
  });

  test('in JSON, and with names that need quotes', () => {
    const odd = { blue: 'a: b', green: 'é "c"' };
    const text = JSON.stringify({ resources: [{ name: 'shop', x: { cluster: odd.blue } }] }, undefined, 1);
    const changed = withSide(text, odd, 'green');
    expect(JSON.parse(changed)).toEqual({ resources: [{ name: 'shop', x: { cluster: odd.green } }] });
    const plain = withSide('resources: [{ name: shop, cluster: one }]\n', { blue: 'one', green: '1: "2"' }, 'green');
    expect(plain).toBe('resources: [{ name: shop, cluster: "1: \\"2\\"" }]\n');
  });

  test('that leads to both sides leads to neither', () => {
    expect(listenersIn(file.replace('cluster: db_old } #', 'cluster: db_new } #'), clusters).side).toBe('unknown');
  });

  test.each([
    ['nothing', ''],
    ['no resources', 'static_resources: { cluster: db_old }'],
    ['no cluster of a side', 'resources: [{ name: shop, cluster: other }]'],
    ['weights', 'resources: [{ weighted_clusters: { clusters: [{ name: db_old, weight: 1 }] } }]'],
    ['what is no YAML', 'resources: [{ cluster: db_old'],
  ])('with %s is refused', (_, text) => {
    expect(() => listenersIn(text, clusters)).toThrow(
      expect.toSatisfy((error) => isTealError(error, 'TEAL-TRAFFIC-016')),
    );
  });
});

test('what the admin tells of listeners', () => {
  const active = (cluster: string): unknown => ({
    listener: { filter_chains: [{ filters: [{ typed_config: { cluster } }] }] },
  });
  const answer = {
    configs: [
      { name: 'a', active_state: active('db_new') },
      { name: 'b', active_state: active('db_old'), warming_state: active('db_new') },
      { name: 'c', active_state: active('other'), error_state: { details: 'no such thing' } },
      { name: 'd', active_state: [active('db_old'), active('db_new')] },
    ],
  };
  expect(Object.fromEntries(runningListeners(answer, clusters))).toEqual({
    a: { side: 'green', isWarming: false, refused: '' },
    b: { side: 'blue', isWarming: true, refused: '' },
    c: { side: 'unknown', isWarming: false, refused: 'no such thing' },
    d: { side: 'unknown', isWarming: false, refused: '' },
  });
  for (const other of [null, [], { configs: 1 }, 'x']) {
    expect(() => runningListeners(other, clusters)).toThrow(
      expect.toSatisfy((error) => isTealError(error, 'TEAL-TRAFFIC-022')),
    );
  }
});
