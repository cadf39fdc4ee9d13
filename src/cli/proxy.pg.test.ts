import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from 'pg';
import { expect, test } from 'vitest';
import { blueMajor, greenMajor } from '../../test/support/postgres.ts';
import { openJournal } from '../journal/journal.ts';
import { waitFor } from '../kernel/clock.ts';
import { place, serving } from './test-support/place.ts';

async function major(client: Client): Promise<number> {
  const { rows } = await client.query<{ v: number }>(`select current_setting('server_version_num')::int / 10000 as v`);
  return rows[0]?.v ?? 0;
}

test('it serves before anything else of a migration is there, tells how it is, and lets a transaction end', async () => {
  await using at = await place();
  expect(await at.run('proxy', '--status')).toMatchObject({
    code: 3,
    out: `No proxy runs for 127.0.0.1:${at.port}.\n`,
  });
  const proxy = await serving(at);
  const client = await at.connect();
  expect(await major(client)).toBe(blueMajor());
  await client.query('create temp table mine (n int)');

  const told = await at.run('proxy', '--status', '--json');
  expect(told.code).toBe(0);
  expect(JSON.parse(told.out)).toMatchObject({
    running: true,
    about: { pid: proxy.pid, port: at.port, migration: 'shop', startedBy: 'user' },
    state: {
      mode: 'running',
      pointsTo: 'blue',
      epoch: 0,
      clients: 1,
      inFlight: 0,
      pinned: [{ reason: expect.stringContaining('temporary') }],
    },
  });
  expect((await at.run('proxy', '--status')).out).toMatch(
    /points to blue .*\n.*\n  clients {4}1, 0 in.*\n  pinned .*temporary/,
  );

  const second = await at.run('proxy');
  expect(second).toMatchObject({ code: 1 });
  expect(second.err).toContain('TEAL-TRAFFIC-013');
  expect(second.err).toContain(String(proxy.pid));

  const busy = await at.connect();
  const lost = Promise.all([client, busy].map(async (each) => new Promise((gone) => each.once('end', gone))));
  await busy.query('begin');
  proxy.end();
  await waitFor(
    { what: 'the end to begin', timeoutMs: 60_000 },
    () => proxy.lines().some((line) => line['msg'] === 'ending') || undefined,
  );
  expect((await busy.query('select 7 as v')).rows).toEqual([{ v: 7 }]);
  await busy.query('commit');
  await lost;
  expect(await proxy.ended).toBe(0);
  expect(proxy.lines().at(-1)).toMatchObject({ msg: 'ended', process: 'proxy', migration: 'shop' });
  expect((await at.run('proxy', '--status')).code).toBe(3);
});

test('a second signal does not wait for a transaction', async () => {
  await using at = await place();
  const proxy = await serving(at);
  const busy = await at.connect();
  await busy.query('begin');
  proxy.end('SIGINT');
  await waitFor(
    { what: 'the end to begin', timeoutMs: 60_000 },
    () => proxy.lines().some((line) => line['msg'] === 'ending') || undefined,
  );
  const startedMs = performance.now();
  proxy.end('SIGINT');
  expect(await proxy.ended).toBe(0);
  expect(performance.now() - startedMs).toBeLessThan(15_000);
});

test('it reads the owner rows of both sides, and after finalise, when they are gone, the journal', async () => {
  await using at = await place();
  const owner = `create schema teal; create table teal.owner (epoch int primary key, owner text)`;
  await at.blue.query(owner);
  await at.green.query(`${owner}; insert into teal.owner values (1, 'green')`);
  const first = await serving(at);
  expect(await major(await at.connect())).toBe(greenMajor());
  first.end();
  await first.ended;

  for (const side of [at.blue, at.green]) await side.query('drop schema teal cascade');
  finalisedJournal(join(at.folder, '.teal/shop'));
  await serving(at);
  expect(await major(await at.connect())).toBe(greenMajor());
  expect(JSON.parse((await at.run('proxy', '--status', '--json')).out)).toMatchObject({
    state: { pointsTo: 'green', epoch: 1 },
  });
});

test('a status says when the proxy that runs was started from another file', async () => {
  await using at = await place();
  await serving(at);
  const file = `teal: 1\nname: shop\nblue: { url: "\${BLUE_URL}" }\ngreen: { url: "\${GREEN_URL}" }\ntraffic: { listen: "127.0.0.1:${at.port}", clientAuth: trust, pinned: close }\n`;
  await writeFile(join(at.folder, 'teal.yaml'), file);
  const told = await at.run('proxy', '--status');
  expect(told.code).toBe(3);
  expect(told.out).toContain('TEAL-TRAFFIC-010');
});

/** A journal as a finalised migration leaves it. */
function finalisedJournal(stateDir: string): void {
  using journal = openJournal(stateDir);
  const run = { migration: 'shop', run: 'r', command: 'up', teal: '0', pid: 1, host: 'h', specDigest: 'd' };
  const limits = { pauseLimitMs: 1, drainLimitMs: 1 };
  journal.append({ type: 'runStarted', ...run });
  journal.append({ type: 'cutIntended', cut: 'c', epoch: 1, from: 'blue', to: 'green', ...limits });
  journal.append({ type: 'cutDecided', cut: 'c', position: '0/1' });
  journal.append({ type: 'cutFinished', cut: 'c', facts: {} });
  journal.append({ type: 'finalised', by: 'x', live: 'green' });
}
