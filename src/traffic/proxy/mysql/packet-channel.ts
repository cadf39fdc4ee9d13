import type { Socket } from 'node:net';
import { TealError } from '../../../kernel/errors.ts';
import { malformed } from '../../../wire/mysql/body.ts';
import { encodePacket, packetHeaderBytes } from '../../../wire/mysql/packets.ts';
import { readExactly } from '../socket-reader.ts';

/** A conversation of packets, each answered by the next number. */
export interface PacketChannel {
  read(): Promise<Buffer>;
  write(payload: Buffer): void;
}

/** Bounds what a peer that has not proven who it is can make us keep. */
const limitBytes = 64 << 10;

/** Over a paused socket, for the conversation before commands flow. What is not read stays in the socket. Errors: as `readExactly`, TEAL-WIRE-001 and -002. */
export class SocketChannel implements PacketChannel {
  readonly signal: AbortSignal;
  #socket: Socket;
  #sequence = 0;

  constructor(socket: Socket, signal: AbortSignal) {
    this.#socket = socket;
    this.signal = signal;
  }

  /** The same conversation, encrypted from here on. */
  encrypted(socket: Socket): void {
    this.#socket = socket;
  }

  async read(): Promise<Buffer> {
    const header = await readExactly(this.#socket, packetHeaderBytes, this.signal);
    const length = header.readUIntLE(0, 3);
    if (length > limitBytes) {
      throw new TealError('TEAL-WIRE-002', 'a packet of a login is longer than the limit', {
        announced: length,
        limitBytes,
      });
    }
    if (header[3] !== this.#sequence) throw malformed('a packet of a login', 'its number');
    this.#sequence = (this.#sequence + 1) & 0xff;
    return length === 0 ? Buffer.alloc(0) : readExactly(this.#socket, length, this.signal);
  }

  write(payload: Buffer): void {
    this.#socket.write(encodePacket(this.#sequence, payload));
    this.#sequence = (this.#sequence + 1) & 0xff;
  }

  /** The last word. */
  end(payload: Buffer): void {
    if (this.#socket.destroyed) return;
    this.#socket.end(encodePacket(this.#sequence, payload));
    this.#socket.resume();
  }
}
