import { sleep } from '../../kernel/clock.ts';
import { describeError } from '../../kernel/errors.ts';
import type { SchemaEyes, SchemaLook } from '../../ports/schemas.ts';

export interface SchemaWatchOptions {
  readonly eyes: SchemaEyes;
  readonly everyMs: number;
  /** Only a live flow's source is the one whose schema counts: the other side is changed to follow it. */
  readonly isLive: () => boolean;
  readonly log: (text: string) => void;
}

/** How many differences a status tells; the others are counted. */
const toldAtMost = 20;

/**
 * Compares both schemas from time to time, also where no event trigger tells of DDL: a table that no flow carries, an object that one side lacks. It
 * stops nothing: the stream does that at the right place. A side that cannot be asked is not its error: flow and receiver say so.
 */
export class SchemaWatch {
  readonly #options: SchemaWatchOptions;
  #look: SchemaLook | undefined;
  #told = '';

  constructor(options: SchemaWatchOptions) {
    this.#options = options;
  }

  /** What both sides do not share, most pressing first; undefined while nobody has looked. */
  get differences(): readonly string[] | undefined {
    if (this.#look === undefined || !this.#options.isLive()) return undefined;
    const { unmoved, lacking, surplus } = this.#look;
    const all = [...unmoved, ...lacking, ...surplus];
    return all.length <= toldAtMost ? all : [...all.slice(0, toldAtMost), `and ${all.length - toldAtMost} more`];
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.#options.isLive()) this.#take(await this.#options.eyes.look());
      } catch (error) {
        this.#tell(`the schemas cannot be compared: ${describeError(error)}`);
      }
      await sleep(this.#options.everyMs, signal).catch(() => undefined);
    }
  }

  #take(look: SchemaLook): void {
    this.#look = look;
    this.#tell(this.differences?.join('; ') ?? '');
  }

  #tell(text: string): void {
    if (text !== this.#told && text !== '') this.#options.log(text);
    this.#told = text;
  }
}
