import { monotonicMs } from '../../kernel/clock.ts';
import type { Carrier, Flow } from '../../ports/carrier.ts';
import type { Gate } from '../../ports/gate.ts';
import { formatDuration } from '../../spec/units.ts';

export interface LagGateOptions {
  readonly id: string;
  readonly flow: Flow;
  readonly maxLagMs: number;
  /** How long the lag must have stayed below, asked at least twice. */
  readonly forMs: number;
}

/**
 * Yes when the flow runs, is live, and has not been further behind than the limit for the whole time. A lag that is not measured yet is "not yet", never 0
 * (pgdog #1121).
 */
export function lagGate(options: LagGateOptions, carrier: Carrier): Gate {
  let belowSinceMs: number | undefined;
  return {
    id: options.id,
    asks: `is the flow at most ${formatDuration(options.maxLagMs)} behind, for ${formatDuration(options.forMs)}?`,
    person: false,
    async ask() {
      const status = await carrier.status(options.flow);
      if (status.now.state !== 'running' || status.mode !== 'live') {
        belowSinceMs = undefined;
        const why = 'reason' in status.now ? `: ${status.now.reason}` : '';
        return { answer: 'not yet', evidence: `the flow is ${status.now.state} (${status.mode})${why}` };
      }
      if (status.convergesAt !== undefined) {
        belowSinceMs = undefined;
        return { answer: 'not yet', evidence: 'the flow has not come to the newest snapshot of the copy yet' };
      }
      if (status.lagMs === undefined || status.lagMs > options.maxLagMs) {
        belowSinceMs = undefined;
        return {
          answer: 'not yet',
          evidence: status.lagMs === undefined ? 'not measured yet' : `${status.lagMs} ms behind`,
        };
      }
      belowSinceMs ??= monotonicMs();
      const sinceMs = Math.round(monotonicMs() - belowSinceMs);
      const evidence = `${status.lagMs} ms behind, below the limit for ${sinceMs} ms`;
      return { answer: sinceMs >= options.forMs ? 'yes' : 'not yet', evidence };
    },
  };
}
