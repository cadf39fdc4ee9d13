import type { Side } from './catalog.ts';

/** How the changes of a side are had: from its log, from a record that triggers write, or from a record of what looks at its tables found. */
export type FollowMethod = 'log' | 'triggers' | 'polling';

/** Whether what is brought comes through tables of Teal's on that side, and places are ticks of theirs. */
export function isRecorded(method: FollowMethod): boolean {
  return method !== 'log';
}

/** Whether every change of a side comes, where blue is followed so: what is polled comes without deletes. */
export function tellsAll(method: FollowMethod, side: Side): boolean {
  return side === 'green' || method !== 'polling';
}

/** By which columns tables are polled. */
export interface PollSettings {
  /** Of every table that has no other. */
  readonly column: string;
  /** By `schema.table`. */
  readonly columns: Readonly<Record<string, string>>;
  /** Of MySQL and MariaDB: what values of DATETIME are ahead of UTC, at least, in minutes. Absent: nobody knows. */
  readonly zoneMinutes?: number;
  /** Pause between two polls. */
  readonly everyMs: number;
}
