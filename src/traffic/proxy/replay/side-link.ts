import { monotonicMs } from '../../../kernel/clock.ts';
import { TealError } from '../../../kernel/errors.ts';
import { backend, readError, readParameterStatus } from '../../../wire/postgres/backend.ts';
import { frame, zeroTerminated } from '../../../wire/postgres/body.ts';
import { frameHeaderBytes } from '../../../wire/postgres/frames.ts';
import type { BackendLink, LinkOwner } from '../backend-link.ts';
import { FrameTap } from '../frame-tap.ts';
import type { Played } from './player.ts';

const looked: ReadonlySet<number> = new Set([
  backend.error,
  backend.readyForQuery,
  backend.parameterStatus,
  backend.copyIn,
]);

/** Puts one unit to a backend; its rows are read and thrown away. Errors: TEAL-TRAFFIC-008 the connection is lost. */
export async function play(link: BackendLink, unit: Buffer): Promise<Played> {
  const answer = new Answer(link);
  link.attach(answer);
  const fromMs = monotonicMs();
  if (!link.closed) link.write(unit);
  try {
    const error = await answer.ready;
    return { ms: monotonicMs() - fromMs, ...(error === undefined ? {} : { error }) };
  } finally {
    link.detach();
  }
}

class Answer implements LinkOwner {
  readonly ready: Promise<string | undefined>;
  readonly #link: BackendLink;
  readonly #tap: FrameTap;
  readonly #resolve: (error: string | undefined) => void;
  readonly #reject: (error: unknown) => void;
  #error: string | undefined;

  constructor(link: BackendLink) {
    const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
    this.ready = promise;
    this.#link = link;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#tap = new FrameTap(
      {
        gate: () => true,
        need: (type, length) => (looked.has(type) ? length : 0),
        see: (bytes, start, end) => this.#see(bytes.subarray(start, end)),
      },
      () => undefined,
    );
  }

  data(chunk: Buffer): void {
    try {
      this.#tap.push(chunk);
    } catch (error) {
      this.#reject(error);
    }
  }

  drain(): void {}

  closed(because?: unknown): void {
    this.#reject(new TealError('TEAL-TRAFFIC-008', 'the server closed the connection', {}, because));
  }

  aside(): void {}

  #see(bytes: Buffer): true {
    switch (bytes[0]) {
      case backend.error:
        this.#error ??= readError(bytes).code;
        break;
      case backend.parameterStatus:
        this.#link.parameters.set(...readParameterStatus(bytes));
        break;
      case backend.copyIn:
        // Nobody has the rows.
        this.#link.write(frame('f', zeroTerminated('not recorded')));
        break;
      case backend.readyForQuery:
        if (bytes.length > frameHeaderBytes) this.#resolve(this.#error);
        break;
      default:
    }
    return true;
  }
}
