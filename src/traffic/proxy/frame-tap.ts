import { malformed } from '../../wire/postgres/body.ts';
import { frameHeaderBytes } from '../../wire/postgres/frames.ts';

/** What a tap asks about the frames that run through it. */
export interface TapRules {
  /** Asked at the first byte of every frame, at `at` of its chunk. False: nothing from here on is taken; the rest of the chunk is the caller's. */
  gate(type: number, at: number): boolean;
  /** How many first bytes of the frame must lie together before `see` is asked; 0: it passes unseen. */
  need(type: number, length: number): number;
  /**
   * The frame's head is bytes[start, end), at least what was needed; `length` is the whole frame's. False: the frame is not passed on.
   * The view is valid during the call only.
   */
  see(bytes: Buffer, start: number, end: number, length: number): boolean;
}

/**
 * Finds the frames of a byte stream and passes the bytes on in as large pieces as came in: a chunk of which nothing is taken out leaves as
 * the same buffer. Only a needed head that spans chunks is copied. The hot path of the proxy: no allocation per frame.
 */
export class FrameTap {
  readonly #rules: TapRules;
  readonly #emit: (bytes: Buffer) => void;
  /** Bytes of the current frame that pass (or vanish) without being looked at. */
  #skip = 0;
  #vanish = false;
  /** A head that spans chunks. */
  #head: Buffer = Buffer.alloc(frameHeaderBytes);
  #headFilled = 0;
  #headNeed = 0;
  #headKnown = false;
  /** Of the chunk at hand: [from, frameStart) is decided to pass, but not yet emitted. */
  #chunk: Buffer = Buffer.alloc(0);
  #from = 0;
  #frameStart = 0;

  constructor(rules: TapRules, emit: (bytes: Buffer) => void) {
    this.#rules = rules;
    this.#emit = emit;
  }

  /** True when the last byte that was taken ended a frame. */
  get atFrameEnd(): boolean {
    return this.#skip === 0 && this.#headFilled === 0;
  }

  /** Takes the chunk and returns how much of it; less than all when the gate closed. */
  push(chunk: Buffer): number {
    const end = chunk.length;
    let at = 0;
    this.#chunk = chunk;
    this.#from = 0;
    while (at < end) {
      if (this.#skip > 0) {
        at = this.#pass(at, end);
      } else if (this.#headFilled > 0) {
        at = this.#fillHead(at, end);
      } else if (this.#rules.gate(chunk[at] ?? 0, at)) {
        at = this.#take(at, end);
      } else {
        break;
      }
    }
    this.#flush(at);
    return at;
  }

  /** Within `see`: puts bytes before the frame at hand. */
  insert(bytes: Buffer): void {
    this.#flush(this.#frameStart);
    this.#emit(bytes);
  }

  /** Within `see`: takes back what came before the frame in this chunk and has not been emitted. */
  discard(): void {
    this.#from = this.#frameStart;
  }

  #pass(at: number, end: number): number {
    const count = Math.min(this.#skip, end - at);
    this.#skip -= count;
    if (this.#vanish) {
      this.#flush(at);
      this.#from = at + count;
    }
    return at + count;
  }

  #take(at: number, end: number): number {
    const chunk = this.#chunk;
    this.#frameStart = at;
    if (end - at < frameHeaderBytes) return this.#startHead(at, end, frameHeaderBytes, false);
    const length = frameLength(chunk, at);
    const need = this.#rules.need(chunk[at] ?? 0, length);
    if (end - at < need) return this.#startHead(at, end, need, true);
    const stop = Math.min(at + length, end);
    const passes = need === 0 || this.#rules.see(chunk, at, stop, length);
    this.#skip = at + length - stop;
    this.#vanish = !passes;
    if (!passes) {
      this.#flush(at);
      this.#from = stop;
    }
    return stop;
  }

  #startHead(at: number, end: number, need: number, known: boolean): number {
    this.#flush(at);
    if (this.#head.length < need) this.#head = Buffer.allocUnsafe(need);
    this.#headNeed = need;
    this.#headKnown = known;
    this.#headFilled = this.#chunk.copy(this.#head, 0, at, end);
    this.#from = end;
    return end;
  }

  #fillHead(at: number, end: number): number {
    const stop = Math.min(at + this.#headNeed - this.#headFilled, end);
    this.#headFilled += this.#chunk.copy(this.#head, this.#headFilled, at, stop);
    this.#from = stop;
    this.#frameStart = stop;
    if (this.#headFilled === this.#headNeed) this.#headComplete();
    return stop;
  }

  #headComplete(): void {
    const length = frameLength(this.#head, 0);
    const need = this.#headKnown ? this.#headNeed : this.#rules.need(this.#head[0] ?? 0, length);
    if (need > this.#headFilled) {
      const longer = Buffer.allocUnsafe(need);
      this.#head.copy(longer, 0, 0, this.#headFilled);
      this.#head = longer;
      this.#headNeed = need;
      this.#headKnown = true;
      return;
    }
    const head = this.#head.subarray(0, this.#headFilled);
    this.#head = Buffer.allocUnsafe(frameHeaderBytes);
    this.#headFilled = 0;
    const passes = need === 0 || this.#rules.see(head, 0, head.length, length);
    if (passes) this.#emit(head);
    this.#skip = length - head.length;
    this.#vanish = !passes;
  }

  #flush(to: number): void {
    const from = this.#from;
    this.#from = to;
    if (to <= from) return;
    this.#emit(from === 0 && to === this.#chunk.length ? this.#chunk : this.#chunk.subarray(from, to));
  }
}

function frameLength(bytes: Buffer, at: number): number {
  const announced = bytes.readInt32BE(at + 1);
  if (announced < 4) throw malformed('a message', 'its length');
  return announced + 1;
}
