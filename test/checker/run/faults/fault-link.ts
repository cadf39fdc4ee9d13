import type { Link } from '../world.ts';

/** A connection that a link carries, as far as the link must reach into it. */
export interface Carried {
  /** Takes both ends away with a reset. */
  reset(): void;
  /** Forgets what is held back, and swallows what comes from now on. */
  swallow(): void;
  readonly hasSwallowed: boolean;
}

/** The state of one pair, and the connections that belong to it. */
export class FaultLink implements Link {
  readonly connections = new Set<Carried>();
  #state: 'open' | 'cut' | 'half-open' = 'open';
  #delayMs = 0;

  get state(): 'open' | 'cut' | 'half-open' {
    return this.#state;
  }

  /** Of each direction. */
  get delayMs(): number {
    return this.#delayMs;
  }

  async cut(): Promise<void> {
    this.#state = 'cut';
    for (const connection of this.connections) connection.reset();
  }

  async delay(ms: number): Promise<void> {
    this.#delayMs = ms;
  }

  async halfOpen(): Promise<void> {
    this.#state = 'half-open';
    for (const connection of this.connections) connection.swallow();
  }

  async heal(): Promise<void> {
    this.#state = 'open';
    this.#delayMs = 0;
    for (const connection of this.connections) if (connection.hasSwallowed) connection.reset();
  }
}
