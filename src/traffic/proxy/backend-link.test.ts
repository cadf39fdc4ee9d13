import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { encodeQuery } from '../../wire/postgres/frontend.ts';
import { BackendLink } from './backend-link.ts';
import { outcome } from './test-support/outcome.ts';

/** A link to a server that takes everything and answers nothing. */
async function mute(): Promise<{ readonly link: BackendLink; readonly there: Socket } & Disposable> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const here = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [there] = (await once(server, 'connection')) as [Socket];
  there.on('error', () => {});
  return {
    link: new BackendLink('blue', here, { pid: 0, secret: Buffer.alloc(4) }, new Map()),
    there,
    [Symbol.dispose]() {
      there.destroy();
      here.destroy();
      server.close();
    },
  };
}

test('a question fails when the link is ended before the answer: nothing would end the wait for it any more', async () => {
  using at = await mute();
  const asked = outcome(at.link.ask(encodeQuery('select 1')));
  at.link.end();
  expect(await asked).toBe('TEAL-TRAFFIC-008');
  expect(await outcome(at.link.ask(encodeQuery('select 1')))).toBe('TEAL-TRAFFIC-008');
});

test('a question fails when the server closes', async () => {
  using at = await mute();
  const asked = outcome(at.link.ask(encodeQuery('select 1')));
  at.there.destroy();
  expect(await asked).toBe('TEAL-TRAFFIC-008');
});

test('what its owner cannot understand ends the link, and the owner is told why', async () => {
  using at = await mute();
  const ended = Promise.withResolvers<unknown>();
  at.link.attach({
    data: () => {
      throw new Error('no such message');
    },
    drain: () => {},
    aside: () => {},
    closed: (because) => ended.resolve(because),
  });
  at.there.write('?');
  expect(String(await ended.promise)).toContain('no such message');
  expect(at.link.closed).toBe(true);
});

const ready = Buffer.from('5a0000000549', 'hex');
/** A NotificationResponse of process 7: channel `c`, payload `p`. */
const notification = Buffer.from('410000000c0000000763007000', 'hex');

test.each([
  ['whole', notification.length],
  ['in two pieces', 3],
])('what a backend says on its own right behind an answer is its owner’s, %s', async (_, first) => {
  using at = await mute();
  const heard: Buffer[] = [];
  at.link.attach({
    data: (chunk) => heard.push(chunk),
    drain: () => {},
    aside: () => {},
    closed: () => {},
  });
  const answered = at.link.ask(encodeQuery(''));
  at.there.write(Buffer.concat([ready, notification.subarray(0, first)]));
  expect((await answered).rows).toEqual([]);
  at.there.write(Buffer.concat([notification.subarray(first), notification]));
  await expect.poll(() => Buffer.concat(heard).toString('hex')).toBe(notification.toString('hex').repeat(2));
});

test('it is kept for the owner that is still to come', async () => {
  using at = await mute();
  const answered = at.link.ask(encodeQuery(''));
  at.there.write(Buffer.concat([ready, notification]));
  await answered;
  const heard: Buffer[] = [];
  at.link.attach({
    data: (chunk) => heard.push(chunk),
    drain: () => {},
    aside: () => {},
    closed: () => {},
  });
  expect(Buffer.concat(heard).toString('hex')).toBe(notification.toString('hex'));
});
