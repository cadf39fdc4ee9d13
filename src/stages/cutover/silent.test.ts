import { expect, test } from 'vitest';
import { monotonicMs } from '../../kernel/clock.ts';
import { TealError } from '../../kernel/errors.ts';
import { memoryJournal } from '../../journal/journal.ts';
import type { Side } from '../../model/catalog.ts';
import { asPosition } from '../../model/position.ts';
import type { Flow, FlowStatus } from '../../ports/carrier.ts';
import type { Fence, FenceState } from '../../ports/fence.ts';
import type { CutPorts } from './cut-steps.ts';
import { cutOver, type CutRun } from './run-cut.ts';

const limits = { maxPauseMs: 400, drainMs: 100, lockTimeoutMs: 100, flowBackMs: 100 };

/** Two sides in memory. `calls` tells in order what was asked to change something, and of green what was asked at all. */
class Pair {
  readonly calls: string[] = [];
  readonly tokens: string[] = [];
  readonly fence: Record<Side, FenceState['fence']> = { blue: 'installed', green: 'raised' };
  /** What green does from now on instead of an answer. */
  green: (() => Promise<never>) | undefined;
  /** Called with each call before it is answered. */
  before: (call: string) => void = () => undefined;

  run(): CutRun {
    const journal = memoryJournal();
    const started = { migration: 'm', run: 'r', command: 'up', teal: '0', pid: 1, host: 'h', specDigest: 'd' };
    journal.append({ type: 'runStarted', ...started });
    return { journal, limits, ports: this.#ports(), signal: new AbortController().signal, onEvent: () => undefined };
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
        return { fence: this.fence[side], tokens: [...this.tokens] };
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
      },
    };
  }

  #ports(): CutPorts {
    let mode: 'running' | 'holding' = 'running';
    const status = async (flow: Flow): Promise<FlowStatus> => ({
      flow,
      mode: flow === 'forward' ? 'live' : 'shadow',
      now: { state: 'running' },
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
    const compared = { lacking: [], surplus: [], unmoved: [], objects: [], refused: [], mark: {} };
    return {
      fences: { blue: this.#fence('blue'), green: this.#fence('green') },
      router: {
        read: async () => ({ mode, pointsTo: 'blue', epoch: 0, clients: 1, inFlight: 0, pinned: [] }),
        hold: async () => {
          mode = 'holding';
          return { drained: true, clients: 1, waitedMs: 0 };
        },
        point: async () => this.#asked('point'),
        release: async () => {
          mode = 'running';
          await this.#asked('release');
        },
      },
      carrier: { status } as CutPorts['carrier'],
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

const silent = async (): Promise<never> => Promise.withResolvers<never>().promise;
const lost = async (): Promise<never> => {
  throw new TealError('TEAL-SYSTEMS-006', 'the session has ended');
};

test.each(['blue raise', 'green sequences'])(
  'silent from `%s` on: taken back when clients have waited',
  async (from) => {
    const pair = new Pair();
    pair.before = (call) => {
      if (call === from) pair.green = silent;
    };
    const run = pair.run();
    const began = monotonicMs();
    await expect(cutOver(run)).rejects.toMatchObject({ code: 'TEAL-STAGES-102' });
    expect(monotonicMs() - began).toBeLessThan(limits.maxPauseMs + 1_000);
    expect(pair.calls.slice(-2)).toEqual(['blue lower', 'release']);
    expect(run.journal.state.life.phase).not.toBe('cutting');
  },
);

test('lost while it decides: nobody is let go on blue, for green may have decided', async () => {
  const pair = new Pair();
  pair.before = (call) => {
    if (call === 'green lower and decide') pair.green = lost;
  };
  const run = pair.run();
  await expect(cutOver(run)).rejects.toMatchObject({ code: 'TEAL-SYSTEMS-006' });
  expect(pair.calls.at(-1)).toBe('green probe');
  expect(pair.calls).not.toContain('blue lower');
  expect(pair.calls).not.toContain('release');
  expect([run.journal.state.life.phase, pair.fence.blue]).toEqual(['cutting', 'raised']);
});
