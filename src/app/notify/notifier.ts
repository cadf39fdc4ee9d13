import { later } from '../../kernel/clock.ts';
import type { JournalRecord } from '../../journal/record.ts';
import type { MigrationState } from '../../journal/state.ts';
import type { NotifySpec } from '../../spec/notify.ts';
import { bodyOf } from './bodies.ts';
import { gateIsSlow, noticeOf, type Notice } from './notices.ts';
import { WebhookQueue, type WebhookQueueOptions } from './webhook-queue.ts';

/** How long a command waits at its end for what was not sent yet. */
const patienceMs = 5_000;

export interface NotifierOptions extends Pick<WebhookQueueOptions, 'onLost' | 'pauseMs'> {
  readonly migration: string;
  readonly notify: readonly NotifySpec[];
}

interface Receiver extends NotifySpec {
  readonly queue: WebhookQueue;
}

/** Tells webhooks what the journal says, as it is written. Nothing here holds up a run, or fails it. */
export class Notifier implements AsyncDisposable {
  readonly #migration: string;
  readonly #receivers: readonly Receiver[];
  /** Gates that have not said yes, and the clocks of those who want to know after a time. */
  readonly #slow = new Map<string, DisposableStack>();

  constructor({ migration, notify, ...queue }: NotifierOptions) {
    this.#migration = migration;
    this.#receivers = notify.map((each) => ({ ...each, queue: new WebhookQueue({ ...queue, url: each.url }) }));
  }

  /** A record that was appended, and the state after it. */
  hear(record: JournalRecord, state: MigrationState): void {
    const notice = noticeOf(this.#migration, record, state);
    if (notice !== undefined) for (const receiver of this.#receivers) tell(receiver, notice);
    const { event } = record;
    if (event.type === 'gateAnswered') this.#watchGate(event.gate, record, state);
  }

  /** From the first answer that is neither yes nor no on; another answer of that kind does not set the clock back. */
  #watchGate(gate: string, record: JournalRecord, state: MigrationState): void {
    const isSlow = gateIsSlow(this.#migration, record, state, 0) !== undefined && state.gates[gate]?.person !== true;
    const clocks = this.#slow.get(gate);
    if (!isSlow) {
      clocks?.dispose();
      this.#slow.delete(gate);
    } else if (clocks === undefined) {
      const begun = new DisposableStack();
      this.#slow.set(gate, begun);
      for (const receiver of this.#receivers) {
        const { afterMs } = receiver;
        begun.use(
          later(afterMs, () => {
            const notice = gateIsSlow(this.#migration, record, state, afterMs);
            if (notice !== undefined) tell(receiver, notice);
          }),
        );
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const clocks of this.#slow.values()) clocks.dispose();
    this.#slow.clear();
    await Promise.all(this.#receivers.map(async ({ queue }) => queue.close(patienceMs)));
  }
}

function tell({ on, format, queue }: Receiver, notice: Notice): void {
  if (on.includes(notice.kind)) queue.push(bodyOf(notice, format));
}
