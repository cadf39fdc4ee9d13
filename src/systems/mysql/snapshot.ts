import type { TableName } from '../../model/catalog.ts';
import type { HeldEpoch, SnapshotKeeper } from '../../ports/snapshot-source.ts';
import { mysqlSnapshotSource } from './copy-source.ts';
import { takeSnapshot, type OpenMeeting, type SnapshotSessions, type TakenSnapshot } from './snapshot-sessions.ts';
import type { WindowOptions } from './snapshot-window.ts';
import type { ValuePolicy } from './values/policy.ts';

export interface MysqlSnapshotOptions {
  readonly url: string;
  /** What will be copied. */
  readonly tables: readonly TableName[];
  /** As many as the copy has workers. */
  readonly sessions: number;
  readonly policy?: ValuePolicy;
  /** How its sessions come to one place; default: by the binlog. */
  readonly meet?: OpenMeeting;
  /** What they do where no lock is to be had; see `takeSnapshot`. */
  readonly window?: WindowOptions;
  readonly lockTimeoutMs?: number;
  readonly attemptsWithoutLock?: number;
  readonly stretchBytes?: number;
  readonly onTaken?: (taken: TakenSnapshot) => void;
}

/**
 * Snapshots of a copy, held by sessions of this process: MySQL has no other way. They end with it, and the next process takes the next epoch's. Disposal is `letGo`.
 *
 * Errors of `take`: those of `takeSnapshot`.
 */
export function mysqlSnapshotKeeper(options: MysqlSnapshotOptions): SnapshotKeeper & AsyncDisposable {
  let current: { readonly held: HeldEpoch; readonly sessions: SnapshotSessions } | undefined;
  const letGo = async (): Promise<void> => {
    const before = current;
    current = undefined;
    await before?.sessions[Symbol.asyncDispose]();
  };
  return Object.freeze({
    held: async () => {
      if (current !== undefined && current.sessions.alive === 0) await letGo();
      return current?.held;
    },
    take: async (epoch: number, signal: AbortSignal) => {
      await letGo();
      const sessions = await takeSnapshot({ ...options, applicationName: 'teal copy reader' }, signal);
      const held: HeldEpoch = { epoch, source: mysqlSnapshotSource({ ...options, sessions }) };
      current = { held, sessions };
      return held;
    },
    letGo,
    [Symbol.asyncDispose]: letGo,
  });
}
