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
