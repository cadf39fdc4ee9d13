import { sleep } from '../../../kernel/clock.ts';
import { endsWithin } from '../bell.ts';
import type { WatchableSession } from './options.ts';

/** New clients are watched from their first message; of others that were left out some are asked for their state now and then. */
const lookEveryMs = 2_000;
const lookedAtOnce = 8;

export interface Watching {
  readonly sessions: () => Iterable<WatchableSession>;
  /** Reads are taken from clients now. */
  readonly isOpen: () => boolean;
  readonly stopped: AbortSignal;
  /** A session could not be asked. */
  readonly failed: (error: unknown) => void;
}

export function unwatchedOf(sessions: Iterable<WatchableSession>): readonly WatchableSession[] {
  return [...sessions].filter((session) => !session.isWatched);
}

/** Until it is stopped. Each round takes others, for some can never be watched. */
export async function watchAll({ sessions, isOpen, stopped, failed }: Watching): Promise<void> {
  for (let from = 0; !stopped.aborted; from += lookedAtOnce) {
    const unwatched = unwatchedOf(sessions());
    if (from >= unwatched.length) from = 0;
    const chosen = isOpen() ? unwatched.slice(from, from + lookedAtOnce) : [];
    await endsWithin(Promise.all(chosen.map(async (session) => session.watch().catch(failed))), lookEveryMs);
    await sleep(lookEveryMs, stopped).catch(() => undefined);
  }
}
