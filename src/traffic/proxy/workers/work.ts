import type { Socket } from 'node:net';
import { TealError } from '../../../kernel/errors.ts';
import type { HoldRequest } from '../../../ports/router.ts';
import { compareReads, direct, moveReads, recordAsks } from '../control.ts';
import type { Peers } from '../peers.ts';
import type { Host, ProxyOptions, RunningProxy, SessionParts } from '../serve.ts';
import { Line } from './line.ts';
import type { BeginWords, Begun, ParentTalk, WorkerTalk } from './words.ts';

/** Starts sessions in this process: `startHere`. */
export type StartHere = (options: ProxyOptions, host: Host) => Promise<RunningProxy>;

/** The process that this is, as far as it is a child of another. */
export type ChildSide = Pick<NodeJS.Process, 'send' | 'on' | 'connected'>;

export interface WorkOptions {
  readonly blueUrl: string;
  readonly greenUrl: string;
}

/** As long as its client waits to be cancelled. */
const peerLimitMs = 15_000;

/**
 * Serves the clients that the parent hands over and does what it says, until it is told to stop or the parent has gone: a worker of which nobody knows would not be held in a cut. Then its
 * transactions have the usual time to end. Resolves at the end.
 */
export async function work(parent: ChildSide, options: WorkOptions, startHere: StartHere): Promise<void> {
  const worker = new Worker(parent, options, startHere);
  await worker.ended;
}

class Worker {
  readonly #options: WorkOptions;
  readonly #startHere: StartHere;
  readonly #line: Line<ParentTalk, WorkerTalk>;
  readonly #ended = Promise.withResolvers<void>();
  #parts: SessionParts | undefined;
  /** Asked for before all has begun. */
  #isStopping = false;
  #graceMs = 0;

  constructor(parent: ChildSide, options: WorkOptions, startHere: StartHere) {
    this.#options = options;
    this.#startHere = startHere;
    this.#line = new Line<ParentTalk, WorkerTalk>((message, socket, done) => parent.send?.(message, socket, {}, done), {
      answer: async (words) => this.#answer(words),
      hear: (words, socket) => this.#hear(words, socket),
    });
    parent.on('message', (message, socket) => this.#line.take(message, socket as Socket | undefined));
    parent.on('disconnect', () => this.#orphaned());
    // One that went before anybody listened.
    if (!parent.connected) this.#orphaned();
  }

  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  async #answer(words: ParentTalk['asks']): Promise<unknown> {
    if (words.op === 'begin') return this.#begin(words);
    const { hub, shadow, canary, capture, forPeers } = this.#begun();
    switch (words.op) {
      case 'shut': {
        const { op: _, ...request } = words;
        return hub.shut(request satisfies HoldRequest);
      }
      case 'cancel':
        return forPeers.cancel(words.number, Buffer.from(words.secret, 'hex'));
      case 'backend':
        return forPeers.backendOn(words.side, words.number, words.isKilled);
      case 'shadow':
        return compareReads(shadow, words);
      case 'canary':
        return moveReads(canary, words);
      case 'capture':
        return recordAsks(capture, words);
      default:
        return direct(hub, words);
    }
  }

  #hear(words: ParentTalk['tells'], socket: Socket | undefined): void {
    switch (words.op) {
      case 'client':
        this.#take(socket);
        break;
      case 'failure':
        this.#parts?.reception.countFailure(words.user, words.address);
        break;
      case 'stop':
        void this.#stop(words.graceMs);
        break;
      default:
        words satisfies never;
    }
  }

  #take(socket: Socket | undefined): void {
    const parts = this.#parts;
    if (socket === undefined || parts === undefined) {
      socket?.destroy();
      this.#line.tell({ op: 'left' });
      return;
    }
    socket.once('close', () => this.#line.tell({ op: 'left' }));
    parts.reception.take(socket);
  }

  async #begin({ config, place, count }: BeginWords): Promise<Begun> {
    this.#graceMs = config.stopGraceMs;
    const log: ProxyOptions['log'] = (event, facts) => this.#line.tell({ op: 'log', event, facts });
    const host: Host = {
      peers: this.#peers(place, count),
      run: async (_, parts) => this.#run(config, parts),
    };
    await this.#startHere({ ...this.#options, config, log }, host);
    return { side: this.#begun().hub.side };
  }

  async #run(config: BeginWords['config'], parts: SessionParts): Promise<RunningProxy> {
    try {
      if (config.clientAuth !== 'trust') await parts.check();
      await parts.hub.start();
    } catch (error) {
      await parts.hub.stop(0);
      throw error;
    }
    this.#parts = parts;
    if (this.#isStopping) await this.#stop(0);
    return {
      port: config.listen.port,
      stopped: this.ended,
      stop: async (graceMs = config.stopGraceMs) => this.#stop(graceMs),
    };
  }

  #begun(): SessionParts {
    if (this.#parts !== undefined) return this.#parts;
    throw new TealError('TEAL-TRAFFIC-005', 'a process of the proxy does not serve yet');
  }

  #peers(place: number, count: number): Peers {
    return {
      place,
      count,
      cancel: async (number, secret) => {
        await this.#line.ask({ op: 'cancel', number, secret: secret.toString('hex') }, peerLimitMs);
      },
      backendOn: async (side, number, isKilled) => {
        const words = { op: 'backend', number, side, isKilled } as const;
        return (await this.#line.ask<number | null>(words, peerLimitMs)) ?? undefined;
      },
      tellFailure: (user, address) => this.#line.tell({ op: 'failure', user, address }),
    };
  }

  #orphaned(): void {
    this.#line.close(new TealError('TEAL-TRAFFIC-005', 'the process that directs the proxy has gone'));
    void this.#stop(this.#graceMs);
  }

  async #stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    const parts = this.#parts;
    if (parts !== undefined) {
      parts.reception.stop();
      await parts.hub.stop(graceMs);
    }
    this.#ended.resolve();
  }
}
