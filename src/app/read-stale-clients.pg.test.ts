import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { blueMajor, greenMajor, testDatabase } from '../../test/support/postgres.ts';
import { staleLines } from '../cli/render-stale.ts';
import { monotonicMs } from '../kernel/clock.ts';
import { parseSpec } from '../spec/parse.ts';
import type { Spec } from '../spec/spec.ts';
import { connect } from '../systems/postgres/connection.ts';
import { readStaleClients } from './read-stale-clients.ts';
import type { Status } from './status.ts';

const dns =
  '{ router: dns, server: 127.0.0.1, zone: shop.example, name: db.shop.example, key: "${KEY}", ttl: 1s, blue: 10.0.0.1, green: 10.0.0.2 }';
const key = `hmac-sha256:teal-key:${Buffer.alloc(32, 7).toString('base64')}`;

function specOf(blue: string, green: string, traffic: string): Spec {
  const text = `teal: 1\nname: shop\nblue: { url: "\${BLUE_URL}" }\ngreen: { url: "\${GREEN_URL}" }\ntraffic: ${traffic}\n`;
  const parsed = parseSpec(text, { env: { BLUE_URL: blue, GREEN_URL: green, KEY: key }, readText: () => undefined });
  if (!parsed.ok) throw new Error(parsed.mistakes.map(({ message }) => message).join('; '));
  return parsed.spec;
}

type Where = Pick<Status, 'live' | 'phase' | 'cuts'>;
const cut = { cut: 'e1a1', from: 'blue', to: 'green', end: 'done' } as const;
const onGreen: Where = { live: 'green', phase: 'green', cuts: [cut] };

test('sessions on the side that has lost are counted by role, and those of Teal are not', async () => {
  await using blue = await testDatabase(blueMajor());
  await using green = await testDatabase(greenMajor());
  const spec = specOf(blue.url, green.url, dns);
  const before = await countNow(spec);
  const becomes = async (sessions: number): Promise<void> =>
    expect.poll(async () => countNow(spec), { timeout: 20_000 }).toBe(before + sessions);
  await using _one = await connect({ url: blue.url, applicationName: 'shop' });
  await using _teal = await connect({ url: blue.url, applicationName: 'teal flow' });
  {
    await using _two = await connect({ url: blue.url, applicationName: '' });
    await becomes(2);
    const seen = await readStaleClients(spec, onGreen);
    expect(seen?.side).toBe('blue');
    expect(seen === undefined ? [] : staleLines(seen)).toEqual([
      expect.stringContaining(`${before + 2} sessions of clients are left on blue`),
      expect.anything(),
    ]);
  }
  await becomes(1);
  // After a rollback it is green that has lost.
  const back: Where = { live: 'blue', phase: 'back', cuts: [cut, { ...cut, from: 'green', to: 'blue' }] };
  expect((await readStaleClients(spec, back))?.side).toBe('green');
});

async function countNow(spec: Spec): Promise<number> {
  return ((await readStaleClients(spec, onGreen))?.users ?? []).reduce((sum, each) => sum + each.sessions, 0);
}

test('nobody is asked for before a cut, after the end, and where clients are moved', async () => {
  const nowhere = ['postgres://127.0.0.1:1/shop', 'postgres://127.0.0.1:2/shop'] as const;
  const spec = specOf(...nowhere, dns);
  expect(await readStaleClients(spec, { live: 'blue', phase: 'blue', cuts: [] })).toBeUndefined();
  expect(await readStaleClients(spec, { ...onGreen, phase: 'finalised' })).toBeUndefined();
  const givenUp = { ...cut, end: 'given up: TEAL-STAGES-100' };
  expect(await readStaleClients(spec, { live: 'blue', phase: 'back', cuts: [givenUp] })).toBeUndefined();
  expect(
    await readStaleClients(specOf(...nowhere, '{ router: proxy, listen: "127.0.0.1:0" }'), onGreen),
  ).toBeUndefined();
  expect(await readStaleClients(specOf(...nowhere, '{ router: none }'), onGreen)).toEqual({
    side: 'blue',
    users: undefined,
    unseen: 'silent',
  });
  expect(staleLines({ side: 'blue', users: undefined })[0]).toContain('blue does not answer');
  expect(staleLines({ side: 'blue', users: [] })).toEqual(['  stale      no client is left on blue']);
});

test('a side that takes the connection and says nothing holds up nobody for long', async () => {
  const silent = createServer((socket) => socket.on('error', () => undefined));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const spec = specOf(`postgres://127.0.0.1:${port}/shop`, 'postgres://127.0.0.1:2/shop', dns);
  const began = monotonicMs();
  try {
    expect(await readStaleClients(spec, onGreen)).toEqual({ side: 'blue', users: undefined, unseen: 'silent' });
    expect(monotonicMs() - began).toBeLessThan(6_000);
  } finally {
    silent.close();
  }
});
