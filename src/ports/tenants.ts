/**
 * Tenants whose clients write on green while blue is live for everybody else. Each side refuses to its clients the rows that the other takes, by triggers, so nothing depends on which way a client comes.
 *
 * | | blue takes their rows | green takes their rows |
 * |---|---|---|
 * | at home | yes | no |
 * | between | no | no |
 * | away | no | yes |
 *
 * Never both. What is so is in rows of the sides (`away`, `isOpen`), each written in the transaction that makes it so.
 */
export interface LentTenants {
  /** One moving out and back, never used again: rows of an earlier one say nothing of this one. */
  readonly run: string;
  /** Values of the column, as text. */
  readonly tenants: readonly string[];
  /** The setting by which the proxy knows whose a session is. */
  readonly session: string;
}

export interface TenantsState {
  /** Blue refuses the rows of these. Absent: they are at home. */
  readonly away?: LentTenants;
  /** Green takes their rows, for so long, in milliseconds by its own clock. */
  readonly openForMs?: number;
}

/** Written on one side, and carried to the other behind everything that was before it. `lend`: on blue, `recalled`: on green. */
export type TenantToken = 'lend' | 'recalled';

export interface CloseOptions {
  readonly lockTimeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface TenantGates {
  /** Puts the gates in place, open on blue. Idempotent. Errors: TEAL-SYSTEMS-700 rows or a schema that span tenants. */
  install(): Promise<void>;
  /** Each is in its place, and would fire. */
  isInstalled(): Promise<boolean>;
  /** Any of them is. */
  isThere(): Promise<boolean>;
  /** Takes them away. Only while all tenants are at home. Idempotent. */
  remove(): Promise<void>;
  /** Waits for a change of it that is on its way. */
  state(signal?: AbortSignal): Promise<TenantsState>;
  /**
   * One transaction on blue: waits for those who write, refuses the rows of these tenants from its commit on, writes the token. Fails with no effect when a lock is not had in time. Errors:
   * TEAL-SYSTEMS-008, -500, -701 a gate is missing, -702 the run is over.
   */
  closeBlue(lent: LentTenants, options: CloseOptions): Promise<void>;
  /** Whether the token of a run has come to the other side: all that was before it is there. */
  hasArrived(token: TenantToken, run: string, signal?: AbortSignal): Promise<boolean>;
  /** Has green give out other numbers than blue. Call it while the tenants are between. Errors: TEAL-SYSTEMS-703 a sequence has no room. */
  partSequences(signal?: AbortSignal): Promise<void>;
  /** Of the numbers that blue may give out before it comes to those of green, how many it has, 0 to 1: of the sequence that is the nearest. */
  sequencesUsed(): Promise<number>;
  /** One transaction on green, the decision: takes the rows of these tenants. Errors: TEAL-SYSTEMS-701, -702. */
  openGreen(lent: LentTenants, signal?: AbortSignal): Promise<void>;
  /** One transaction on green: waits for those who write, takes nothing more, writes the token. Answers whether green ever took rows in this run. Idempotent. */
  closeGreen(run: string, options: CloseOptions): Promise<boolean>;
  /** Has blue give out none of the numbers that green has given. Idempotent. */
  joinSequences(signal?: AbortSignal): Promise<void>;
  /** One transaction on blue: takes the rows of all tenants again. Idempotent. */
  openBlue(run: string, signal?: AbortSignal): Promise<void>;
}

/** How the proxy tells the sign of these gates from that of a fence: such a statement is wrong on its side, and its client is told. */
export const tenantSigns = Object.freeze({ sqlState: '25006', message: 'teal: not here' });
