import { fullPieceBytes, packetHeaderBytes } from '../../../wire/mysql/packets.ts';

/** Of a longer packet only so many bytes are looked at; the rest passes as it comes. */
export const headLimitBytes = 64 << 10;

/** A packet as it passes, at its first piece. */
export interface PassingPacket {
  readonly sequence: number;
  /** The payload, or its first `headLimitBytes`. May be written to in place. */
  readonly head: Buffer;
  readonly whole: boolean;
}

/** What becomes of it: undefined passes it on. All buffers are packets with their headers. */
export interface Verdict {
  readonly before?: Buffer;
  /** In the place of what was seen; of a packet that is not whole, of its header and head. */
  readonly instead?: Buffer;
}

export interface TapDuty {
  /** Whether the packet that comes next may be seen now. May be asked of the same one again. */
  gate(next: PassingPacket): boolean;
  see(packet: PassingPacket): Verdict | undefined;
}

const empty = Buffer.alloc(0);

/**
 * One direction of a session: takes bytes as they come, has each packet looked at, and hands on what passes in as few pieces as it came. What the gate does not let pass is
 * kept, in order, until `run`. Memory: what is kept, and `headLimitBytes` for a packet that has not come whole.
 */
export class PacketTap {
  readonly #duty: TapDuty;
  readonly #out: (bytes: Buffer) => void;
  #kept: Buffer = empty;
  /** Bytes of the present piece that pass unseen. */
  #passing = 0;
  /** The present piece is full: another one of the same packet follows. */
  #continues = false;
  #running = false;
  /** Added to the number of each packet that passes. */
  shift = 0;

  constructor(duty: TapDuty, out: (bytes: Buffer) => void) {
    this.#duty = duty;
    this.#out = out;
  }

  /** All that came has passed, and it ended with a packet. */
  get atPacketEnd(): boolean {
    return this.#kept.length === 0 && !this.midPacket;
  }

  /** A packet has passed in part. */
  get midPacket(): boolean {
    return this.#passing > 0 || this.#continues;
  }

  get keptBytes(): number {
    return this.#kept.length;
  }

  /** At a packet's start: the first byte of the next payload, if it is there. */
  get next(): number | undefined {
    return this.midPacket ? undefined : this.#kept[packetHeaderBytes];
  }

  push(chunk: Buffer): void {
    this.#kept = this.#kept.length === 0 ? chunk : Buffer.concat([this.#kept, chunk]);
    this.run();
  }

  /** A packet that passed comes again, before all others. */
  putBack(packet: Buffer): void {
    this.#kept = Buffer.concat([packet, this.#kept]);
  }

  /** The next packet, which is there whole, is not to pass. */
  dropPacket(): void {
    this.#kept = this.#kept.subarray(packetHeaderBytes + this.#kept.readUIntLE(0, 3));
  }

  forget(): void {
    this.#kept = empty;
  }

  /** Passes on what may pass. Of no effect from within the duty: the run under way asks the gate for each packet. */
  run(): void {
    if (this.#running) return;
    this.#running = true;
    try {
      this.#pass(this.#kept);
    } finally {
      this.#running = false;
    }
  }

  #pass(bytes: Buffer): void {
    let at = 0;
    let from = 0;
    const flush = (): void => {
      if (at > from) this.#out(bytes.subarray(from, at));
    };
    while (at < bytes.length) {
      if (this.#passing > 0) {
        const take = Math.min(this.#passing, bytes.length - at);
        this.#passing -= take;
        at += take;
        continue;
      }
      const left = bytes.length - at - packetHeaderBytes;
      if (left < 0) break;
      const length = bytes.readUIntLE(at, 3);
      if (this.#continues) {
        this.#number(bytes, at);
        this.#begin(length, 0);
        at += packetHeaderBytes;
        continue;
      }
      const seen = Math.min(length, headLimitBytes);
      if (left < seen) break;
      const end = at + packetHeaderBytes + seen;
      const head = bytes.subarray(at + packetHeaderBytes, end);
      const packet = { sequence: bytes[at + 3] ?? 0, head, whole: seen === length };
      if (!this.#duty.gate(packet)) break;
      const verdict = this.#duty.see(packet);
      this.#number(bytes, at);
      this.#begin(length, seen);
      if (verdict !== undefined) {
        flush();
        from = verdict.instead === undefined ? at : end;
        for (const part of [verdict.before, verdict.instead])
          if (part !== undefined && part.length > 0) this.#out(part);
      }
      at = end;
    }
    flush();
    // Who ends the session forgets what is kept.
    if (this.#kept === bytes) this.#kept = bytes.subarray(at);
  }

  #begin(length: number, seen: number): void {
    this.#passing = length - seen;
    this.#continues = length === fullPieceBytes;
  }

  #number(bytes: Buffer, at: number): void {
    if (this.shift !== 0) bytes[at + 3] = ((bytes[at + 3] ?? 0) + this.shift) & 0xff;
  }
}
