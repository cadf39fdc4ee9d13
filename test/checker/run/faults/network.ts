import type { Side } from '../../../../src/model/catalog.ts';
import { pairs } from '../../faults.ts';
import type { Injector, Pair, World } from '../world.ts';
import { LoginSorter, StartupSorter, type Sorter } from './sorter.ts';
import type { FaultProxy } from './tcp-proxy.ts';

/** The fault proxies of a run: one before Teal's proxy, for its clients; one before each server, for everything of Teal. */
export interface FaultProxies extends Readonly<Record<Side, FaultProxy>> {
  readonly client: FaultProxy;
}

/** PostgreSQL's programs that the controller runs. */
const ofController: ReadonlySet<string> = new Set(['pg_dump', 'pg_dumpall', 'pg_restore']);

/**
 * Who is at the other end of a connection to the server of this side, by the name that it gives itself: Teal's own sessions are named after what they are for; all
 * other names are those of clients, which Teal's proxy passes on.
 */
function pairOf(side: Side, name: string): string {
  const [, stream] = /^teal (?:receive|apply|watch|look|lease) \w+_(fwd|rev)$/.exec(name) ?? [];
  if (stream !== undefined) return `${stream === 'fwd' ? 'forward' : 'reverse'}-flow-${side}`;
  if (name === 'teal proxy') return `proxy-${side}`;
  return name.startsWith('teal ') || ofController.has(name) ? `controller-${side}` : `proxy-${side}`;
}

export type Protocol = 'postgres' | 'mysql';

/** For connections to the server of this side. */
export function sorterOfServer(side: Side, protocol: Protocol = 'postgres'): () => Sorter {
  if (protocol === 'mysql') return () => new LoginSorter((program) => pairOf(side, program));
  return () =>
    new StartupSorter((said) =>
      pairOf(side, said?.kind === 'startup' ? (said.parameters.get('application_name') ?? '') : ''),
    );
}

/** For connections of clients to Teal's proxy. */
export function sorterOfClient(protocol: Protocol = 'postgres'): () => Sorter {
  const link = (): string => 'client-proxy';
  return () => (protocol === 'mysql' ? new LoginSorter(link) : new StartupSorter(link));
}

export function linksOf({ client, blue, green }: FaultProxies): World['links'] {
  return {
    'client-proxy': client.link('client-proxy'),
    'proxy-blue': blue.link('proxy-blue'),
    'proxy-green': green.link('proxy-green'),
    'forward-flow-blue': blue.link('forward-flow-blue'),
    'forward-flow-green': green.link('forward-flow-green'),
    'controller-green': green.link('controller-green'),
  };
}

/** So much longer in each direction: an answer comes twice that later. */
const delayMs = 200;

const injectorsOf = (pair: Pair): readonly (readonly [string, Injector])[] => [
  [
    `cut ${pair}`,
    async ({ links }) => {
      await links[pair].cut();
      return { what: `${pair} was reset`, heal: async () => links[pair].heal() };
    },
  ],
  [
    `delay ${pair}`,
    async ({ links }) => {
      await links[pair].delay(delayMs);
      return { what: `${pair} took ${delayMs} ms more`, heal: async () => links[pair].heal() };
    },
  ],
  [
    `half-open ${pair}`,
    async ({ links }) => {
      await links[pair].halfOpen();
      return { what: `${pair} swallowed everything`, heal: async () => links[pair].heal() };
    },
  ],
];

/** `cut`, `delay` and `half-open` of each pair. */
export const networkFaults: Readonly<Record<string, Injector>> = Object.fromEntries(pairs.flatMap(injectorsOf));
