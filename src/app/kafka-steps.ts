import { monotonicMs, sleep } from '../kernel/clock.ts';
import { TealError } from '../kernel/errors.ts';
import type { Side } from '../model/catalog.ts';
import type { Carrier, FlowStatus } from '../ports/carrier.ts';
import type { Fence } from '../ports/fence.ts';
import type { Probed, Step } from '../ports/step.ts';
import { deployStep, failureOfFlow } from '../stages/follow/follow-steps.ts';
import type { SchemaRegistries } from '../systems/kafka/registry/registry.ts';
import type { KafkaFence, KafkaRules, KafkaTopics } from '../systems/kafka/roles.ts';

const notDone: Probed = { state: 'not done' };
const nothing = async (): Promise<void> => {};

/** Where Teal keeps what must be true together with the records, and what refuses producers, in its place: open. */
export function controlStep(side: Side, fence: Fence): Step {
  return {
    id: `prepare:fence-${side}`,
    does: `makes Teal's control topic on ${side}, and proves that its topics can be closed to producers and stay open to Teal`,
    locks: 'nothing',
    costs: 'one topic of one partition',
    undone: `the topic, and what refuses producers, are taken away from ${side}`,
    probe: async ({ signal }) => {
      const { fence: seen } = await fence.probe(signal);
      return seen === 'absent' ? notDone : { state: 'done', evidence: `the fence of ${side} is ${seen}` };
    },
    act: async () => fence.install(false),
    undo: async () => fence.remove(),
  };
}

/** Green has no clients yet: whoever writes there is a mistake. */
export function closeStep(fence: Fence): Step {
  return {
    id: 'prepare:close-green',
    does: 'closes the topics of green to producers other than Teal; where the cluster has no authorizer they are watched instead',
    locks: 'producers of green, which has none yet',
    costs: 'one rule for each topic',
    undone: 'the rules are taken away',
    probe: async ({ signal }) => {
      const { fence: seen } = await fence.probe(signal);
      if (seen === 'raised' || seen === 'watched') return { state: 'done', evidence: `the fence of green is ${seen}` };
      return seen === 'partly' ? { state: 'partly', evidence: 'some topics are closed' } : notDone;
    },
    act: async () => fence.install(true),
    undo: async ({ signal }) => fence.lower(undefined, signal),
  };
}

export function topicsStep(topics: KafkaTopics, count: number): Step {
  return {
    id: 'prepare:topics',
    does: `makes ${count} topics on green that are not there yet, with the partitions and the configuration of blue`,
    locks: 'nothing',
    costs: 'one request for each topic; no records yet',
    undone: 'the topics that Teal has made are deleted from green, with all that is in them; no other',
    probe: async ({ signal }) => {
      const { missing, unlike } = await topics.look(signal);
      return missing.length + unlike.length > 0
        ? notDone
        : { state: 'done', evidence: `${count} topics are on green, with as many partitions as on blue` };
    },
    act: async ({ signal }) => {
      const { unlike } = await topics.look(signal);
      if (unlike.length > 0) {
        throw new TealError('TEAL-STAGES-133', unlike.slice(0, 10).join('; '), { topics: unlike.slice(0, 100) });
      }
      const { made } = await topics.create(signal);
      return { made: made.length };
    },
    undo: async ({ signal }) => void (await topics.drop(signal)),
  };
}

/** What came from blue is as old there as it is on blue: retention would take it at once, and compaction what the map still counts. */
export function holdBackStep(topics: KafkaTopics): Step {
  return {
    id: 'prepare:hold-back',
    does: 'holds back on green whatever removes records or changes their times, until the migration is finalised: retention, compaction, LogAppendTime',
    locks: 'nothing',
    costs: 'disk of green: nothing is removed there meanwhile',
    undone: 'the configuration is as it was',
    probe: async ({ signal }) => {
      const { notHeld, missing } = await topics.look(signal);
      return notHeld.length + missing.length > 0
        ? notDone
        : { state: 'done', evidence: 'nothing removes records on green' };
    },
    act: async ({ signal }) => topics.holdBack(signal),
    undo: async ({ signal }) => topics.restore(signal),
  };
}

