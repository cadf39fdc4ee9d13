/**
 * Lines of a stream of chunks, the same at any chunk boundary. Memory is bounded by the limit (in characters) and the chunk at hand: once a line is longer,
 * `overflowed` is true, that line and all that follows are lost, and the stream is to be given up.
 */
export class LineSplitter {
  readonly #limit: number;
  #rest = '';
  #overflowed = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get overflowed(): boolean {
    return this.#overflowed;
  }

  /** The lines that end in this chunk, without their ends. */
  push(chunk: string): readonly string[] {
    if (this.#overflowed) return [];
    const lines = (this.#rest + chunk).split('\n');
    const tooLong = lines.findIndex((line) => line.length > this.#limit);
    this.#rest = lines.pop() ?? '';
    if (tooLong === -1) return lines;
    this.#overflowed = true;
    this.#rest = '';
    return lines.slice(0, tooLong);
  }
}
