import type {
  CallerAnswer,
  CommandAnswer,
  GatesAnswer,
  MigrationAnswer,
  MigrationsAnswer,
  RatePoint,
  Rates,
} from '../types.ts';

/** Everything that is shown, as it was heard last: of one migration, or of all where several are served and none is looked at. Replaced whole, never changed. */
export interface ConsoleState {
  readonly access: 'asking' | 'token wanted' | 'open';
  /** Why the token that was given is not let in. */
  readonly refused?: string | undefined;
  readonly connection: 'connecting' | 'open' | 'lost';
  readonly lostBecause?: string | undefined;
  /** When the server was heard last, by the clock of this machine. */
  readonly heardMs?: number | undefined;
  /** The one of several that is looked at; undefined where there is one alone, or all are looked at. */
  readonly chosen?: string | undefined;
  /** All, where several are served and none is looked at. */
  readonly all?: MigrationsAnswer['migrations'] | undefined;
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

/** What is looked at, for people: the name in the file, or `Teal` where all are, or none is known yet. Pure. */
export function nameOf({ chosen, caller }: Pick<ConsoleState, 'chosen' | 'caller'>): string {
  return chosen ?? (caller?.migrations === undefined ? caller?.migration : undefined) ?? 'Teal';
}
