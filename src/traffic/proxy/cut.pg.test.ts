import { describe, expect, test } from 'vitest';
import { proxied } from './testing/proxied.ts';

async function version(client: { query(sql: string): Promise<{ rows: { v: string }[] }> }): Promise<string> {
  const { rows } = await client.query(`select current_setting('server_version_num')::int / 10000 as v`);
  return String(rows[0]?.v);
}

describe('a session across a cut', () => {
  test('goes on on the other side, and back', async () => {
    await using at = await proxied();
    const client = await at.connect();
    expect(await version(client)).toBe(String(at.blue.major));
    await at.cut('green', 1);
    expect(await version(client)).toBe(String(at.green.major));
    await at.cut('blue', 2);
    expect(await version(client)).toBe(String(at.blue.major));
  });

  test('waits while held and is then answered, by the side that is pointed at', async () => {
    await using at = await proxied();
    const client = await at.connect();
    expect(await at.router.hold({ cut: 'c', leaseMs: 10_000, drainMs: 1_000 })).toMatchObject({
      drained: true,
      clients: 1,
    });
    let answered = false;
    const late = version(client).finally(() => {
      answered = true;
    });
    expect(await at.router.read()).toMatchObject({ mode: 'holding', pointsTo: 'blue', epoch: 0, inFlight: 0 });
    await at.decide('green', 1);
    await at.router.point('green', 1);
    expect(answered).toBe(false);
    await at.router.release();
    expect(await late).toBe(String(at.green.major));
  });
});
