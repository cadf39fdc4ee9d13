import { describe, expect, test } from 'vitest';
import { sleep } from '../../kernel/clock.ts';
import { encodeBind, encodeExecute, encodeParse, encodeQuery, encodeSync } from '../../wire/postgres/frontend.ts';
import { cancel, sendCancel } from './test-support/cancel.ts';
import { outcome } from './test-support/outcome.ts';
import { proxied } from './test-support/proxied.ts';
import { RawClient } from './test-support/raw-client.ts';

const hold = { cut: 'c', leaseMs: 20_000, drainMs: 3_000 };

describe('a cancel', () => {
  test('reaches the backend of the moment, before and after a cut', async () => {
    await using at = await proxied();
    const client = await at.connect();
    for (const epoch of [1, 2]) {
      const slow = outcome(client.query('select pg_sleep(30)'));
      await sleep(50);
      await cancel(at, client);
      expect(await slow).toBe('57014');
      await at.cut(epoch === 1 ? 'green' : 'blue', epoch);
    }
    expect(await outcome(client.query('select 1'))).toBe('done');
  });

  test('with a wrong key does nothing', async () => {
    await using at = await proxied();
    const client = await at.connect();
    const slow = outcome(client.query('select pg_sleep(0.5)'));
    await cancel(at, client, 1);
    expect(await slow).toBe('done');
  });

  test('of a held statement is answered for that client alone, and the statement never runs', async () => {
    await using at = await proxied();
    for (const side of [at.blue, at.green]) await side.query('create table t (a int)');
    const [client, other] = [await at.connect(), await at.connect()];
    await at.router.hold(hold);
    const held = [client, other].map(async (each) => outcome(each.query('insert into t values (1)')));
    await sleep(50);
    await cancel(at, client);
    expect(await held[0]).toBe('57014');
    const again = outcome(client.query('insert into t values ($1)', [2]));
    await sleep(50);
    await cancel(at, client);
    expect(await again).toBe('57014');
    const last = outcome(client.query('insert into t values (3)'));
    await at.decide('green', 1);
    await at.router.point('green', 1);
    await at.router.release();
    expect([await held[1], await last]).toEqual(['done', 'done']);
    expect(await at.green.query(`select string_agg(a::text, ',' order by a) as v from t`)).toEqual([{ v: '1,3' }]);
  });

  test('of extended messages that are not complete is answered at once, and their end by ReadyForQuery', async () => {
    await using at = await proxied();
    await using raw = await RawClient.open(at.proxy.port, at.blue.name);
    await at.router.hold(hold);
    raw.send(encodeParse('', 'select 1'), encodeBind('', []));
    await sleep(50);
    await sendCancel(at, raw.key.readInt32BE(0), raw.key.subarray(4));
    await raw.until((types) => types === 'E');
    raw.send(encodeExecute(), encodeSync(), encodeQuery('select 2'));
    await raw.until((types) => types === 'EZ');
    await at.router.release();
    await raw.until((types) => types === 'EZTDCZ');
    expect([raw.bodies('E'), raw.bodies('D')[0]?.at(-1)]).toEqual([['57014'], '2']);
  });
});
