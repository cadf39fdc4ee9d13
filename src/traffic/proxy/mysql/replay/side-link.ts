import { monotonicMs } from '../../../../kernel/clock.ts';
import { TealError } from '../../../../kernel/errors.ts';
import { encodePacket, PacketReader } from '../../../../wire/mysql/packets.ts';
import { readError } from '../../../../wire/mysql/replies.ts';
import { ResponseReader } from '../../../../wire/mysql/response.ts';
import type { Played } from '../../replay/player.ts';
import type { MysqlLink, MysqlLinkOwner } from '../link.ts';

/** A row is no longer than a server lets it be. */
const packetLimitBytes = 1 << 30;

/** Puts one command to a backend; its rows are read and thrown away. Errors: TEAL-TRAFFIC-008 the connection is lost. */
export async function play(link: MysqlLink, payload: Buffer): Promise<Played> {
  const answer = new Answer(link, payload[0] ?? 0);
  link.attach(answer);
  const fromMs = monotonicMs();
  if (!link.closed) link.write(encodePacket(0, payload));
  try {
    const error = await answer.ended;
    return { ms: monotonicMs() - fromMs, ...(error === undefined ? {} : { error }) };
  } finally {
    link.detach();
  }
}

class Answer implements MysqlLinkOwner {
  /** The number of its error. */
  readonly ended: Promise<string | undefined>;
  readonly #reader: ResponseReader;
  readonly #packets = new PacketReader(packetLimitBytes);
  readonly #resolve: (error: string | undefined) => void;
  readonly #reject: (error: unknown) => void;
  #error: string | undefined;

  constructor(link: MysqlLink, code: number) {
    const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
    this.ended = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#reader = new ResponseReader(code, link.capabilities);
  }

  data(chunk: Buffer): void {
    try {
      for (const { payload } of this.#packets.push(chunk)) {
        const { kind, ends } = this.#reader.see(payload);
        if (kind === 'error') this.#error = String(readError(payload).code);
        if (ends) this.#resolve(this.#error);
      }
    } catch (error) {
      this.#reject(error);
    }
  }

  drain(): void {}

  closed(because?: unknown): void {
    this.#reject(new TealError('TEAL-TRAFFIC-008', 'the server closed the connection', {}, because));
  }
}
