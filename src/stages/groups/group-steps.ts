import { waitFor } from '../../kernel/clock.ts';
import { TealError, isTealError } from '../../kernel/errors.ts';
import { otherSide, type Side } from '../../model/catalog.ts';
import type { GroupDesk, GroupOffset, Groups, TranslatedOffset } from '../../ports/groups.ts';
import type { Probed, Step, StepContext } from '../../ports/step.ts';
import { formatDuration } from '../../spec/units.ts';
import { groupStepId, type GroupMove } from './group-places.ts';

export interface GroupLimits {
  /** How long a group may take to leave one side, and how long to appear on the other and to read on there. */
  readonly patienceMs: number;
  /** How long the mirror may take to come to where a group stands. */
  readonly mirrorMs: number;
  /** How far behind a group may be on the new side when its move is over. Marks of transactions are counted. */
  readonly maxLag: bigint;
}

export interface GroupPorts {
  readonly groups: Groups;
  /** Absent: a person ends and starts the readers, and Teal waits until it sees that. */
  readonly desk?: GroupDesk;
  readonly limits: GroupLimits;
  /** Whether the file wants a group moved. */
  readonly isSelected: (group: string) => boolean;
}

/**
 * One group from one side to the other, as steps. It reads every record once: its place is carried while nobody reads, exactly, and only as far as the mirror has come.
 * Until `start` is done the group belongs to the side that it has left.
 */
export function groupSteps(move: GroupMove, ports: GroupPorts): readonly Step[] {
  return [stopStep(move, ports), carryStep(move, ports), startStep(move, ports)];
}

const notDone: Probed = { state: 'not done' };

function stopStep(move: GroupMove, { groups, desk, limits }: GroupPorts): Step {
  const from = otherSide(move.to);
  const { group } = move;
  const how = desk === undefined ? 'waits until somebody has ended' : 'ends';
  return {
    id: groupStepId(move, 'stop'),
    does: `${how} the readers of group ${group} on ${from}, and sees that none is left`,
    locks: `nothing; group ${group} reads nothing until it reads on ${move.to}`,
    costs: `the time until its readers have left: at most ${formatDuration(limits.patienceMs)}, then the group stays on ${from}`,
    undone:
      desk === undefined ? `its readers may be started on ${from} again` : `its readers are started on ${from} again`,
    // How many there were belongs to the move: `start` waits for readers only where some read.
    remember: async ({ signal }) => ({ members: (await groups.lag(from, group, signal)).members }),
    probe: async ({ before, signal }) => {
      // Found empty before anything was done is nothing to pass over: how many read is to be in the journal.
      if (before === undefined) return notDone;
      const { members } = await groups.lag(from, group, signal);
      return members === 0 ? { state: 'done', evidence: `nobody reads on ${from}`, facts: { ...before } } : notDone;
    },
    act: async (context) => {
      if (context.before?.['members'] !== 0) await desk?.stop(group, from);
      await untilMembers(group, from, groups, limits, context, (members) => members === 0);
    },
    undo: async ({ before }) => {
      if (before !== undefined && before['members'] !== 0) await desk?.start(group, from);
    },
  };
}

function carryStep(move: GroupMove, { groups, limits }: GroupPorts): Step {
  const { group, to } = move;
  const from = otherSide(to);
  return {
    id: groupStepId(move, 'carry'),
    does: `gives group ${group} its place on ${to}: of every partition the very record with which it would go on on ${from}`,
    locks: 'nothing',
    costs: 'a few requests for each partition, and the time by which the mirror is behind',
    undone: `nothing to undo: where it stands on ${from} was not touched`,
    remember: async ({ signal }) => ({ there: told(await groups.committed(to, group, signal)) }),
    probe: async ({ before, signal }) => {
      const { offsets, behind } = await groups.translate(from, group, signal);
      if (behind.length > 0) return notDone;
      const there = await groups.committed(to, group, signal);
      if (covers(there, offsets, 'exactly')) return { state: 'done', evidence: inShort(there) };
      // Teal had given the place, and died before it could say so; the readers, started by hand meanwhile, have read on.
      const hasReadOn = before !== undefined && told(there) !== before['there'] && covers(there, offsets, 'at least');
      return hasReadOn ? { state: 'done', evidence: 'the group has read on there already' } : notDone;
    },
    act: async ({ signal, progress }) => {
      const what = `the mirror to come to where group ${group} stands`;
      const offsets = await waitFor({ what, timeoutMs: limits.mirrorMs, everyMs: 100, signal }, async () => {
        const translated = await groups.translate(from, group, signal);
        if (translated.behind.length === 0) return translated.offsets;
        progress({ text: `the mirror is behind group ${group} in ${translated.behind.length} partitions` });
        return undefined;
      }).catch((error: unknown) => {
        if (!isTealError(error, 'TEAL-KERNEL-002')) throw error;
        throw new TealError('TEAL-STAGES-131', what, { group, from }, error);
      });
      await groups.commit(to, group, offsets, signal);
      return { partitions: offsets.length };
    },
    undo: async () => {},
  };
}

