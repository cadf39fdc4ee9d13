import { monotonicMs } from '../kernel/clock.ts';
import { isTealError } from '../kernel/errors.ts';
import type { PostgresPlace } from '../journal/place.ts';
import { leaderAt } from '../journal/postgres/postgres-store.ts';

const lookEveryMs = 2_000;

/** Whether a migration is still carried from this folder, for the supervisor of its processes. */
export class HomeWatch {
  readonly #place: PostgresPlace;
  readonly #log: (text: string) => void;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #isAway = false;

  constructor(place: PostgresPlace, log: (text: string) => void) {
    this.#place = place;
    this.#log = log;
  }

  /** True once another folder's controller has moved the migration on. A server that does not answer has told nothing: what runs goes on. */
  hasMoved(): boolean {
    if (monotonicMs() < this.#lookedMs + lookEveryMs) return false;
    try {
      const home = leaderAt(this.#place)?.home;
      this.#tell(false);
      return home !== undefined && home !== this.#place.folder();
    } catch (error) {
      if (!isTealError(error)) throw error;
      this.#tell(true, error.message);
      return false;
    } finally {
      this.#lookedMs = monotonicMs();
    }
  }

  #tell(isAway: boolean, why = ''): void {
    if (isAway !== this.#isAway) this.#log(isAway ? `the journal cannot be read: ${why}` : 'the journal can be read');
    this.#isAway = isAway;
  }
}
