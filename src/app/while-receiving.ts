import { carrierDefaults } from '../carriers/embedded/config.ts';
import { sleep } from '../kernel/clock.ts';
import type { FlowStatus } from '../ports/carrier.ts';
import { errorOfFailure } from '../sync/receiver.ts';
import { errorRegistry, type ErrorCode } from '../kernel/codes/registry.ts';

export interface CopyWatchOptions {
  /** Of the forward flow, which receives while rows are copied. */
  readonly status: () => Promise<FlowStatus>;
  /** Whether it ought to receive and does not apply yet. */
  readonly isCopying: () => boolean;
  readonly signal: AbortSignal;
  /** Default 3 000. */
  readonly everyMs?: number;
}

/**
 * Work that is of no use without what the forward flow receives meanwhile. When that has failed for good, its budget of log exceeded or its slot taken away by somebody
 * (the worker tells which), the work is aborted at once, with the flow's own code, instead of copying on for hours.
 */
export async function whileReceiving(
  options: CopyWatchOptions,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const over = new AbortController();
  const stop = new AbortController();
  const watching = watch(options, over, stop.signal);
  try {
    await work(AbortSignal.any([options.signal, over.signal]));
  } catch (error) {
    over.signal.throwIfAborted();
    throw error;
  } finally {
    stop.abort();
    await watching;
  }
}

async function watch(options: CopyWatchOptions, over: AbortController, stop: AbortSignal): Promise<void> {
  while (!stop.aborted && !over.signal.aborted) {
    // What cannot be asked now is asked again; the supervisor starts a worker that died.
    const now = options.isCopying()
      ? await options.status().then(
          ({ now: state }) => state,
          () => undefined,
        )
      : undefined;
    if (now?.state === 'failed' && now.code !== 'TEAL-CARRIERS-001')
      over.abort(errorOfFailure({ ...now, code: known(now.code) }));
    await sleep(options.everyMs ?? carrierDefaults.lookEveryMs, stop).catch(() => undefined);
  }
}

function known(code: string): ErrorCode {
  return code in errorRegistry ? (code as ErrorCode) : 'TEAL-KERNEL-001';
}
