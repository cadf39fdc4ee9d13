import type { CallerAnswer, CommandAnswer, GatesAnswer, MigrationAnswer, RatePoint, Rates } from '../types.ts';

/** Everything that is shown of the one migration, as it was heard last. Replaced whole, never changed. */
export interface ConsoleState {
  readonly access: 'asking' | 'token wanted' | 'open';
  /** Why the token that was given is not let in. */
  readonly refused?: string | undefined;
  readonly connection: 'connecting' | 'open' | 'lost';
  readonly lostBecause?: string | undefined;
  /** When the server was heard last, by the clock of this machine. */
  readonly heardMs?: number | undefined;
  readonly caller?: CallerAnswer | undefined;
  /** Undefined while nothing was asked yet, and (with `begun` false) before the first `teal up`. */
  readonly migration?: MigrationAnswer | undefined;
  readonly begun?: boolean | undefined;
  readonly gates?: GatesAnswer | undefined;
  readonly commands: readonly CommandAnswer[];
  readonly rates?: Rates | undefined;
  readonly points: readonly RatePoint[];
  /** One more whenever the journal has said something: what hangs on it is to be asked anew. */
  readonly version: number;
}

export const emptyState: ConsoleState = Object.freeze({
  access: 'asking',
  connection: 'connecting',
  commands: [],
  points: [],
  version: 0,
});
