import { expect } from 'vitest';
import { memoryJournal } from '../../../journal/journal.ts';
import type { Side } from '../../../model/catalog.ts';
import { asPosition } from '../../../model/position.ts';
import type { Flow, FlowState, FlowStatus } from '../../../ports/carrier.ts';
import type { Fence, FenceState, OwnerRow } from '../../../ports/fence.ts';
import type { CutPorts } from '../cut-steps.ts';
import type { CutRun } from '../run-cut.ts';

export const limits = { maxPauseMs: 400, drainMs: 100, lockTimeoutMs: 100, flowBackMs: 100 };

/** Two sides in memory, blue live and everything ready for a cut. `calls` tells in order what was asked to change something, and of green what was asked at all. */
export class Pair {
  readonly calls: string[] = [];
  readonly tokens: string[] = [];
  readonly fence: Record<Side, FenceState['fence']> = { blue: 'installed', green: 'raised' };
  /** The owner row on green. */
  owner: OwnerRow | undefined;
  /** What green does from now on instead of an answer. */
  green: (() => Promise<never>) | undefined;
  /** What the flow from blue to green tells, one after the other; the last for ever. */
  readonly forward: FlowStatus['mode'][] = ['live'];
  /** Of the flow from green to blue. */
  reverse: { mode: FlowStatus['mode']; now: FlowState } = { mode: 'shadow', now: { state: 'running' } };
  /** Transactions on green that are not Teal's, and that its flow has not read yet when it is asked for its status. */
  rogue = 0;
  /** Called with each call before it is answered. */
  before: (call: string) => void = () => undefined;

  run(): CutRun {
    const journal = memoryJournal();
    const started = { migration: 'm', run: 'r', command: 'up', teal: '0', pid: 1, host: 'h', specDigest: 'd' };
    journal.append({ type: 'runStarted', ...started });
    return { journal, limits, ports: this.#ports(), signal: new AbortController().signal, onEvent: () => undefined };
  }

  #nextMode(): FlowStatus['mode'] {
    return (this.forward.length > 1 ? this.forward.shift() : this.forward[0]) ?? 'live';
  }

  async #asked(call: string): Promise<void> {
    this.before(call);
    this.calls.push(call);
    if (call.startsWith('green') && this.green !== undefined) await this.green();
  }

  #fence(side: Side): Fence {
    const unused = async (): Promise<void> => expect.unreachable();
    return {
      install: unused,
      remove: unused,
      probe: async () => {
        if (side === 'green') await this.#asked('green probe');
        const owner = this.owner;
        return {
          fence: this.fence[side],
          tokens: [...this.tokens],
          ...(side === 'green' && owner !== undefined ? { owner } : {}),
        };
      },
      written: async () => {
        if (side === 'green') await this.#asked('green written');
        const owner = this.owner;
        return { tokens: [...this.tokens], ...(side === 'green' && owner !== undefined ? { owner } : {}) };
      },
      raise: async ({ token }) => {
        await this.#asked(`${side} raise`);
        this.tokens.push(token);
        this.fence[side] = 'raised';
        return asPosition('1');
      },
      lower: async (owner) => {
        await this.#asked(`${side} lower${owner === undefined ? '' : ' and decide'}`);
        this.fence[side] = 'installed';
        if (owner !== undefined) this.owner = owner;
      },
    };
  }

  #ports(): CutPorts {
    let mode: 'running' | 'holding' = 'running';
    let to: { readonly pointsTo: Side; readonly epoch: number } = { pointsTo: 'blue', epoch: 0 };
    const status = async (flow: Flow): Promise<FlowStatus> => ({
      flow,
      ...(flow === 'forward' ? { mode: this.#nextMode(), now: { state: 'running' } } : this.reverse),
      received: asPosition('1'),
      applied: asPosition('1'),
      lagMs: 1,
      lagBytes: 0,
      transactions: 0,
      changes: 0,
      changesPerSecond: 0,
      spoolBytes: 0,
      rogueTransactions: 0,
    });
    const caughtUp = async (flow: Flow): Promise<FlowStatus> => ({
      ...(await status(flow)),
      rogueTransactions: flow === 'reverse' ? this.rogue : 0,
    });
    const compared = {
      lacking: [],
      surplus: [],
      unmoved: [],
      objects: [],
      refused: [],
      mark: { digest: '', objects: {} },
    };
    return {
      fences: { blue: this.#fence('blue'), green: this.#fence('green') },
      router: {
        read: async () => ({ mode, ...to, clients: 1, inFlight: 0, pinned: [] }),
        hold: async () => {
          mode = 'holding';
          return { drained: true, clients: 1, waitedMs: 0 };
        },
        point: async (pointsTo, epoch) => {
          await this.#asked('point');
          to = { pointsTo, epoch };
        },
        release: async () => {
          mode = 'running';
          await this.#asked('release');
        },
      },
      carrier: { status, caughtUp } as unknown as CutPorts['carrier'],
      sequences: {
        behind: async () => {
          await this.#asked('green sequences');
          return 0;
        },
        handOver: async () => expect.unreachable(),
      },
      schemas: { compare: async () => compared } as unknown as CutPorts['schemas'],
      settled: () => 0,
    };
  }
}
