import { monotonicMs, sleep } from '../kernel/clock.ts';
import { isTealError, TealError } from '../kernel/errors.ts';
import type { JournalRecord } from '../journal/record.ts';
import type { Rates } from './schemas.ts';

export interface EventSources {
  /** Records after a sequence number, oldest first. */
  readonly records: (after: number, limit: number) => readonly JournalRecord[];
  readonly rates: () => Promise<Rates>;
  /** Ends all streams. */
  readonly signal: AbortSignal;
}

export interface StreamLimits {
  /** Streams at the same time. */
  readonly clients: number;
  readonly recordsAtOnce: number;
  readonly lookEveryMs: number;
  readonly ratesEveryMs: number;
  readonly heartbeatMs: number;
  /** How long a client may leave unread what was handed to its connection. */
  readonly unreadMs: number;
}

export const streamLimits: StreamLimits = Object.freeze({
  clients: 64,
  recordsAtOnce: 100,
  lookEveryMs: 500,
  ratesEveryMs: 2_000,
  heartbeatMs: 15_000,
  unreadMs: 30_000,
});

/**
 * Server-sent events (HTML Standard, 9.2) of the journal and of rates. Nothing is queued for a client: each has a place in the journal, and the next piece is made when
 * its connection has taken the one before. One that does not read for `unreadMs` is dropped; it goes on from its last id when it comes again.
 */
export class EventStreams {
  readonly #sources: EventSources;
  readonly #limits: StreamLimits;
  #open = 0;

  constructor(sources: EventSources, limits: StreamLimits = streamLimits) {
    this.#sources = sources;
    this.#limits = limits;
  }

  get open(): number {
    return this.#open;
  }

  /** The events after a record of the journal, for as long as whoever follows is let in. TEAL-SERVER-010. */
  follow(after: number, isLetIn: () => boolean = () => true): ReadableStream<Uint8Array> {
    if (this.#open >= this.#limits.clients) {
      throw new TealError('TEAL-SERVER-010', `${this.#open} streams are open`, { streams: this.#open });
    }
    this.#open += 1;
    const ended = new AbortController();
    const pieces = this.#pieces(after, isLetIn, AbortSignal.any([ended.signal, this.#sources.signal]));
    const encoder = new TextEncoder();
    let unread: NodeJS.Timeout | undefined;
    const end = (): void => {
      clearTimeout(unread);
      if (ended.signal.aborted) return;
      ended.abort(new TealError('TEAL-KERNEL-003', 'the stream has ended'));
      this.#open -= 1;
    };
    const dropIfUnread = (controller: ReadableStreamDefaultController): void => {
      const drop = (): void => {
        end();
        controller.error(new TealError('TEAL-KERNEL-002', 'a client that follows events does not read them'));
      };
      unread = setTimeout(drop, this.#limits.unreadMs).unref();
    };
    return new ReadableStream<Uint8Array>(
      {
        // Also one that nobody ever reads (HEAD) has its place only so long.
        start: dropIfUnread,
        pull: async (controller) => {
          clearTimeout(unread);
          try {
            const next = await pieces.next();
            if (next.done === true) {
              end();
              controller.close();
            } else {
              controller.enqueue(encoder.encode(next.value));
              dropIfUnread(controller);
            }
          } catch (error) {
            end();
            controller.error(error);
          }
        },
        cancel: end,
      },
      // Nothing is made before it is asked for.
      { highWaterMark: 0 },
    );
  }

  async *#pieces(from: number, isLetIn: () => boolean, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
    const { recordsAtOnce, lookEveryMs, ratesEveryMs, heartbeatMs } = this.#limits;
    let after = from;
    let ratesAtMs = monotonicMs();
    let wroteAtMs = monotonicMs();
    yield 'retry: 2000\n\n';
    while (!signal.aborted && isLetIn()) {
      const records = this.#records(after, recordsAtOnce);
      let piece = records.map(recordText).join('');
      after = records.at(-1)?.seq ?? after;
      if (records.length < recordsAtOnce && monotonicMs() >= ratesAtMs) {
        ratesAtMs = monotonicMs() + ratesEveryMs;
        piece += `event: rates\ndata: ${JSON.stringify(await this.#sources.rates())}\n\n`;
      }
      if (piece === '' && monotonicMs() >= wroteAtMs + heartbeatMs) piece = ': still here\n\n';
      if (piece !== '') {
        wroteAtMs = monotonicMs();
        yield piece;
      }
      if (records.length < recordsAtOnce) await sleep(lookEveryMs, signal).catch(() => undefined);
    }
  }

  /** Before the first `teal up` there is nothing to tell; it may begin any time. */
  #records(after: number, limit: number): readonly JournalRecord[] {
    try {
      return this.#sources.records(after, limit);
    } catch (error) {
      if (isTealError(error, 'TEAL-JOURNAL-008')) return [];
      throw error;
    }
  }
}

function recordText(record: JournalRecord): string {
  const { seq, at, hash, event } = record;
  return `id: ${seq}\nevent: journal\ndata: ${JSON.stringify({ seq, at, hash, event })}\n\n`;
}
