import { waitFor } from '../src/kernel/clock.ts';
import { execute, withClient } from '../tools/servers/with-client.ts';
import type { Settings } from './benchmark.ts';
import { freshDatabase, openPair, type Pair } from './pair.ts';
import { applyWorkerPid, copySchema, subscribe, unsubscribe } from './peers/native-subscription.ts';
import { Teal } from './teal.ts';

/** Something that carries the changes of blue's database `postgres` to a database of its own on green, and can be held where it is. */
export interface Follower {
  readonly name: string;
  readonly role: 'teal' | 'peer';
  readonly url: string;
  /** Of its processes beside the servers'. */
  readonly pid: () => number | undefined;
  /** Of others that it cannot do without: a broker. */
  readonly helpers?: () => readonly (number | undefined)[];
  /** It takes nothing any more; what was sent to it before stays in its sockets. */
  readonly hold: () => void;
  readonly release: () => void;
}

export interface Followed extends AsyncDisposable {
  readonly pair: Pair;
  readonly followers: readonly Follower[];
}

/** Written on blue as a transaction of its own: where it has arrived, everything before it has. */
export const makeMarks = 'create table if not exists marks (n bigint primary key)';
const arrivalTimeoutMs = 30 * 60_000;
const names = { teal: 'Teal', native: 'native subscription' } as const;
export const nativeName = names.native;

/** Two servers, what `fill` puts on blue, and Teal and a native subscription that both follow it; each is held until it is released. */
export async function openFollowers(settings: Settings, fill: (pair: Pair) => Promise<void>): Promise<Followed> {
  await using stack = new AsyncDisposableStack();
  const pair = stack.use(await openPair(settings));
  await fill(pair);
  await execute(pair.blue.url, [makeMarks]);
  // The schema that is dumped for the subscription has none of Teal's triggers yet.
  const native = await followNatively(pair, stack);
  const followers = [await followByTeal(pair, stack), native];
  const kept = stack.move();
  return { pair, followers, [Symbol.asyncDispose]: async () => kept.disposeAsync() };
}

/** Copied, and held. */
export async function followByTeal(pair: Pair, stack: AsyncDisposableStack): Promise<Follower> {
  const url = await freshDatabase(pair.green, 'by_teal');
  const teal = stack.use(await Teal.start(pair, { blueUrl: pair.blue.url, greenUrl: url }));
  await teal.ask('up');
  const worker = await teal.workerPid();
  return holdable(stack, { name: names.teal, role: 'teal', url, pid: () => teal.pid }, worker);
}

async function followNatively(pair: Pair, stack: AsyncDisposableStack): Promise<Follower> {
  const targetUrl = await freshDatabase(pair.green, 'by_subscription');
  const options = { sourceUrl: pair.blue.url, targetUrl, name: 'bench_native' };
  await copySchema(pair, options.sourceUrl, targetUrl);
  stack.defer(async () => unsubscribe(options));
  await subscribe(options);
  await execute(targetUrl, ['analyze']);
  const worker = await applyWorkerPid(options);
  return holdable(stack, { name: names.native, role: 'peer', url: targetUrl, pid: () => undefined }, worker);
}

/**
 * Held by a signal and not by the tool's own means: the start of a worker, a connection and a slot are not what is measured, and so both are held in the same way.
 */
export function holdable<T extends object>(
  stack: AsyncDisposableStack,
  follower: T,
  worker: number,
): T & Pick<Follower, 'hold' | 'release'> {
  const release = (): void => void process.kill(worker, 'SIGCONT');
  // Whoever ends it waits for it.
  stack.defer(release);
  const hold = (): void => void process.kill(worker, 'SIGSTOP');
  hold();
  return { ...follower, hold, release };
}

/** After everything that blue has done so far. */
export async function leaveMark(pair: Pair, mark: number): Promise<void> {
  await execute(pair.blue.url, [`insert into marks values (${mark})`]);
}

/** Resolves when a mark is there. */
export async function markArrives(url: string, mark: number): Promise<void> {
  await withClient(url, async (client) =>
    waitFor({ what: `mark ${mark} to arrive`, timeoutMs: arrivalTimeoutMs, everyMs: 5 }, async () => {
      const { rows } = await client.query({ name: 'mark', text: 'select 1 from marks where n = $1', values: [mark] });
      return rows.length === 0 ? undefined : true;
    }),
  );
}

/** The highest that blue has left so far, or 0. */
export async function lastMark(pair: Pair): Promise<number> {
  return withClient(pair.blue.url, async (client) => {
    const { rows } = await client.query<{ n: string }>('select coalesce(max(n), 0) as n from marks');
    return Number(rows[0]?.n);
  });
}

/** Lets it go on, and resolves when it has come to where blue is now; it is not held again. */
export async function catchUp(pair: Pair, follower: Follower): Promise<void> {
  const mark = (await lastMark(pair)) + 1;
  await leaveMark(pair, mark);
  follower.release();
  await markArrives(follower.url, mark);
}
