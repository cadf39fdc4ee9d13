import { sizeOf } from './backlog.ts';

/** A statement that meets the fence is kept for another try up to here. */
const limitBytes = 64 << 10;

/**
 * The unit that a client sent last, as views of the chunks that it came in, so that it can be sent again should the fence refuse it. Kept only for
 * a unit that begins at a boundary, is alone in flight, and has had no answer.
 */
export class UnitCopy {
  #parts: Buffer[] = [];
  #chunk: Buffer | undefined;
  #from = 0;
  #kept = false;
  #answered = false;

  /** The whole unit, and nothing else, is here, and nothing of its answer was passed on. */
  get isUntouched(): boolean {
    return this.#kept && !this.#answered;
  }

  get parts(): readonly Buffer[] {
    return this.#parts;
  }

  /** A unit begins at `from` of the chunk. */
  begin(chunk: Buffer, from: number, atBoundary: boolean): void {
    this.#kept = atBoundary;
    if (!atBoundary) return;
    this.#answered = false;
    this.#parts = [];
    this.#chunk = chunk;
    this.#from = from;
  }

  /** The first `taken` bytes of a chunk were passed on. */
  passed(chunk: Buffer, taken: number): void {
    if (!this.#kept || taken === 0) return;
    if (chunk === this.#chunk) this.#parts = [chunk.subarray(this.#from, taken)];
    else this.#parts.push(chunk.subarray(0, taken));
    if (sizeOf(this.#parts) > limitBytes) this.drop();
  }

  answered(): void {
    this.#answered = true;
  }

  drop(): void {
    this.#kept = false;
    this.#parts = [];
    this.#chunk = undefined;
  }
}
