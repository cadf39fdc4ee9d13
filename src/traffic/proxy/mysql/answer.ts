import { BodyReader } from '../../../wire/mysql/body.ts';
import { command } from '../../../wire/mysql/commands.ts';
import { capability, has, serverStatus, type Capabilities } from '../../../wire/mysql/flags.ts';
import { encodePacket } from '../../../wire/mysql/packets.ts';
import { encodeEof, encodeOk, readEof, readOk, type OkReply } from '../../../wire/mysql/replies.ts';
import { readPrepared, ResponseReader, type Prepared, type ResponsePart } from '../../../wire/mysql/response.ts';
import type { PassingPacket, Verdict } from './packet-tap.ts';

/** What an answer has said so far about the session. */
export interface Told {
  readonly part: ResponsePart;
  /** Where the packet ends a result: also the OK behind rows. */
  readonly ok?: OkReply;
  readonly prepared?: Prepared;
}

const longRow = Buffer.of(1);

/**
 * The answer to one command, on its way from a backend to a client. The backend always speaks with CLIENT_DEPRECATE_EOF and CLIENT_SESSION_TRACK, so that every answer ends
 * with what it changed; for a client that speaks without, EOF packets are put where it expects them, packets are numbered anew, and what it does not understand is left out.
 */
export class Answer {
  readonly code: number;
  readonly #client: Capabilities;
  readonly #backend: Capabilities;
  readonly #reader: ResponseReader;
  readonly #status: () => number;
  #columnsLeft = 0;
  #parametersLeft = 0;
  /** Columns have been described, and the client expects an EOF: which, the next packet tells. */
  #owesEof = false;
  /** Packets that the client got beyond those of the backend. */
  shift = 0;
  packets = 0;

  /** `status`: flags as last told by the server. */
  constructor(code: number, client: Capabilities, backend: Capabilities, status: () => number) {
    this.code = code;
    this.#client = client;
    this.#backend = backend;
    this.#reader = new ResponseReader(code, backend);
    this.#status = status;
  }

  get ended(): boolean {
    return this.#reader.ended;
  }

  see(packet: PassingPacket): { readonly told: Told; readonly verdict: Verdict | undefined } {
    this.packets += 1;
    // Nothing but a row is longer than what is looked at.
    const part = this.#reader.see(packet.whole ? packet.head : longRow);
    const translates = !has(this.#client, capability.deprecateEof);
    switch (part.kind) {
      case 'columnCount':
        this.#columnsLeft = new BodyReader(packet.head, 'the number of columns').lengthEncoded();
        return { told: { part }, verdict: undefined };
      case 'prepared': {
        const prepared = readPrepared(packet.head);
        this.#parametersLeft = prepared.parameters;
        this.#columnsLeft = prepared.columns;
        return { told: { part, prepared }, verdict: undefined };
      }
      case 'parameter':
        this.#parametersLeft -= 1;
        return {
          told: { part },
          verdict: translates && this.#parametersLeft === 0 ? this.#withEof(packet) : undefined,
        };
      case 'column':
        return { told: { part }, verdict: this.#seeColumn(packet, translates) };
      case 'ok':
        return this.#seeOk(part, packet);
      case 'endOfRows':
        return this.#seeEndOfRows(part, packet, translates);
      default:
        return { told: { part }, verdict: this.#owesEof ? this.#eofBefore(packet) : undefined };
    }
  }

  #seeColumn(packet: PassingPacket, translates: boolean): Verdict | undefined {
    this.#columnsLeft -= 1;
    if (!translates || this.#columnsLeft !== 0) return undefined;
    if (this.code === command.stmtPrepare) return this.#withEof(packet);
    this.#owesEof = true;
    return undefined;
  }

  #seeOk(part: ResponsePart, packet: PassingPacket): { readonly told: Told; readonly verdict: Verdict | undefined } {
    const ok = readOk(packet.head, this.#backend);
    if (has(this.#client, capability.sessionTrack)) return { told: { part, ok }, verdict: undefined };
    return { told: { part, ok }, verdict: { instead: this.#packet(packet, encodeOk(ok, this.#client)) } };
  }

  #seeEndOfRows(
    part: ResponsePart,
    packet: PassingPacket,
    translates: boolean,
  ): { readonly told: Told; readonly verdict: Verdict | undefined } {
    // Some commands are answered by an EOF whatever was agreed on.
    if (packet.head.length === 5) {
      readEof(packet.head);
      return { told: { part }, verdict: undefined };
    }
    const ok = readOk(packet.head, this.#backend);
    const told = { part, ok };
    if (!translates) {
      if (has(this.#client, capability.sessionTrack)) return { told, verdict: undefined };
      return { told, verdict: { instead: this.#packet(packet, encodeOk(ok, this.#client, 0xfe)) } };
    }
    // A cursor was opened: its EOF behind the columns is the last word.
    const opened = this.#owesEof && (ok.status & serverStatus.cursorExists) !== 0;
    const before = this.#owesEof && !opened ? this.#eofBefore(packet) : undefined;
    this.#owesEof = false;
    const eof = encodeEof({ warnings: ok.warnings, status: ok.status & ~serverStatus.sessionStateChanged });
    return { told, verdict: { ...before, instead: this.#packet(packet, eof) } };
  }

  #eofBefore(packet: PassingPacket): Verdict {
    this.#owesEof = false;
    const before = this.#packet(packet, this.#eof());
    this.shift += 1;
    return { before };
  }

  /** The packet, and an EOF behind it. */
  #withEof(packet: PassingPacket): Verdict {
    const own = this.#packet(packet, packet.head);
    this.shift += 1;
    return { instead: Buffer.concat([own, this.#packet(packet, this.#eof())]) };
  }

  #eof(): Buffer {
    return encodeEof({ warnings: 0, status: this.#status() });
  }

  #packet(packet: PassingPacket, payload: Buffer): Buffer {
    return encodePacket((packet.sequence + this.shift) & 0xff, payload);
  }
}
