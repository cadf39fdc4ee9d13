import { TealError } from '../../../kernel/errors.ts';
import { encodePacket } from '../../../wire/mysql/packets.ts';
import type { PacketChannel } from './packet-channel.ts';

/** A conversation in the middle of a session: its packets come by the session's own tap, one when one is wanted. */
export class TappedChannel implements PacketChannel {
  readonly #out: (bytes: Buffer) => void;
  readonly #onWant: () => void;
  #sequence: number;
  #wanted: { readonly resolve: (payload: Buffer) => void; readonly reject: (error: Error) => void } | undefined;

  /** `sequence`: of what is said next. */
  constructor(out: (bytes: Buffer) => void, sequence: number, onWant: () => void) {
    this.#out = out;
    this.#sequence = sequence;
    this.#onWant = onWant;
  }

  get wants(): boolean {
    return this.#wanted !== undefined;
  }

  async read(): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    this.#wanted = { resolve, reject };
    this.#onWant();
    return promise;
  }

  take(payload: Buffer, sequence: number): void {
    this.#sequence = (sequence + 1) & 0xff;
    const wanted = this.#wanted;
    this.#wanted = undefined;
    wanted?.resolve(payload);
  }

  write(payload: Buffer): void {
    this.#out(encodePacket(this.#sequence, payload));
    this.#sequence = (this.#sequence + 1) & 0xff;
  }

  close(): void {
    this.#wanted?.reject(new TealError('TEAL-TRAFFIC-008', 'the peer closed the connection'));
    this.#wanted = undefined;
  }
}
