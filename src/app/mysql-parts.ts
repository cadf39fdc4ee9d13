import { ddlOf, type DdlItem } from '../mapping/ddl.ts';
import type { Mapping } from '../mapping/mapping.ts';
import { isRecorded, type FollowMethod } from '../model/follow-method.ts';
import { flowSource, type Flow } from '../ports/carrier.ts';
import type { Step } from '../ports/step.ts';
import type { SnapshotKeeper } from '../ports/snapshot-source.ts';
import type { Spec } from '../spec/spec.ts';
import { readActingKeys, type ActingKeysOptions } from '../systems/mysql/acting-keys.ts';
import type { MysqlFenceOptions } from '../systems/mysql/fence.ts';
import type { KeptSession } from '../systems/mysql/kept-session.ts';
import { pollMeeting } from '../systems/mysql/polling/meeting.ts';
import { pollLock, pollsOf } from '../systems/mysql/polling/poll.ts';
import { pollingStep } from '../systems/mysql/polling/step.ts';
import type { MysqlSnapshotOptions } from '../systems/mysql/snapshot.ts';
import { readBeginning, readEndOfBinlog } from '../systems/mysql/source-probe.ts';
import { refuseGaps } from '../systems/mysql/trigger-source/gaps.ts';
import { tickMeeting } from '../systems/mysql/trigger-source/meeting.ts';
import { recorderStep, type RecordableTable } from '../systems/mysql/trigger-source/recorder.ts';
import { endOfRecord, makeTick } from '../systems/mysql/trigger-source/ticks.ts';
import type { GivenItem } from '../systems/postgres/schema-from-items.ts';
import { readFirstPosition, removeFirstPosition, writeFirstPosition } from './first-position.ts';

/** What of a side is otherwise where its changes are recorded by triggers or polls: no place of a binlog is asked for. */
export function partsOf(
  method: FollowMethod,
  url: string,
): {
  readonly fence: Pick<MysqlFenceOptions, 'position' | 'beforeToken' | 'gather'>;
  readonly snapshot: Pick<MysqlSnapshotOptions, 'meet'>;
} {
  if (method === 'log') return { fence: { position: readEndOfBinlog }, snapshot: {} };
  const fence = { position: endOfRecord, beforeToken: refuseGaps };
  if (method === 'triggers') return { fence, snapshot: { meet: tickMeeting(url) } };
  return { fence: { ...fence, gather: { lock: pollLock, work: pollsOf(url) } }, snapshot: { meet: pollMeeting(url) } };
}

/** What makes blue's changes be recorded, where its log is not read. */
export function recordSteps(
  { method, poll }: Spec['follow'],
  session: KeptSession,
  tables: readonly RecordableTable[],
): readonly Step[] {
  if (method === 'triggers') return [recorderStep('blue', session, tables)];
  return poll === undefined ? [] : [pollingStep('blue', session, tables, poll)];
}

/** What is told of the beginning of each flow. */
const beginnings = {
  forward: {
    id: 'copy:first-position',
    does: "notes where blue's binlog ends: the flow begins there, and passes over what the snapshots of the copy have",
    called: 'the flow',
  },
  reverse: {
    id: 'follow:first-position',
    does: "notes where green's binlog ends: the flow back begins there, and passes over what Teal itself writes",
    called: 'the flow back',
  },
} as const;

/**
 * The place in the binlog of a flow's source where the flow begins: the server itself remembers nothing for it. Of the flow forward it is written down before the snapshot is
 * taken; of the flow back behind all that made green what it is, and before a client has written there. With it the foreign keys that act, read after it: the stream tells when
 * they change.
 */
export function firstPositionStep(session: KeptSession, stateDir: string, flow: Flow, moved: ActingKeysOptions): Step {
  const { id, does, called } = beginnings[flow];
  const side = flowSource(flow);
  const isByRecord = isRecorded(moved.method ?? 'log');
  return {
    id,
    does: isByRecord
      ? `notes a tick of the record of ${side}: ${called} begins there, and passes over what the snapshots of the copy have`
      : does,
    locks: 'nothing',
    costs: isByRecord
      ? `nothing; ${side} keeps its record from here on until the flow has read it`
      : `nothing; ${side} must keep its binlog from here on until the flow has read it`,
    undone: 'the note is deleted',
    probe: async () => {
      const beginning = await readFirstPosition(stateDir, flow);
      return beginning === undefined
        ? { state: 'not done' }
        : { state: 'done', evidence: `${called} begins at ${beginning.position}` };
    },
    act: async () => {
      const beginning = await session.use(async (connection) => {
        const position = isByRecord ? await makeTick(connection) : await readBeginning(connection, side);
        return { position, actingKeys: await readActingKeys(connection, moved) };
      });
      await writeFirstPosition(stateDir, flow, beginning);
    },
    undo: async () => removeFirstPosition(stateDir, flow),
  };
}

/** What a snapshot locks on a blue of this family, and what it costs there (systems/mysql/snapshot-sessions.ts). */
export const snapshotTold = Object.freeze({
  locks:
    'the definitions of the tables of blue: reads and writes pass, DROP and ALTER wait. While the snapshot is taken on a server that never rests, commits (MariaDB) or writes (MySQL) wait for it, some milliseconds and 5 s at most; nothing waits where the account may not lock: what is committed meanwhile is then read from the binlog',
  costs: 'blue cannot purge old versions of rows meanwhile',
});

/** The snapshot of the copy is held by sessions of this process: they end here, or with it. */
export function releaseSnapshotStep(keeper: SnapshotKeeper): Step {
  return {
    id: 'copy:release-snapshot',
    does: 'ends the sessions that hold the snapshot: blue may purge what it kept for them, and tables may be altered again',
    locks: 'nothing',
    costs: 'nothing',
    undone: 'not needed',
    probe: async ({ signal }) =>
      (await keeper.held(signal)) === undefined
        ? { state: 'done', evidence: 'no session holds a snapshot' }
        : { state: 'not done' },
    act: async ({ signal }) => keeper.letGo(signal),
    undo: async () => undefined,
  };
}

/** What the mapping makes on green, as the driver of green's schema takes it. */
export function itemsOf(mapping: Mapping): readonly GivenItem[] {
  return ddlOf(mapping).map((item: DdlItem): GivenItem => item);
}
