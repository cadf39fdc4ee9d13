import { sleep } from '../kernel/clock.ts';
import type { Rates } from './schemas.ts';
import type { RateHistoryAnswer, RatePoint } from './page-schemas.ts';

export interface HistoryOptions {
  readonly rates: () => Promise<Rates>;
  /** Told of a look that failed: there is then no point for it. */
  readonly onError: (error: unknown) => void;
  readonly everyMs?: number;
  readonly points?: number;
}

/** The last quarter of an hour of rates, so that who opens the console sees where they come from. In memory alone. */
export class RateHistory {
  readonly #options: Required<HistoryOptions>;
  readonly #points: RatePoint[] = [];

  constructor(options: HistoryOptions) {
    this.#options = { everyMs: 2_000, points: 450, ...options };
  }

  /** Looks again and again until the signal is aborted. */
  async keep(signal: AbortSignal): Promise<void> {
    const { rates, onError, everyMs, points } = this.#options;
    while (!signal.aborted) {
      try {
        this.#points.push(pointOf(await rates()));
        if (this.#points.length > points) this.#points.shift();
      } catch (error) {
        onError(error);
      }
      await sleep(everyMs, signal).catch(() => undefined);
    }
  }

  answer(): RateHistoryAnswer {
    return { everyMs: this.#options.everyMs, points: [...this.#points] };
  }
}

/** Pure: what of the rates is drawn. */
export function pointOf({ atIso, flows, proxy }: Rates): RatePoint {
  const told = flows.map(({ flow, lagMs, lagBytes, changesPerSecond }) => [
    flow,
    { lagBytes, changesPerSecond, ...(lagMs === undefined ? {} : { lagMs }) },
  ]);
  return {
    atMs: Date.parse(atIso),
    ...Object.fromEntries(told),
    ...(proxy === undefined
      ? {}
      : {
          proxy: {
            queries: proxy.queries,
            clients: proxy.clients,
            inFlight: proxy.inFlight,
            ...(proxy.longestWaitMs === undefined ? {} : { longestWaitMs: proxy.longestWaitMs }),
          },
        }),
  };
}
