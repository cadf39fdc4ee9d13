/** What a proxy is asked to record. */
export interface CaptureOrder {
  /** Absolute. The file is there, with its header; lines are added to it. */
  readonly path: string;
  /** Of the header: times count from here, milliseconds since 1970. */
  readonly atMs: number;
  readonly forMs: number;
  /** Past this much in the file recording ends. */
  readonly limitBytes: number;
  /** Literals and parameters are replaced under this key, hexadecimal; absent: they are recorded as they are. A secret. */
  readonly redactKey?: string | undefined;
}

/** What was recorded since the last beginning. */
export interface CaptureTally {
  /** Some process records still. */
  readonly running: boolean;
  /** Why those that have ended did. */
  readonly ended: readonly string[];
  readonly sessions: number;
  /** Units of clients: a simple query, or extended messages up to a Sync. */
  readonly asks: number;
  /** For which there was no room: the file could not be written as fast as clients asked. */
  readonly dropped: number;
  /** Not recorded, by why. */
  readonly leftOut: Readonly<Record<string, number>>;
  /** Clients whose session is not known well enough to begin in its middle, at this moment. */
  readonly sessionsLeftOut: number;
  readonly bytes: number;
}

/** Records what clients ask; no client waits for it. */
export interface Capturing {
  /** Errors: TEAL-TRAFFIC-035 the file cannot be written, -038 it records already. */
  begin(order: CaptureOrder): Promise<void>;
  /** Not an error where nothing is recorded. Resolves when all that was recorded is in the file. */
  end(): Promise<void>;
  tally(): Promise<CaptureTally>;
}

export const nothingCaptured: CaptureTally = Object.freeze({
  running: false,
  ended: [],
  sessions: 0,
  asks: 0,
  dropped: 0,
  leftOut: {},
  sessionsLeftOut: 0,
  bytes: 0,
});

/** What several processes have recorded, as one. */
export function addCaptures(all: readonly CaptureTally[]): CaptureTally {
  const sum = (pick: (tally: CaptureTally) => number): number => all.reduce((total, tally) => total + pick(tally), 0);
  const leftOut: Record<string, number> = {};
  for (const tally of all) {
    for (const [why, count] of Object.entries(tally.leftOut)) leftOut[why] = (leftOut[why] ?? 0) + count;
  }
  return {
    running: all.some(({ running }) => running),
    ended: [...new Set(all.flatMap(({ ended }) => ended))],
    sessions: sum((tally) => tally.sessions),
    asks: sum((tally) => tally.asks),
    dropped: sum((tally) => tally.dropped),
    leftOut,
    sessionsLeftOut: sum((tally) => tally.sessionsLeftOut),
    bytes: sum((tally) => tally.bytes),
  };
}
