import type { Side } from '../../model/catalog.ts';
import { ControlTopic } from './control/control-topic.ts';
import { openCluster, type Cluster } from './mirror/cluster.ts';
import type { KafkaMove } from './roles.ts';

export interface OpenSide extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly control: ControlTopic;
}

export type OpenSides = Readonly<Record<Side, OpenSide>> & AsyncDisposable;

/** `part`: which part of Teal asks, for `client.id`. */
export async function openSide(
  { urls, migration }: KafkaMove,
  side: Side,
  part: string,
  signal?: AbortSignal,
): Promise<OpenSide> {
  const cluster = await openCluster({ url: urls[side], clientId: `teal-${migration}-${part}`, signal });
  return {
    cluster,
    control: new ControlTopic(cluster, migration),
    [Symbol.asyncDispose]: async () => cluster[Symbol.asyncDispose](),
  };
}

export async function openSides(move: KafkaMove, part: string, signal?: AbortSignal): Promise<OpenSides> {
  await using stack = new AsyncDisposableStack();
  const blue = stack.use(await openSide(move, 'blue', part, signal));
  const green = stack.use(await openSide(move, 'green', part, signal));
  const both = stack.move();
  return { blue, green, [Symbol.asyncDispose]: async () => both.disposeAsync() };
}

export function signalOr(signal: AbortSignal | undefined): AbortSignal {
  return signal ?? new AbortController().signal;
}
