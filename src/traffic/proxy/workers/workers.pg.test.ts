import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { blueMajor, greenMajor, testDatabase } from '../../../../test/support/postgres.ts';
import { freePort } from '../../../../tools/servers/free-port.ts';
import { waitFor } from '../../../kernel/clock.ts';
import { isProcessThere } from '../../../kernel/process-there.ts';
import { ensureProxy, type EnsureProxy } from '../client.ts';
import { placeOf } from '../client-numbers.ts';
import type { RunningProxy } from '../serve.ts';
import { cancel, numberOf } from '../test-support/cancel.ts';
import { outcome } from '../test-support/outcome.ts';
import { proxiedBy, type Proxied } from '../test-support/proxied.ts';
import { startAsUsersDo } from '../test-support/start-as-users-do.ts';

const entry = fileURLToPath(new URL('../../../app/proxy-main.ts', import.meta.url));
const hold = { cut: 'c', leaseMs: 60_000, drainMs: 20_000 };
const patience = { timeoutMs: 60_000 };

async function proxiedByTwo(): Promise<Proxied<RunningProxy>> {
  return proxiedBy(startAsUsersDo, { processes: 2 });
}

const placeOfClient = (client: Client): number => placeOf(numberOf(client));

async function portOf(client: Client): Promise<string> {
  const { rows } = await client.query<{ v: string }>(`select current_setting('port') as v`);
  return rows[0]?.v ?? '';
}

test('two processes are one proxy: clients of both cross a cut, cancels find them, and a hold that fails in one is none', async () => {
  await using at = await proxiedByTwo();
  const green = new URL(at.green.url).port;
  const clients: Client[] = [];
  for (let count = 0; count < 4; count += 1) clients.push(await at.connect());
  expect(clients.map(placeOfClient)).toEqual([0, 1, 0, 1]);
  const about = await at.router.about();
  expect([about.pid, about.port, about.workers?.pids.length]).toEqual([process.pid, at.proxy.port, 2]);

  for (const client of clients) {
    const slow = outcome(client.query('select pg_sleep(300)'));
    const sleeping = `select 1 from pg_stat_activity where query like 'select pg_sleep%' and state = 'active' and datname = current_database()`;
    await waitFor({ what: 'the statement to run', ...patience }, async () => (await at.blue.query(sleeping))[0]);
    await cancel(at, client, 1);
    await cancel(at, client);
    expect(await slow).toBe('57014');
  }

  await clients[1]?.query('begin');
  expect(await at.router.hold({ ...hold, drainMs: 200 })).toMatchObject({ drained: false, inFlight: 1, busy: [{}] });
  expect(await at.router.read()).toMatchObject({ mode: 'running', clients: 4, inFlight: 1 });
  await clients[1]?.query('commit');

  const over = new AbortController();
  const working = clients.map(async (client) => {
    while (!over.signal.aborted) await client.query('select 1');
    return portOf(client);
  });
  await at.cut('green', 1);
  over.abort();
  expect(await Promise.all(working)).toEqual([green, green, green, green]);
  expect(await at.router.read()).toMatchObject({ mode: 'running', pointsTo: 'green', epoch: 1, clients: 4 });
  const stats = await at.router.stats();
  expect(stats.queries).toBeGreaterThanOrEqual(4 * 2);
  expect(new Set(stats.waits.map(({ client }) => client)).size).toBe(stats.waits.length);
});

test('each process compares reads of its own clients, and they are told as one', async () => {
  await using at = await proxiedByTwo();
  const clients = [await at.connect(), await at.connect()];
  expect(clients.map(placeOfClient)).toEqual([0, 1]);
  await at.router.shadow.begin({ reads: 1, writes: 0 });
  for (const client of clients) await client.query('select 1 + 1');
  const tally = await waitFor({ what: 'both reads to be compared', ...patience }, async () => {
    const told = await at.router.shadow.tally();
    return told.compared === 2 ? told : undefined;
  });
  expect(tally).toMatchObject({ share: 1, equal: 2, statements: [{ statement: 'select ? + ?', compared: 2 }] });
  await at.router.shadow.end();
  expect(await at.router.shadow.tally()).toMatchObject({ share: 0, compared: 2 });
});

test('a process that dies takes its own clients alone, and the one in its place holds while a cut holds', async () => {
  await using at = await proxiedByTwo();
  const green = new URL(at.green.url).port;
  const [kept, lost] = [await at.connect(), await at.connect()];
  expect(await at.router.hold(hold)).toMatchObject({ drained: true, clients: 2 });
  const pids = async (): Promise<readonly number[]> => (await at.router.about()).workers?.pids ?? [];
  const [first, second = 0] = await pids();
  const gone = once(lost, 'error');
  process.kill(second, 'SIGKILL');
  await gone;
  await waitFor({ what: 'another process', ...patience }, async () => {
    const now = await pids();
    return (now.length === 2 && now[0] === first && now[1] !== second) || undefined;
  });
  expect(await at.router.read()).toMatchObject({ mode: 'holding', pointsTo: 'blue', clients: 1 });
  const late = await at.connect();
  expect(placeOfClient(late)).toBe(1);
  let isOver = false;
  const held = [kept, late].map(async (client) => {
    const port = await portOf(client);
    return isOver ? port : `${port} before the release`;
  });
  await at.decide('green', 1);
  await at.router.point('green', 1);
  expect(await at.router.read()).toMatchObject({ mode: 'holding', pointsTo: 'green', clients: 2 });
  isOver = true;
  await at.router.release();
  expect(await Promise.all(held)).toEqual([green, green]);
});

test('when the process that directs is killed, transactions may end, the port is free at once, and nobody is left', async () => {
  await using blue = await testDatabase(blueMajor());
  await using green = await testDatabase(greenMajor());
  const stateDir = await mkdtemp(join(tmpdir(), 'teal-workers-'));
  const port = await freePort();
  const options: EnsureProxy = {
    entry,
    stateDir,
    config: {
      migration: 'shop',
      listen: { host: '127.0.0.1', port },
      clientAuth: 'trust',
      controlPath: join(stateDir, 'proxy.sock'),
      processes: 2,
      stopGraceMs: 60_000,
    },
    blueUrl: blue.url,
    greenUrl: green.url,
  };
  const connect = async (): Promise<Client> => {
    const client = new Client({ host: '127.0.0.1', port, user: 'postgres', database: blue.name });
    client.on('error', () => {});
    await client.connect();
    return client;
  };
  const router = await ensureProxy(options);
  try {
    const { pid, workers } = await router.about();
    expect(workers?.pids).toHaveLength(2);
    const [busy, idle] = [await connect(), await connect()];
    await busy.query('begin');
    const told = once(idle, 'error');
    process.kill(pid, 'SIGKILL');
    expect(await told).toMatchObject([{ code: '57P01' }]);
    await ensureProxy(options);
    expect(await router.read()).toMatchObject({ mode: 'running', clients: 0 });
    const next = await connect();
    await next.query('select 1');
    await next.end();
    await busy.query('commit');
    await waitFor(
      { what: 'the processes to end', ...patience },
      () => workers?.pids.every((worker) => !isProcessThere(worker)) || undefined,
    );
  } finally {
    await router.stop().catch(() => {});
    await waitFor({ what: 'the proxy to end', ...patience }, async () =>
      router.about().then(
        () => undefined,
        () => true,
      ),
    );
    await rm(stateDir, { recursive: true, force: true });
  }
});
