/** What a server has done since it began to count: only differences between two looks mean something. */
export interface VitalCounters {
  readonly commits: number;
  readonly rollbacks: number;
  readonly deadlocks: number;
  /** Written to disk because it had no room in memory. */
  readonly temporaryBytes: number;
  /** Of its log of changes. */
  readonly logBytes: number;
  /** Pages that were found in the server's own memory, and those that were not. */
  readonly cacheHits: number;
  readonly cacheMisses: number;
}

/** What a server is at one moment. */
export interface VitalGauges {
  readonly connections: number;
  /** Sessions that work on something. */
  readonly active: number;
  /** Sessions that wait for a lock. */
  readonly lockWaits: number;
  readonly longestTransactionSeconds: number;
  readonly databaseBytes: number;
  /** Of all rows in tables, those that are dead and take room: 0 to 1. */
  readonly deadShare: number;
  /** Log that is kept for those who read it, at most by one. */
  readonly retainedLogBytes: number;
  /** Transactions since the oldest row that must be looked at before their numbers come round. */
  readonly transactionAge: number;
}

/** How far a gauge may go, where the server has a limit. */
export type VitalLimits = Readonly<Partial<Record<keyof VitalGauges, number>>>;

/** What could not be asked of this system is absent. */
export interface Vitals {
  readonly counters: Readonly<Partial<VitalCounters>>;
  readonly gauges: Readonly<Partial<VitalGauges>>;
  readonly limits: VitalLimits;
}