function startStep(move: GroupMove, { groups, desk, limits }: GroupPorts): Step {
  const { group, to } = move;
  const wereThere = ({ facts }: StepContext): boolean => facts(groupStepId(move, 'stop'))?.['members'] !== 0;
  return {
    id: groupStepId(move, 'start'),
    does: `${desk === undefined ? 'waits until somebody has started' : 'starts'} the readers of group ${group} on ${to}, and sees that they read: at most ${limits.maxLag} offsets behind`,
    locks: 'nothing',
    costs: `the time until its readers are there: at most ${formatDuration(limits.patienceMs)}. A group without readers is not waited for`,
    undone: 'not alone: the group is moved back',
    probe: async (context) => {
      if (!wereThere(context)) return { state: 'done', evidence: 'it had no readers' };
      const { members, lag } = await groups.lag(to, group, context.signal);
      if (members === 0 || lag > limits.maxLag) return notDone;
      return { state: 'done', evidence: `${members === 1 ? '1 reader' : `${members} readers`}, ${lag} offsets behind` };
    },
    act: async (context) => {
      await desk?.start(group, to);
      await untilMembers(group, to, groups, limits, context, (members, lag) => members > 0 && lag <= limits.maxLag);
    },
    undo: async () => {},
  };
}

async function untilMembers(
  group: string,
  side: Side,
  groups: Groups,
  { patienceMs }: GroupLimits,
  { signal, progress }: StepContext,
  isSo: (members: number, lag: bigint) => boolean,
): Promise<void> {
  let last = '';
  try {
    await waitFor({ what: `group ${group} on ${side}`, timeoutMs: patienceMs, everyMs: 250, signal }, async () => {
      const { members, lag } = await groups.lag(side, group, signal);
      if (isSo(members, lag)) return true;
      const now = `group ${group} on ${side}: ${members} readers, ${lag} offsets behind`;
      if (now !== last) progress({ text: now });
      last = now;
      return undefined;
    });
  } catch (error) {
    if (!isTealError(error, 'TEAL-KERNEL-002')) throw error;
    throw new TealError('TEAL-STAGES-130', `after ${formatDuration(patienceMs)} ${last}`, { group, side }, error);
  }
}

/** `exactly`: at the very places, or before them with no record between. What was the end of a partition when it was given is no more when the mirror has gone on. */
function covers(
  there: readonly GroupOffset[],
  wanted: readonly TranslatedOffset[],
  how: 'exactly' | 'at least',
): boolean {
  const at = new Map(there.map((it) => [placeOf(it), it.offset]));
  return wanted.every((it) => {
    const offset = at.get(placeOf(it));
    return offset !== undefined && offset >= it.least && (how === 'at least' || offset <= it.offset);
  });
}

/** One line, for the journal: offsets are no secret. Cut where a group has very many partitions. */
function told(offsets: readonly GroupOffset[]): string {
  return offsets
    .map((it) => `${placeOf(it)} ${it.offset}`)
    .toSorted()
    .join(', ')
    .slice(0, 2_000);
}

/** `orders 0:30 2:7, payments 1:4`: of every topic an offset for each partition that the group has read. */
function inShort(offsets: readonly GroupOffset[]): string {
  const byTopic = Map.groupBy(
    offsets.toSorted((a, b) => a.partition - b.partition),
    ({ topic }) => topic,
  );
  const each = [...byTopic].map(
    ([topic, there]) => `${topic} ${there.map(({ partition, offset }) => `${partition}:${offset}`).join(' ')}`,
  );
  const text = each.toSorted().join(', ');
  return text.length > 300 ? `${text.slice(0, 280)} … (${offsets.length} partitions)` : text;
}

function placeOf({ topic, partition }: GroupOffset): string {
  return `${topic}/${partition}`;
}
