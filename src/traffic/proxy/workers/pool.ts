import type { Socket } from 'node:net';
import { monotonicMs, sleep } from '../../../kernel/clock.ts';
import { describeError, isTealError, TealError } from '../../../kernel/errors.ts';
import { deathsAllowed, deathsUpTo, deathWindowMs, pauseAfter } from '../../../kernel/restarts.ts';
import type { Side } from '../../../model/catalog.ts';
import { addServed, type Served } from '../../../model/served.ts';
import type { HoldRequest, HoldResult, RouterState } from '../../../ports/router.ts';
import { addCanaries, type CanaryReads, type CanaryTally } from '../../../ports/canary.ts';
import { addCaptures, type CaptureOrder, type CaptureTally, type Capturing } from '../../../ports/capture.ts';
import {
  addTallies,
  asksNothing,
  nothingAsked,
  type ShadowReads,
  type ShadowOrder,
  type ShadowTally,
} from '../../../ports/shadow.ts';
import { endsWithin } from '../bell.ts';
import { placeOf } from '../client-numbers.ts';
import type { ProxyConfig } from '../config.ts';
import type { Directing, ProxyStats } from '../director.ts';
import type { Workers } from '../identity.ts';
import { connectionsAtMost } from '../front-door.ts';
import { addCounts, mergeHolds, mergeStates, mergeStats, noCounts, roomiest, shareOf } from './merge.ts';
import type { Begun, ParentTalk, PeerWords } from './words.ts';
import { WorkerProcess } from './worker-process.ts';

export interface PoolOptions {
  readonly config: ProxyConfig;
  readonly count: number;
  readonly workerEntry: string;
  readonly blueUrl: string;
  readonly greenUrl: string;
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

interface Held {
  readonly cut: string;
  readonly leaseUntilMs: number;
}

const answerLimitMs = 15_000;
/** Beside what connecting to both sides may take. */
const startLimitMs = 30_000;
/** A worker that was told to end, and has none of its clients any more. */
const endLimitMs = 5_000;
/** Nobody is in the new one yet: nothing to drain. */
const admittedDrainMs = 1_000;

/**
 * Directs the processes that serve the clients of one proxy, as a director directs sessions: what is asked of the proxy is asked of all, and their answers are one. Each holds its own lease and
 * asks the databases itself when that is over. A process that dies is started again, a bounded number of times; while a cut holds, it gets its first client only when it holds too.
 */
export class WorkerPool implements Directing {
  readonly #options: PoolOptions;
  readonly #stopped = new AbortController();
  readonly #lost = Promise.withResolvers<Error>();
  /** All that live. */
  readonly #all = new Set<WorkerProcess>();
  /** Those that do what was last said to all, and may have clients. */
  readonly #serving = new Set<WorkerProcess>();
  /** By place, those that count. Monotonic times. */
  readonly #deaths = new Map<number, readonly number[]>();
  readonly #givenUp = new Set<number>();
  #held: Held | undefined;
  /** Of the reads that are compared; one that begins later compares as many. */
  #shadowed: ShadowOrder = nothingAsked;
  /** Of the reads that green answers, and until when; the same for one that begins later. */
  #canary: { readonly set: { readonly share: number; readonly by?: string }; readonly untilMs: number } | undefined;
  #side: Side = 'blue';
  #countsBefore = noCounts;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Of the last that has begun. */
  get side(): Side {
    return this.#side;
  }

  get workers(): Workers {
    const pids = [...this.#serving].toSorted((a, b) => a.place - b.place).map(({ pid }) => pid);
    return { pids, wanted: this.#options.count };
  }

  /** Resolves with TEAL-TRAFFIC-021 when no process serves any more and none is started again. */
  get lost(): Promise<Error> {
    return this.#lost.promise;
  }

  /** Resolves when all serve. Errors: that of the first that cannot. */
  async start(): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.count }, async (_, place) => this.#begin(place)));
  }

