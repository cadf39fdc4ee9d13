import { expect, test } from 'vitest';
import { checkConnectors } from './other-path.ts';

test.each([
  ['a variable that is not set', { from: 'mysql://u:${NOT_SET}@h/shop' }],
  ['a target of another family', { to: 'mysql://h/shop' }],
  ['a table without its schema', { tables: ['orders'] }],
  ['a name that no topic should have', { name: 'Shop!' }],
])('%s is refused before anything is asked of the cluster', async (_, wrong) => {
  const options = {
    name: 'shop',
    workers: ['http://127.0.0.1:1'],
    from: 'mysql://u:x@h/shop',
    to: 'postgres://h/shop',
    tables: ['shop.orders'],
    brokers: '127.0.0.1:1',
    replicationFactor: 1,
    topicPrefix: '',
    serverId: 1,
    env: {},
    ...wrong,
  };
  await expect(checkConnectors(options)).rejects.toMatchObject({ code: 'TEAL-CARRIERS-044' });
});
