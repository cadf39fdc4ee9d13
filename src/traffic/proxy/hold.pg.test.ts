import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { waitFor } from '../../kernel/clock.ts';
import { encodeTerminate } from '../../wire/postgres/frontend.ts';
import { outcome } from './test-support/outcome.ts';
import { proxied, type Proxied } from './test-support/proxied.ts';
import { RawClient } from './test-support/raw-client.ts';

const hold = { cut: 'c', leaseMs: 20_000, drainMs: 500 };
const soon = { timeoutMs: 60_000 };

/** Stops the backend process of a client, as a server does that waits for its disk. */
async function stopped(client: RawClient): Promise<Disposable> {
  await client.query('select pg_backend_pid()');
  const pid = Number(/\d+$/.exec(client.bodies('D')[0] ?? '')?.[0]);
  process.kill(pid, 'SIGSTOP');
  return { [Symbol.dispose]: () => process.kill(pid, 'SIGCONT') };
}

async function noClients(at: Proxied): Promise<void> {
  await waitFor(
    { what: 'the proxy to have no client', ...soon },
    async () => (await at.router.read()).clients === 0 || undefined,
  );
}

describe('a hold is answered in its time', () => {
  test('when a backend does not answer, and says which', async () => {
    await using at = await proxied({ warmLimitMs: 300 });
    await using client = await RawClient.open(at.proxy.port, at.blue.name);
    {
      using _still = await stopped(client);
      const held = await at.router.hold(hold);
      const reason = 'its backends have not answered the proxy yet';
      expect(held).toMatchObject({ drained: false, inFlight: 0, pinned: [], busy: [{ reason }] });
      expect(held.waitedMs).toBeGreaterThan(400);
      await at.router.release();
    }
    await client.query('select 1');
    expect(await at.router.hold({ ...hold, drainMs: 5_000 })).toMatchObject({ drained: true, clients: 1 });
  });

  test('when a client goes while its backend is asked', async () => {
    await using at = await proxied({ warmLimitMs: 10_000 });
    const client = await RawClient.open(at.proxy.port, at.blue.name);
    using _still = await stopped(client);
    const holding = at.router.hold(hold);
    await waitFor(
      { what: 'the question', ...soon },
      async () =>
        (await at.green.query(`select from pg_stat_activity where datname = current_database()`)).length > 1 ||
        undefined,
    );
    client.socket.destroy();
    expect(await holding).toMatchObject({ drained: true, clients: 0 });
    // No one waits for the lost answer: the next hold finds nothing to do.
    await at.router.release();
    expect(await at.router.hold(hold)).toMatchObject({ drained: true, clients: 0 });
  });

  test('when a client has said goodbye, and its backend hears it before the question', async () => {
    await using at = await proxied();
    const client = await RawClient.open(at.proxy.port, at.blue.name);
    await client.query('select 1');
    {
      using _still = await stopped(client);
      const goodbye = encodeTerminate();
      const wanted = at.proxy.hub.stats().bytesIn + goodbye.length;
      client.send(goodbye);
      await waitFor({ what: 'the goodbye', ...soon }, () => at.proxy.hub.stats().bytesIn >= wanted || undefined);
      const held = await at.router.hold(hold);
      // It is on its way out, but not out.
      expect(held).toMatchObject({ drained: false, busy: [{}] });
      await at.router.release();
    }
    if (!client.socket.destroyed) await once(client.socket, 'close');
    await noClients(at);
  });

  test('and the backends that were left end when their clients are served again', async () => {
    await using at = await proxied();
    const clients = await Promise.all(Array.from({ length: 12 }, async () => at.connect()));
    for (const client of clients) await client.query('select 1');
    const left = async (): Promise<number> =>
      (
        await at.blue.query(
          `select from pg_stat_activity where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
             and application_name not like 'teal%'`,
        )
      ).length;
    expect(await at.router.hold({ ...hold, drainMs: 5_000 })).toMatchObject({ drained: true });
    await at.decide('green', 1);
    await at.router.point('green', 1);
    expect(await left()).toBe(12);
    await at.router.release();
    await waitFor({ what: 'the backends to be gone', ...soon }, async () => (await left()) === 0 || undefined);
    for (const client of clients) await client.query('select 1');
  });

  test('when clients come and go all the while', { timeout: 300_000 }, async () => {
    await using at = await proxied();
    const stop = new AbortController();
    const worker = async (): Promise<void> => {
      while (!stop.signal.aborted) {
        const client = await at.connect();
        await client.query('begin');
        await client.query('select 1');
        await client.query('commit');
        await client.end();
      }
    };
    const workers = Array.from({ length: 6 }, async () => worker());
    for (let n = 0; n < 40; n += 1) {
      expect(await outcome(at.router.hold({ ...hold, drainMs: 5_000 }))).toBe('done');
      await at.router.release();
    }
    stop.abort();
    await Promise.all(workers);
    await noClients(at);
    for (const side of [at.blue, at.green]) {
      await waitFor({ what: 'the backends to be gone', ...soon }, async () => {
        const left = await side.query(
          `select from pg_stat_activity where datname = current_database() and application_name not like 'teal%'`,
        );
        return left.length === 0 || undefined;
      });
    }
  });
});
