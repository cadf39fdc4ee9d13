import { sleep } from '../../kernel/clock.ts';

export interface RetiredLink {
  detach(): void;
  end(): void;
}

/** Between the ends of two of them: a server's process takes longer to end than to answer a query. */
const pauseMs = 5;

/**
 * Backends that sessions left while clients waited. They are nobody's and in no hurry: ending them at once would keep both sides' processors from those who wait. There
 * are never more of them than sessions.
 */
export class RetiredLinks {
  readonly #links: RetiredLink[] = [];

  add(link: RetiredLink): void {
    link.detach();
    this.#links.push(link);
  }

  /** One after the other; the rest at once when the signal aborts. */
  async end(signal: AbortSignal): Promise<void> {
    for (let link = this.#links.pop(); link !== undefined; link = this.#links.pop()) {
      link.end();
      // An abort is no error here: it only takes the pauses away.
      if (!signal.aborted) await sleep(pauseMs, signal).catch(() => undefined);
    }
  }
}
