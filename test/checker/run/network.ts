import { freePort } from '../../../tools/servers/free-port.ts';
import type { Side } from '../../../src/model/catalog.ts';
import { linksOf, sorterOfClient, sorterOfServer, type Protocol } from './faults/network.ts';
import { startFaultProxy, type FaultProxy } from './faults/tcp-proxy.ts';
import type { RunServer, World } from './world.ts';

/** What lies between clients, Teal and the servers. */
export interface Network extends AsyncDisposable {
  readonly links: World['links'];
  /** As Teal is told; instead of the servers' own. */
  readonly ports: Readonly<Record<Side, number>>;
  /** As clients of a proxy are told. */
  readonly clientPort: number;
  /** Where Teal's proxy listens. */
  readonly listenPort: number;
  /** Another server takes the place of one. */
  retarget(side: Side, port: number): void;
}

export async function openNetwork(servers: Readonly<Record<Side, RunServer>>): Promise<Network> {
  await using stack = new AsyncDisposableStack();
  const listenPort = await freePort();
  const before = async (side: Side): Promise<FaultProxy> =>
    stack.use(
      await startFaultProxy({
        upstreamPort: servers[side].port,
        sorter: sorterOfServer(side, protocolOf(servers[side])),
      }),
    );
  const blue = await before('blue');
  const green = await before('green');
  const sorter = sorterOfClient(protocolOf(servers.blue));
  const client = stack.use(await startFaultProxy({ upstreamPort: listenPort, sorter }));
  const kept = stack.move();
  return {
    links: linksOf({ client, blue, green }),
    ports: { blue: blue.port, green: green.port },
    clientPort: client.port,
    listenPort,
    retarget: (side, port) => ({ blue, green })[side].retarget(port),
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  };
}

function protocolOf(server: RunServer): Protocol {
  return 'series' in server ? 'mysql' : 'postgres';
}

/** The same address at another port. */
export function withPort(url: string, port: number): string {
  const other = new URL(url);
  other.port = String(port);
  return other.href;
}