export function rulesStep(rules: KafkaRules): Step {
  return {
    id: 'prepare:rules',
    does: 'gives green the access rules and quotas that blue has for these topics and groups, and green lacks',
    locks: 'nothing',
    costs: 'one request for each rule',
    undone: 'they stay: they let nobody do what blue does not let them do',
    probe: async ({ signal }) => {
      const missing = await rules.missing(signal);
      return missing.length > 0 ? notDone : { state: 'done', evidence: 'green lacks none' };
    },
    act: async ({ signal }) => {
      const { made } = await rules.create(signal);
      return { made };
    },
    undo: nothing,
  };
}

export function mirrorStep(carrier: Carrier): Step {
  return {
    ...deployStep('forward', carrier),
    does: 'starts the mirror blue to green: every committed record once, in its order and partition, byte for byte, with a map of offsets in the same transactions',
    costs: 'two connections for each partition; reads what blue holds, then what comes',
    undone: 'the worker is stopped',
  };
}

export const mirrorMakerStepId = 'prepare:mirror-maker';

/** Once green has decided there is nothing to prepare any more: Teal's own mirror carries. */
export function mirrorMakerStep(maker: MirrorMakerOfPair, green: Fence): Step {
  return {
    id: mirrorMakerStepId,
    does: 'asks the workers of Kafka Connect whether they take the connectors of MirrorMaker 2, and makes the topic on green where their place in blue is kept',
    locks: 'nothing',
    costs: 'a few requests; one topic of one partition',
    undone: 'the connectors are deleted, with their topics',
    probe: async ({ signal }) => {
      if (await maker.isPrepared(signal)) return { state: 'done', evidence: 'the topic is there' };
      const { owner } = await green.probe(signal);
      return owner === undefined ? notDone : { state: 'done', evidence: 'green has decided: it is needed no more' };
    },
    act: async ({ signal }) => maker.prepare(signal),
    undo: async ({ signal }) => maker.retire(signal),
  };
}

export interface MirrorMakerOfPair {
  isPrepared(signal?: AbortSignal): Promise<boolean>;
  prepare(signal?: AbortSignal): Promise<void>;
  retire(signal?: AbortSignal): Promise<void>;
}

export function followStep(carrier: Carrier): Step {
  return {
    ...deployStep('forward', carrier),
    does: 'has MirrorMaker 2 on the cluster of Kafka Connect copy blue to green (its source, checkpoint and heartbeat connectors, topics under their own names), until the first cut; Teal follows it record by record and keeps a map of offsets. Exactly once where the workers have exactly.once.source.support=enabled. Without it records come again after a task was stopped or moved: consumers may meet them twice, Teal counts them, and a group is never moved past a record that it has not read. The offsets that MirrorMaker itself translates lie behind, and Teal does not use them. The way back is carried by Teal, exactly',
    costs:
      'the workers copy; Teal reads every record on both sides, with two connections for each partition. Topics of the connectors on green, and addresses with their passwords in the configuration that Kafka Connect keeps',
    undone: 'the connectors are deleted, with their topics; the worker is stopped',
  };
}

export function schemasStep(registries: SchemaRegistries): Step {
  return {
    id: 'prepare:schemas',
    does: 'gives the schema registry of green the versions that it lacks of blue’s, with their numbers and ids',
    locks:
      'each of those subjects of green for a moment: it is in IMPORT mode, in which the registry checks no compatibility',
    costs: 'a few requests for each version',
    undone: 'they stay: nothing on green names them but records of blue',
    probe: async ({ signal }) => {
      const { missing, conflicts } = await registries.differences('blue', signal);
      if (missing.length + conflicts.length > 0) return notDone;
      const open = await registries.leftOpen(signal);
      if (open.length > 0) return { state: 'partly', evidence: `${open.length} subjects are in IMPORT mode` };
      return { state: 'done', evidence: 'the registry of green has every version of blue’s, with its id' };
    },
    act: async ({ signal }) => {
      const { copied } = await registries.copy(signal);
      return { copied };
    },
    undo: nothing,
  };
}

