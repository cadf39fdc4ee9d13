import { sleep } from '../kernel/clock.ts';
import type { Carrier, Flow, FlowStatus } from '../ports/carrier.ts';

export interface WatchOptions {
  readonly carrier: Carrier;
  readonly tell: (status: FlowStatus) => void;
  /** Default 1 000. */
  readonly everyMs?: number;
}

const flows: readonly Flow[] = ['forward', 'reverse'];

/**
 * Tells how the flows are, once a second, from when they first run until it is disposed of. A worker that does not answer is told as `failed` by the carrier's own
 * status; what cannot be asked at all is asked again at the next turn, because whoever needs the flow asks it for itself.
 */
export function watchFlows({ carrier, tell, everyMs = 1_000 }: WatchOptions): AsyncDisposable {
  const stop = new AbortController();
  const seen = new Set<Flow>();
  const ask = async (flow: Flow): Promise<void> => {
    const status = await carrier.status(flow).catch(() => undefined);
    if (status === undefined || stop.signal.aborted) return;
    if (status.now.state !== 'failed' || status.now.code !== 'TEAL-CARRIERS-001') seen.add(flow);
    // Before a flow is deployed there is nothing to tell.
    if (seen.has(flow)) tell(status);
  };
  const watching = (async () => {
    while (!stop.signal.aborted) {
      await Promise.all(flows.map(ask));
      await sleep(everyMs, stop.signal).catch(() => undefined);
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await watching;
    },
  };
}
