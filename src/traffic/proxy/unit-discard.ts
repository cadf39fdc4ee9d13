import { frontend } from '../../wire/postgres/frontend.ts';
import { FrameTap } from './frame-tap.ts';

/** Takes one held unit from the bytes of a client and forgets it: its sender cancelled it before it was ever sent. */
export class UnitDiscard {
  #ended = false;
  readonly #tap = new FrameTap(
    {
      gate: () => !this.#ended,
      need: () => 1,
      see: (bytes, start) => {
        const type = bytes[start];
        this.#ended = type === frontend.query || type === frontend.functionCall || type === frontend.sync;
        return false;
      },
    },
    () => {},
  );

  /** How many bytes of the chunk belonged to the unit. */
  push(chunk: Buffer): number {
    return this.#tap.push(chunk);
  }

  get done(): boolean {
    return this.#ended && this.#tap.atFrameEnd;
  }
}
