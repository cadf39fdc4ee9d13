import { EventStream } from './event-stream.ts';
import type { MigrationEvent } from './events.ts';

/**
 * A command that runs: an async iterable of what happens, and a promise of how it ends. It has begun already and goes on whether or not anybody reads;
 * leaving the loop early does not stop it, the signal that it was given does.
 *
 *     const run = migrate({ file: 'teal.yaml' });
 *     for await (const event of run) console.log(event.kind);
 *     const outcome = await run.outcome;
 */
export interface Run<T> extends AsyncIterable<MigrationEvent> {
  /**
   * How it ended. Rejects with a `TealError` whose `entry` says what happened, what to do, who may try again and whether data may differ; or with the
   * signal's reason. A loop over the events throws the same.
   */
  readonly outcome: Promise<T>;
  /** Events forgotten because nobody read them: the newest 10 000 are kept. */
  readonly dropped: number;
}

/** Starts the work at once. An error that nobody takes, neither by `outcome` nor by a loop, is an unhandled rejection as any other. */
export function startRun<T>(work: (tell: (event: MigrationEvent) => void) => Promise<T>): Run<T> {
  const events = new EventStream();
  const outcome = finish(work, events);
  return {
    outcome,
    get dropped() {
      return events.dropped;
    },
    [Symbol.asyncIterator]() {
      // The loop throws it: whoever loops need not ask for the outcome too.
      outcome.catch(() => undefined);
      return events.read();
    },
  };
}

async function finish<T>(work: (tell: (event: MigrationEvent) => void) => Promise<T>, events: EventStream): Promise<T> {
  try {
    const result = await work((event) => events.push(event));
    events.end();
    return result;
  } catch (error) {
    events.end({ error });
    throw error;
  }
}
