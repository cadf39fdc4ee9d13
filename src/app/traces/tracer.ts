import { nowMs } from '../../kernel/clock.ts';
import { tealVersion } from '../../kernel/version.ts';
import type { JournalRecord } from '../../journal/record.ts';
import { exportRequest, type Span } from '../../observe/otlp.ts';
import { WebhookQueue, type WebhookQueueOptions } from '../notify/webhook-queue.ts';
import { JournalSpans } from './journal-spans.ts';
import type { TraceTarget } from './trace-target.ts';

/** A collector is told of so many at once, or when a stage, a gate or a cut has ended. */
const batch = 64;
const patienceMs = 5_000;

export interface TracerOptions extends Pick<WebhookQueueOptions, 'onLost' | 'pauseMs'> {
  readonly migration: string;
  readonly target: TraceTarget;
}

/** Sends the spans of one command to a collector, as they end. Nothing here holds up a run, or fails it. */
export class Tracer implements AsyncDisposable {
  readonly #spans = new JournalSpans();
  readonly #waiting: Span[] = [];
  readonly #queue: WebhookQueue;
  readonly #resource: Readonly<Record<string, string>>;

  constructor({ migration, target, ...queue }: TracerOptions) {
    this.#queue = new WebhookQueue({ ...queue, url: target.url, headers: target.headers });
    this.#resource = {
      ...target.resource,
      'service.name': target.service,
      'service.version': tealVersion,
      'teal.migration': migration,
    };
  }

  hear(record: JournalRecord): void {
    this.#take(this.#spans.hear(record));
  }

  #take(ended: readonly Span[]): void {
    this.#waiting.push(...ended);
    if (this.#waiting.length >= batch || ended.some(({ name }) => !/^(?:undo )?step /.test(name))) this.#flush();
  }

  #flush(): void {
    if (this.#waiting.length === 0) return;
    const scope = { name: 'teal', version: tealVersion };
    const request = exportRequest(this.#resource, scope, this.#waiting.splice(0));
    this.#queue.push({ contentType: 'application/json', text: JSON.stringify(request) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#take(this.#spans.close(nowMs()));
    this.#flush();
    await this.#queue.close(patienceMs);
  }
}
