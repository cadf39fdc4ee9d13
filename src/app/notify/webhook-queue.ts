import { later, monotonicMs, sleep } from '../../kernel/clock.ts';
import { redact } from '../../kernel/redact.ts';
import { originOf } from '../../spec/notify.ts';
import type { Body } from './bodies.ts';

export interface WebhookQueueOptions {
  readonly url: string;
  /** Beside the type of the content. Default: none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Told of each body that was given up, with why. Neither has any part of the URL but its origin. */
  readonly onLost: (origin: string, why: string) => void;
  /** For tests: the first pause between two attempts, doubled each time. Default 1 s. */
  readonly pauseMs?: number;
}

/** More than that wait only where nobody takes them: the newest are worth more than the oldest. */
const mostWaiting = 100;
const attempts = 4;
const attemptMs = 10_000;
/** Also 409: somebody is at it. Any other answer below 500 is the same the next time. */
const askAgain: ReadonlySet<number> = new Set([408, 409, 425, 429]);

/**
 * Posts bodies to one webhook, one after the other in their order, while the caller goes on. At most so many wait, each is tried so often; what is given up is told. Best effort: what waits when
 * the process ends is lost. No redirect is followed: a URL that lets one in is for one host.
 */
export class WebhookQueue {
  readonly #options: WebhookQueueOptions;
  readonly #waiting: Body[] = [];
  readonly #stop = new AbortController();
  #sending: Promise<void> | undefined;

  constructor(options: WebhookQueueOptions) {
    this.#options = options;
  }

  /** Never waits, never throws. */
  push(body: Body): void {
    if (this.#stop.signal.aborted) return;
    this.#waiting.push(body);
    if (this.#waiting.length > mostWaiting) {
      this.#waiting.shift();
      this.#lost(`more than ${mostWaiting} were waiting`);
    }
    this.#sending ??= this.#sendAll();
  }

  /** Resolves when all is sent, or after that time: then the rest is lost. Nothing is taken any more. */
  async close(patienceMs: number): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    using _patience = later(patienceMs, resolve);
    await Promise.race([this.#sending, late]);
    this.#stop.abort();
    await this.#sending;
    for (const _ of this.#waiting.splice(0)) this.#lost('the process has ended');
  }

  async #sendAll(): Promise<void> {
    for (let body = this.#waiting.shift(); body !== undefined; body = this.#waiting.shift()) {
      const why = await this.#send(body);
      if (why !== undefined) this.#lost(why);
      if (this.#stop.signal.aborted) break;
    }
    this.#sending = undefined;
  }

  /** Why it was given up; undefined where it was taken. */
  async #send(body: Body): Promise<string | undefined> {
    let why = '';
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      const told = await this.#attempt(body);
      if (told === undefined) return undefined;
      why = told.why;
      if (told.isFinal || this.#stop.signal.aborted) return why;
      if (attempt < attempts && !(await this.#paused((this.#options.pauseMs ?? 1_000) * 2 ** (attempt - 1))))
        return why;
    }
    return why;
  }

  async #attempt(body: Body): Promise<{ readonly why: string; readonly isFinal: boolean } | undefined> {
    const began = monotonicMs();
    try {
      const response = await fetch(this.#options.url, {
        method: 'POST',
        headers: { ...this.#options.headers, 'content-type': body.contentType },
        body: body.text,
        redirect: 'manual',
        signal: AbortSignal.any([this.#stop.signal, AbortSignal.timeout(attemptMs)]),
      });
      await response.body?.cancel();
      if (response.ok) return undefined;
      const isFinal = response.status < 500 && !askAgain.has(response.status);
      return { why: `it answered ${response.status}`, isFinal };
    } catch (error) {
      if (this.#stop.signal.aborted) return { why: 'the process has ended', isFinal: true };
      if (monotonicMs() - began >= attemptMs) return { why: 'there was no answer in its time', isFinal: false };
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      // Of the connection, never of the address: what a URL holds is in no message of the system.
      return { why: redact(String(Reflect.get(Object(cause), 'code') ?? 'it could not be reached')), isFinal: false };
    }
  }

  /** False where the queue was closed meanwhile. */
  async #paused(ms: number): Promise<boolean> {
    try {
      await sleep(ms, this.#stop.signal);
      return true;
    } catch {
      // The end is told by the signal, and what waits is counted as lost.
      return false;
    }
  }

  #lost(why: string): void {
    this.#options.onLost(originOf(this.#options.url), why);
  }
}
