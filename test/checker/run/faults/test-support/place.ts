import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { carrierPaths } from '../../../../../src/carriers/embedded/config.ts';
import type { Side } from '../../../../../src/model/catalog.ts';
import { pgTools } from '../../../../../tools/servers/pg-tools.ts';
import type { PostgresServer } from '../../../../../tools/servers/postgres.ts';
import { blueMajor, greenMajor, ownServer, type TextRow } from '../../../../support/postgres.ts';
import { queryUrl } from '../../../../support/teal-place.ts';
import { Life, type LifeOptions } from '../../../../support/whole-life.ts';
import { Random } from '../../../random.ts';
import { postgresStore } from '../../../stores/postgres.ts';
import type { World } from '../../world.ts';
import { linksOf, sorterOfClient, sorterOfServer, type FaultProxies } from '../network.ts';
import { startFaultProxy } from '../tcp-proxy.ts';

/** A small migration on servers of its own, with fault proxies where a run has them. */
export interface FaultPlace extends AsyncDisposable {
  readonly world: World;
  readonly life: Life;
  readonly proxies: FaultProxies;
  /** Of clients: through the fault proxy before Teal's. */
  readonly clientUrl: string;
  /** Past the links; rows of the last statement. */
  query(side: Side, sql: string): Promise<readonly TextRow[]>;
}

export interface FaultPlaceOptions extends Pick<LifeOptions, 'onEvent' | 'spec' | 'gates' | 'maxPause'> {
  /** What blue holds at first. */
  readonly schema: string;
}

export async function faultPlace(options: FaultPlaceOptions): Promise<FaultPlace> {
  await using stack = new AsyncDisposableStack();
  const [blue, green] = await Promise.all([ownServer(blueMajor()), ownServer(greenMajor())]);
  stack.use(blue);
  stack.use(green);
  await queryUrl(blue.url, options.schema);
  const servers: Record<Side, PostgresServer> = { blue, green };
  const before = async (side: Side) =>
    stack.use(await startFaultProxy({ upstreamPort: servers[side].port, sorter: sorterOfServer(side) }));
  const sides = { blue: await before('blue'), green: await before('green') };
  const through = (url: string, port: number): string => {
    const other = new URL(url);
    other.port = String(port);
    return other.href;
  };
  const life = stack.use(
    await Life.begin({
      name: 'faults',
      gates: '[{ person: tester }]',
      ...options,
      blueUrl: through(blue.url, sides.blue.port),
      greenUrl: through(green.url, sides.green.port),
      tools: await pgTools(blueMajor(), greenMajor()),
    }),
  );
  const client = stack.use(
    await startFaultProxy({ upstreamPort: Number(new URL(life.proxyUrl).port), sorter: sorterOfClient() }),
  );
  const proxies = { client, ...sides };
  const url = (side: Side): string => servers[side].url;
  const clientUrl = through(life.proxyUrl, client.port);
  const stateDir = join(life.folder, '.teal/faults');
  const kept = stack.move();
  return {
    life,
    proxies,
    clientUrl,
    query: async (side, sql) => queryUrl(url(side), sql),
    world: {
      random: new Random(1),
      folder: life.folder,
      stateDir,
      servers,
      store: (side) => postgresStore(servers[side].url, side),
      links: linksOf(proxies),
      replace(side, server) {
        servers[side] = kept.use(server);
        proxies[side].retarget(server.port);
      },
      url,
      clientUrl,
      live: async () => life.migration.live,
      moreClients: async () => {
        throw new Error('nobody is at work here');
      },
      pids: (of) => (of === 'worker forward' ? pidIn(carrierPaths(stateDir, 'forward').pid) : []),
    },
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  };
}

function pidIn(file: string): readonly number[] {
  return existsSync(file) ? [Number(readFileSync(file, 'utf8'))] : [];
}
