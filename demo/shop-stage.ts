import { freePort } from '../tools/servers/free-port.ts';
import { pgTools } from '../tools/servers/pg-tools.ts';
import { withClient } from '../tools/servers/with-client.ts';
import type { ProxiedOptions } from './clients.ts';
import { fillShop } from './fill.ts';
import type { Sizes, Stage } from './run-demo.ts';
import { startServers } from './servers.ts';

/** The shop on PostgreSQL 14, which is to go to 18, behind Teal's proxy. What it starts ends with `stack`. */
export async function proxiedShop(stack: AsyncDisposableStack, sizes: Sizes): Promise<Stage> {
  const { blue, green } = await startServers(stack);
  const port = await freePort();
  const clients = {
    url: `postgres://shop_app:shop-app-demo@127.0.0.1:${port}/postgres`,
  } satisfies Partial<ProxiedOptions>;
  const urls = { blue: blue.url, green: green.url };
  return {
    urls,
    fill: async () => fillShop(blue.url, sizes.rows),
    sides: `
blue: { url: "\${BLUE_URL}" }
green: { url: "\${GREEN_URL}" }
traffic: { router: proxy, listen: "127.0.0.1:${port}" }`,
    tools: await pgTools(14, 18),
    clients: { program: new URL('clients.ts', import.meta.url), options: clients },
    asking: async (side, work) =>
      withClient(urls[side], async (client) =>
        work(async (sql) => (await client.query<Record<string, unknown>>(sql)).rows),
      ),
    cutAttempts: 1,
  };
}
