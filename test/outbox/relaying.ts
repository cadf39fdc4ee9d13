import { onTestFinished } from 'vitest';
import { outboxInsert, relayOutbox, type NewEvent, type RelayRunOptions } from '../../src/app/outbox/index.ts';
import { waitFor } from '../../src/kernel/clock.ts';

export const quick = { pauseMs: 10, longestPauseMs: 50, pollMs: 20 };

export interface StartedRelay {
  readonly ended: Promise<void>;
  readonly stop: () => Promise<void>;
  /** Waits; what ends the relay meanwhile ends the wait. */
  readonly until: (what: string, isSo: () => boolean | Promise<boolean>) => Promise<void>;
}

/** A relay in this process; ended with the test. */
export function startRelay(options: Omit<RelayRunOptions, 'signal'>): StartedRelay {
  const stop = new AbortController();
  const ended = relayOutbox({ limits: quick, ...options, signal: stop.signal });
  let failure: { readonly error: unknown } | undefined;
  ended.catch((error: unknown) => {
    failure = { error };
  });
  const end = async (): Promise<void> => {
    stop.abort();
    await ended.catch(() => undefined);
  };
  onTestFinished(end);
  return { ended, stop: end, until: async (what, isSo) => until(what, isSo, () => failure) };
}

export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  failed: () => { readonly error: unknown } | undefined = () => undefined,
): Promise<void> {
  await waitFor({ what, timeoutMs: 90_000, everyMs: 20 }, async () => {
    const failure = failed();
    if (failure !== undefined) throw failure.error;
    return (await isSo()) ? true : undefined;
  });
}

interface Asked {
  query(sql: string, parameters: (string | null)[]): Promise<unknown>;
}

export async function writeEvents(
  system: 'postgres' | 'mysql',
  database: Asked,
  ...events: readonly Partial<NewEvent>[]
): Promise<void> {
  for (const event of events) {
    const whole = { aggregateType: 'order', aggregateId: '1', type: 'changed', payload: null, ...event };
    await database.query(...outboxInsert(system, whole));
  }
}