  async stop(graceMs: number): Promise<void> {
    this.#stopped.abort(new TealError('TEAL-KERNEL-003', 'the proxy stops'));
    const all = [...this.#all];
    for (const worker of all) worker.line.tell({ op: 'stop', graceMs });
    const ended = Promise.all(all.map(async (worker) => worker.ended));
    if (await endsWithin(ended, graceMs + endLimitMs)) return;
    for (const worker of all) worker.kill();
    await ended;
  }

  /** Gives a client that has connected to the process with the most room. */
  hand(socket: Socket): void {
    const worker = roomiest(this.#serving);
    // A process that does not even refuse those who are too many does not look at them.
    if (worker === undefined || worker.load >= connectionsAtMost(worker.share)) socket.destroy();
    else worker.hand(socket);
  }

  /** Each compares reads of its own clients. */
  readonly shadow: ShadowReads = {
    begin: async (order) => this.#compare(order),
    end: async () => this.#compare(nothingAsked),
    tally: async () => addTallies(await this.#askAll<ShadowTally>({ op: 'shadow' })),
  };

  /** Each has green answer reads of its own clients. */
  readonly canary: CanaryReads = {
    set: async (share, leaseMs, by) => {
      const set = { share, ...(by === undefined ? {} : { by }) };
      this.#canary = { set, untilMs: monotonicMs() + leaseMs };
      return addCanaries(await this.#askAll<CanaryTally>({ op: 'canary', set: { ...set, leaseMs } }));
    },
    end: async () => {
      this.#canary = undefined;
      await this.#askAll({ op: 'canary', end: true });
    },
    tally: async () => addCanaries(await this.#askAll<CanaryTally>({ op: 'canary' })),
  };

  /** Each records its own clients, into one file. */
  readonly capture: Capturing = {
    begin: async (order) => this.#record(order),
    end: async () => this.#endRecord(),
    tally: async () => addCaptures(await this.#askAll<CaptureTally>({ op: 'capture' })),
  };

  // ---- what is asked of the proxy

  async read(): Promise<RouterState> {
    return mergeStates(await this.#askAll<RouterState>({ op: 'read' }));
  }

  async stats(): Promise<ProxyStats> {
    const stats = await this.#askAll<ProxyStats>({ op: 'stats' }, (worker, counts) => {
      worker.counts = counts;
    });
    return mergeStats(stats, this.#countsBefore);
  }

  async figures(): Promise<Readonly<Record<Side, Served>>> {
    const all = await this.#askAll<Readonly<Record<Side, Served>>>({ op: 'figures' });
    return { blue: addServed(all.map(({ blue }) => blue)), green: addServed(all.map(({ green }) => green)) };
  }

  async look(): Promise<void> {
    await this.#askAll({ op: 'look' });
  }

  async warm(): Promise<void> {
    await this.#askAll({ op: 'warm' });
  }

  /**
   * All are made ready before anybody waits, and all hold at once. One that fails to hold, or has a session in the way, lets all go: nobody stays held for a cut that cannot be.
   * `waitedMs` counts from when the first may have begun to wait.
   */
  async hold(request: HoldRequest): Promise<HoldResult> {
    const states = await this.#askAll<RouterState>({ op: 'read' });
    if (states.some(({ mode }) => mode !== 'holding')) {
      await this.warm();
      const { pinned, inFlight } = await this.read();
      if (pinned.length > 0 && this.#options.config.pinned === 'abort')
        return { drained: false, inFlight, pinned, busy: [], waitedMs: 0 };
    }
    this.#held = { cut: request.cut, leaseUntilMs: monotonicMs() + request.leaseMs };
    const startedMs = monotonicMs();
    const workers = this.#serve();
    const answers = await Promise.allSettled(workers.map(async (worker) => this.#shut(worker, request)));
    const failed = answers.find((answer) => answer.status === 'rejected');
    const holds = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    const merged = mergeHolds(holds, monotonicMs() - startedMs);
    // Once more: one may have closed its gate after it was let go.
    if (failed !== undefined || !merged.drained) await this.#letAllGo();
    if (failed !== undefined) throw failed.reason as Error;
    return merged;
  }

  async renew(leaseMs: number): Promise<void> {
    if (this.#held !== undefined) this.#held = { ...this.#held, leaseUntilMs: monotonicMs() + leaseMs };
    await this.#askAll({ op: 'renew', leaseMs });
  }

  async point(side: Side, epoch: number): Promise<void> {
    await this.#askAll({ op: 'point', side, epoch });
  }

  async release(): Promise<void> {
    this.#held = undefined;
    await this.#askAll({ op: 'release' });
  }

  async #compare(order: ShadowOrder): Promise<void> {
    this.#shadowed = order;
    await this.#askAll({ op: 'shadow', order });
  }

  /** One that cannot has none record. A process that is started meanwhile does not record: the file has no beginning of it. */
  async #record(order: CaptureOrder): Promise<void> {
    const limitBytes = Math.floor(order.limitBytes / this.#serve().length);
    try {
      await this.#askAll({ op: 'capture', begin: { ...order, limitBytes } });
    } catch (error) {
      if (!isTealError(error, 'TEAL-TRAFFIC-038')) await this.#endRecord();
      throw error;
    }
  }

  async #endRecord(): Promise<void> {
    await this.#askAll({ op: 'capture', end: true });
  }

  async #shut(worker: WorkerProcess, request: HoldRequest): Promise<HoldResult> {
    let isDrained = false;
    try {
      const words = { op: 'shut', ...request } as const;
      const answer = await worker.line.ask<HoldResult>(words, request.drainMs + answerLimitMs);
      isDrained = answer.drained;
      return answer;
    } finally {
      // Clients of the others wait in vain from here on.
      if (!isDrained) await this.#letAllGo();
    }
  }

  /** Whom it does not reach goes on by its own lease. */
  async #letAllGo(): Promise<void> {
    try {
      await this.release();
    } catch (error) {
      this.#options.log('a process of the proxy could not be told to let its clients go', {
        because: describeError(error),
      });
    }
  }

  // ---- all of them

  /** Those that serve. Errors: TEAL-TRAFFIC-005 when there is none at the moment. */
  #serve(): readonly WorkerProcess[] {
    if (this.#serving.size === 0) throw new TealError('TEAL-TRAFFIC-005', 'no process of the proxy serves just now');
    return [...this.#serving];
  }

  /** The answers of all; one that has died meanwhile has no clients any more, and is left out. */
  async #askAll<T>(
    words: ParentTalk['asks'],
    note: (worker: WorkerProcess, answer: T) => void = () => undefined,
  ): Promise<readonly T[]> {
    const asked = this.#serve().map(async (worker): Promise<readonly T[]> => {
      try {
        const answer = await worker.line.ask<T>(words, answerLimitMs);
        note(worker, answer);
        return [answer];
      } catch (error) {
        if (worker.gone) return [];
        throw error;
      }
    });
    const answers = (await Promise.all(asked)).flat();
    if (answers.length > 0) return answers;
    throw new TealError('TEAL-TRAFFIC-005', 'no process of the proxy is left to answer');
  }

  /** What a worker asks another. Of a process that is no more there are no clients. */
  async #askPeer(words: PeerWords): Promise<unknown> {
    const place = placeOf(words.number);
    const worker = [...this.#serving].find((one) => one.place === place);
    return worker?.line.ask(words, answerLimitMs);
  }

  // ---- each of them

  async #begin(place: number): Promise<void> {
    this.#stopped.signal.throwIfAborted();
    const { config, count, workerEntry: entry, blueUrl, greenUrl, log } = this.#options;
    const { processes: _, ...ofOne } = config;
    const share = shareOf(config.maxClients, count, place);
    const worker = new WorkerProcess({
      entry,
      place,
      share,
      blueUrl,
      greenUrl,
      hearing: (self) => ({
        answer: async (words) => this.#askPeer(words),
        hear: (words) => {
          if (words.op === 'log') log(words.event, { ...words.facts, worker: place });
          if (words.op === 'failure') for (const other of this.#serving) if (other !== self) other.line.tell(words);
        },
      }),
    });
    this.#all.add(worker);
    void worker.ended.then(() => this.#all.delete(worker));
    try {
      const words = { op: 'begin', config: { ...ofOne, maxClients: share }, place, count } as const;
      const { side } = await worker.line.ask<Begun>(words, startLimitMs + 2 * config.connectTimeoutMs);
      this.#side = side;
      await this.#admit(worker);
    } catch (error) {
      worker.kill();
      throw error;
    }
    void worker.ended.then(async (how) => this.#died(worker, how));
  }

  /** It serves when it does what was last said to all. */
  async #admit(worker: WorkerProcess): Promise<void> {
    for (let held = this.#held; held !== undefined; held = this.#held) {
      const leaseMs = Math.max(0, held.leaseUntilMs - monotonicMs());
      const words = { op: 'shut', cut: held.cut, leaseMs, drainMs: admittedDrainMs } as const;
      await worker.line.ask(words, admittedDrainMs + answerLimitMs);
      if (this.#held === held) break;
      if (this.#held === undefined) await worker.line.ask({ op: 'release' }, answerLimitMs);
    }
    if (!asksNothing(this.#shadowed)) {
      await worker.line.ask({ op: 'shadow', order: this.#shadowed }, answerLimitMs);
    }
    const leaseMs = this.#canary === undefined ? 0 : this.#canary.untilMs - monotonicMs();
    if (this.#canary !== undefined && leaseMs > 0) {
      const { set } = this.#canary;
      await worker.line.ask({ op: 'canary', set: { ...set, leaseMs } }, answerLimitMs);
    }
    this.#serving.add(worker);
  }

  async #died(worker: WorkerProcess, how: string): Promise<void> {
    this.#serving.delete(worker);
    this.#countsBefore = addCounts(this.#countsBefore, worker.counts ?? noCounts);
    const { place, pid } = worker;
    if (this.#stopped.signal.aborted) return;
    this.#options.log('a process of the proxy died, and its clients with it', { worker: place, pid, how });
    await this.#beginAgain(place);
  }

  async #beginAgain(place: number): Promise<void> {
    const { log } = this.#options;
    for (;;) {
      const deaths = deathsUpTo(monotonicMs(), this.#deaths.get(place) ?? []);
      this.#deaths.set(place, deaths);
      if (deaths.length > deathsAllowed) break;
      try {
        await sleep(pauseAfter(deaths.length), this.#stopped.signal);
        await this.#begin(place);
        log('a process of the proxy was started again', { worker: place });
        return;
      } catch (error) {
        if (this.#stopped.signal.aborted) return;
        log('a process of the proxy could not be started', { worker: place, because: describeError(error) });
      }
    }
    this.#givenUp.add(place);
    log('a process of the proxy is not started any more', { worker: place, deaths: deathsAllowed + 1 });
    if (this.#givenUp.size < this.#options.count) return;
    const { count } = this.#options;
    const facts = { processes: count, windowMs: deathWindowMs };
    this.#lost.resolve(new TealError('TEAL-TRAFFIC-021', `${count} of ${count} died too often`, facts));
  }
}
