import type { CommandAnswer, Flow, GatesAnswer, MigrationAnswer, Rates } from '../types.ts';
import { durationText, percentText } from './format.ts';

/** What a person may do about it, by the API. */
export type Action = 'up' | 'verify' | 'cutover' | 'rollback' | 'approve' | 'stop';

/** In a sentence: where it is, and what it waits for. */
export interface Situation {
  readonly tone: 'calm' | 'busy' | 'waits' | 'bad' | 'done';
  readonly title: string;
  readonly detail: string;
  /** 0 to 1. */
  readonly share?: number;
  readonly secondsLeft?: number;
  /** What is next, the likeliest first. */
  readonly actions: readonly Action[];
}

export interface Seen {
  /** Undefined before the first `teal up`. */
  readonly migration: MigrationAnswer | undefined;
  readonly gates: GatesAnswer | undefined;
  readonly commands: readonly CommandAnswer[];
  readonly rates: Rates | undefined;
}

/** Pure: what stands in the way comes first, then what runs, then what is awaited. */
export function situationOf(seen: Seen): Situation {
  const { migration, commands } = seen;
  const running = commands.find(({ state }) => state === 'running');
  if (migration === undefined) {
    if (running !== undefined) return busy(seen, 'It begins');
    return {
      tone: 'calm',
      title: 'Nothing was begun yet',
      detail: 'Read the plan first: it says of every step what it does, what it locks and how it is undone.',
      actions: ['up'],
    };
  }
  const { phase, live } = migration;
  if (phase === 'finalised')
    return ended(`Finished: ${live} is live`, 'There is no way back any more, and nothing of Teal is left to run.');
  if (phase === 'cutting' || phase === 'crossing')
    return busy(seen, phase === 'cutting' ? 'A cut is under way' : 'The cut is decided: only forward from here');
  const broken = (seen.rates?.flows ?? migration.flows).find(
    ({ now }) => now.state === 'waiting' || now.state === 'failed',
  );
  if (broken !== undefined) return brokenFlow(broken);
  if (running !== undefined || migration.controller !== undefined) return busy(seen, titleOf(running?.command));
  const failed = migration.open.find(({ state }) => state === 'failed');
  if (failed !== undefined) {
    return { tone: 'bad', title: `The step ${failed.step} failed`, detail: failed.why ?? '', actions: ['up'] };
  }
  if (phase === 'aborted')
    return {
      tone: 'calm',
      title: 'Everything was undone',
      detail: 'Blue is live, as it always was. It can begin anew.',
      actions: ['up'],
    };
  if (phase === 'green') return soaking(migration);
  return beforeTheCut(seen, migration);
}

function ended(title: string, detail: string): Situation {
  return { tone: 'done', title, detail, actions: [] };
}

const titlesOf: Readonly<Record<CommandAnswer['command'], string>> = {
  up: 'The migration goes on',
  verify: 'Both sides are compared',
  cutover: 'It is cut over to green',
  rollback: 'It is rolled back to blue',
};

function titleOf(command: CommandAnswer['command'] | undefined): string {
  return command === undefined ? 'A command runs in a terminal' : titlesOf[command];
}

function busy({ migration, rates, commands }: Seen, title: string): Situation {
  const progress = rates === undefined ? migration?.progress : rates.progress;
  const step = migration?.open.find(({ state }) => state === 'intended')?.step;
  const actions = commands.some(({ state }) => state === 'running') ? (['stop'] as const) : [];
  if (progress === undefined)
    return {
      tone: 'busy',
      title,
      detail: step === undefined ? 'It has not said how far it is.' : `In step ${step}`,
      actions,
    };
  const { done, total, secondsLeft, text } = progress;
  const share = done === undefined || total === undefined || total === 0 ? undefined : Math.min(1, done / total);
  const verb = progress.step.startsWith('copy:')
    ? 'Rows are copied'
    : progress.step === 'verify'
      ? 'Both sides are compared'
      : title;
  return {
    tone: 'busy',
    title: share === undefined ? verb : `${verb}: ${percentText(share)}`,
    detail: text,
    ...(share === undefined ? {} : { share }),
    ...(secondsLeft === undefined ? {} : { secondsLeft }),
    actions,
  };
}

function brokenFlow({ flow, now }: Flow): Situation {
  const why = now.state === 'waiting' || now.state === 'failed' ? `${now.reason} (${now.code})` : '';
  const title = now.state === 'failed' ? `The flow ${flow} has failed` : `The flow ${flow} waits for a person`;
  return { tone: 'bad', title, detail: why, actions: ['up'] };
}

function soaking({ soak }: MigrationAnswer): Situation {
  const bad = soak?.health?.checks.find(({ answer }) => answer === 'no');
  if (bad !== undefined) {
    return {
      tone: 'bad',
      title: 'Green is live, and a check says no',
      detail: `${bad.asks}: ${bad.evidence}`,
      actions: ['rollback', 'verify'],
    };
  }
  const until =
    soak === undefined
      ? ''
      : soak.over
        ? ' Its soak is over: `teal finalise` ends the migration.'
        : ` It soaks for ${durationText(Date.parse(soak.untilIso) - Date.parse(soak.sinceIso))}.`;
  return {
    tone: 'calm',
    title: 'Green is live',
    detail: `Blue follows it, and is a command away.${until}`,
    actions: ['rollback', 'verify'],
  };
}

function beforeTheCut({ gates }: Seen, migration: MigrationAnswer): Situation {
  const follows = migration.stages.some(({ stage, state }) => stage === 'follow' && state === 'finished');
  if (!follows)
    return {
      tone: 'waits',
      title: 'It stands still',
      detail: 'It was stopped before green had all rows. It goes on from where it was.',
      actions: ['up'],
    };
  const asked = gates?.gates ?? [];
  const no = asked.find(({ answer, person }) => answer === 'no' && person === undefined);
  if (no !== undefined)
    return { tone: 'bad', title: 'A gate says no', detail: `${no.asks} ${no.evidence}`, actions: ['up', 'verify'] };
  const person = asked.find((gate) => gate.person !== undefined && gate.given === undefined);
  if (person !== undefined) {
    return {
      tone: 'waits',
      title: `It waits for ${person.person}`,
      detail: 'Green follows blue. A person must say yes before clients are moved.',
      actions: ['approve', 'cutover', 'verify'],
    };
  }
  return {
    tone: 'waits',
    title: 'Green follows blue',
    detail: 'Every person has said yes: the next run cuts over as soon as all other gates say yes too.',
    actions: ['up', 'cutover', 'verify'],
  };
}
