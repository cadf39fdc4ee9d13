import { freePort } from '../../../tools/servers/free-port.ts';
import type { PostgresServer } from '../../../tools/servers/postgres.ts';
import type { Side } from '../../../src/model/catalog.ts';
import { linksOf, pairOfClient, pairOfServer } from './faults/network.ts';
import { startFaultProxy } from './faults/tcp-proxy.ts';
import type { World } from './world.ts';

/** What lies between clients, Teal and the servers. */
export interface Network extends AsyncDisposable {
  readonly links: World['links'];
  /** As Teal is told. */
  readonly urls: Readonly<Record<Side, string>>;
  /** As clients are told. */
  readonly clientUrl: string;
  /** Where Teal's proxy listens. */
  readonly listenPort: number;
  /** Another server takes the place of one. */
  retarget(side: Side, port: number): void;
}

export async function openNetwork(servers: Readonly<Record<Side, PostgresServer>>): Promise<Network> {
  await using stack = new AsyncDisposableStack();
  const listenPort = await freePort();
  const { blue: blueServer, green: greenServer } = servers;
  const blue = stack.use(await startFaultProxy({ upstreamPort: blueServer.port, classify: pairOfServer('blue') }));
  const green = stack.use(await startFaultProxy({ upstreamPort: greenServer.port, classify: pairOfServer('green') }));
  const client = stack.use(await startFaultProxy({ upstreamPort: listenPort, classify: pairOfClient }));
  const kept = stack.move();
  return {
    links: linksOf({ client, blue, green }),
    urls: { blue: withPort(blueServer.url, blue.port), green: withPort(greenServer.url, green.port) },
    clientUrl: withPort(blueServer.url, client.port),
    listenPort,
    retarget: (side, port) => ({ blue, green })[side].retarget(port),
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  };
}

function withPort(url: string, port: number): string {
  const other = new URL(url);
  other.port = String(port);
  return other.href;
}
