import { expect, test } from 'vitest';
import { isTealError } from '../../kernel/errors.ts';
import { readServers } from './servers.ts';

const head =
  '1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_port\n';

test.each([
  ['takes connections', '2 0 1', { isUp: true, isOpen: true }],
  ['takes them although its file begins with it disabled', '2 4 1', { isUp: true, isOpen: true }],
  ['is in maintenance', '0 1 1', { isUp: false, isOpen: false }],
  ['is in maintenance with another', '0 2 1', { isUp: false, isOpen: false }],
  ['is drained', '2 8 1', { isUp: true, isOpen: false }],
  ['has no weight', '2 0 0', { isUp: true, isOpen: false }],
  ['is down by its check', '0 0 1', { isUp: false, isOpen: true }],
])('a server that %s', (_, states, expected) => {
  expect(readServers(`${head}2 shop 1 blue 10.0.0.1 ${states} 1 5432\n\n`)).toEqual([
    { name: 'blue', address: '10.0.0.1:5432', ...expected },
  ]);
});

test.each(["Can't find backend.\n\n", 'Permission denied\n', '', '2\n# x\n'])('what is no list: %j', (answer) => {
  expect(() => readServers(answer)).toThrow(expect.toSatisfy((error) => isTealError(error, 'TEAL-TRAFFIC-018')));
});