const askEveryMs = 500;
/** Blue's producers pause, the mirror does not: one that has not moved for so long while there is something to carry does so for a reason. */
const stillMs = 10 * 60_000;
/** Near enough: what is left comes as it is written. */
const nearMs = 5_000;

/** The copy, which of a log is the same as to follow it from its beginning. */
export function catchUpStep(carrier: Carrier): Step {
  const isNear = ({ now, lagMs }: FlowStatus): boolean =>
    now.state === 'running' && lagMs !== undefined && lagMs <= nearMs;
  return {
    id: 'copy:catch-up',
    does: 'waits until green holds every record that blue holds',
    locks: 'nothing',
    costs: 'reads every record of blue once; the time is in the estimates of `teal assess`',
    undone: 'not needed',
    probe: async () => {
      const status = await carrier.status('forward');
      return isNear(status) ? { state: 'done', evidence: `${status.lagMs} ms behind` } : notDone;
    },
    act: async ({ signal, progress }) => {
      let [applied, movedMs] = ['', monotonicMs()];
      for (;;) {
        const status = await carrier.status('forward');
        if (isNear(status)) return;
        if (status.now.state === 'failed') throw failureOfFlow('forward', status.now);
        if (status.applied !== applied) [applied, movedMs] = [status.applied, monotonicMs()];
        if (monotonicMs() - movedMs > stillMs) {
          const why = 'reason' in status.now ? status.now.reason : 'it has not moved for ten minutes';
          throw new TealError('TEAL-STAGES-120', `the forward flow stands still: ${why}`, { flow: 'forward' });
        }
        progress({ text: toldOf(status) });
        await sleep(askEveryMs, signal);
      }
    },
    undo: nothing,
  };
}

function toldOf({ now, head, applied, changesPerSecond }: FlowStatus): string {
  if ('reason' in now) return `the mirror waits: ${now.reason}`;
  if (head === undefined) return 'the mirror begins';
  return `${BigInt(head) - BigInt(applied)} offsets to go, ${changesPerSecond} records/s`;
}

/** Sets what was held back while copying: from now on records of green grow old. */
export function restoreStep(topics: KafkaTopics): Step {
  return {
    id: 'finalise:restore',
    does: 'sets on green what was held back: retention, compaction and the times of records are as on blue',
    locks: 'nothing',
    costs: 'green removes what has grown too old meanwhile',
    undone: 'it is not: after it there is no way back',
    probe: async ({ signal }) => {
      const { held } = await topics.look(signal);
      return held.length > 0 ? notDone : { state: 'done', evidence: 'nothing is held back' };
    },
    act: async ({ signal }) => topics.restore(signal),
    undo: nothing,
  };
}

/** `keepClosed`: the rules that refuse producers stay, so that a forgotten one cannot write where nobody reads any more. */
export function kafkaRemovalStep(side: Side, fence: KafkaFence, keepClosed: boolean): Step {
  return {
    id: `finalise:remove-${side}`,
    does: keepClosed
      ? `takes Teal's topics away from ${side}, and leaves its topics closed to producers`
      : `takes the fence and Teal's topics away from ${side}`,
    locks: 'nothing of yours',
    costs: 'nothing',
    undone: 'it is not: after it there is no way back',
    probe: async ({ signal }) => {
      const { fence: seen, tokens, owner } = await fence.probe(signal);
      const isGone = keepClosed ? tokens.length === 0 && owner === undefined : seen === 'absent';
      return isGone
        ? {
            state: 'done',
            evidence: `nothing of Teal is left on ${side}${keepClosed ? ' but what refuses producers' : ''}`,
          }
        : notDone;
    },
    act: async () => (keepClosed ? fence.forget() : fence.remove()),
    undo: nothing,
  };
}
