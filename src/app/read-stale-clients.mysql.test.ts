import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { longSeries } from '../../test/support/mysql.ts';
import { startMysql, type MysqlServer } from '../../tools/servers/mysql.ts';
import { staleLines } from '../cli/render-stale.ts';
import { parseSpec } from '../spec/parse.ts';
import { connect, type MysqlConnection } from '../systems/mysql/connection.ts';
import { readStaleClients, type StaleClients } from './read-stale-clients.ts';

describe.for(longSeries)('who is left on a $series that has lost', ({ series, tested }) => {
  let server: MysqlServer;
  const open = async (user: string, applicationName: string): Promise<MysqlConnection> =>
    connect({ url: urlOf(user), applicationName });
  const urlOf = (user: string): string => `mysql://${user}@127.0.0.1:${server.port}/`;

  beforeAll(async () => {
    if (!tested) return;
    server = await startMysql({ series });
    await using root = await open('root', 'teal test');
    for (const user of ['shop', 'report', 'teal', 'blind']) await root.query(`create user ${user}@'%'`);
    await root.query(`grant process on *.* to teal@'%'`);
  });
  afterAll(async () => server?.[Symbol.asyncDispose]());

  async function left(user: string): Promise<StaleClients | undefined> {
    const text = `teal: 1\nname: shop\nblue: { system: mysql, url: "\${BLUE}" }\ngreen: { system: mysql, url: "\${GREEN}" }\ntraffic: { router: none }\n`;
    const env = { BLUE: urlOf(user), GREEN: 'mysql://127.0.0.1:1/' };
    const parsed = parseSpec(text, { env, readText: () => undefined });
    if (!parsed.ok) throw new Error(parsed.mistakes.map(({ message }) => message).join('; '));
    const cut = { cut: 'e1a1', from: 'blue', to: 'green', end: 'done' } as const;
    return readStaleClients(parsed.spec, { live: 'green', phase: 'green', cuts: [cut] });
  }

  test.runIf(tested)('is counted by account, and Teal is not; where that may not be seen it is told', async () => {
    expect(await left('teal')).toEqual({ side: 'blue', users: [] });
    await using _report = await open('report', 'report');
    await using _shop = await open('shop', 'shop');
    await using _flow = await open('teal', 'teal shop flow');
    {
      await using _again = await open('shop', 'shop');
      await expect
        .poll(async () => (await left('teal'))?.users)
        .toEqual([
          { user: 'shop', sessions: 2 },
          { user: 'report', sessions: 1 },
        ]);
    }
    await expect
      .poll(async () => (await left('teal'))?.users)
      .toEqual([
        { user: 'report', sessions: 1 },
        { user: 'shop', sessions: 1 },
      ]);
    const hidden = await left('blind');
    expect(hidden).toEqual({ side: 'blue', users: undefined, unseen: 'forbidden' });
    expect(hidden === undefined ? '' : staleLines(hidden).join(' ')).toMatch(/grant\s+PROCESS/);
  });

  test.runIf(tested)(
    "a client with Teal's account counts where the server names programs, and only there",
    async () => {
      await using _client = await open('teal', 'shop');
      await using root = await open('root', 'teal test');
      const { rows } = await root.query('select @@performance_schema as named');
      await expect
        .poll(async () => (await left('teal'))?.users?.filter(({ user }) => user === 'teal'))
        .toEqual(rows[0]?.['named'] === '1' ? [{ user: 'teal', sessions: 1 }] : []);
    },
  );
});
