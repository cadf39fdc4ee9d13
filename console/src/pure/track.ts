import type { GatesAnswer, MigrationAnswer } from '../types.ts';

export type StageMark = 'done' | 'now' | 'waits' | 'failed' | 'ahead' | 'undone';
export interface TrackStage {
  readonly id: string;
  readonly title: string;
  readonly mark: StageMark;
}

const titles = {
  prepare: 'Prepare',
  copy: 'Copy',
  follow: 'Follow',
  verify: 'Verify',
  shadow: 'Shadow',
  groups: 'Groups',
  cut: 'Cut over',
  soak: 'Soak',
  finalise: 'Finalise',
} as const;
type StageId = keyof typeof titles;

/** The life of a migration as a line of stages. `shadow` and `groups` are there where the journal knows of them. Pure. */
export function trackOf(migration: MigrationAnswer | undefined, gates?: GatesAnswer): readonly TrackStage[] {
  const known = new Set(migration?.stages.map(({ stage }) => stage));
  const ids: readonly StageId[] = [
    'prepare',
    'copy',
    'follow',
    ...(known.has('shadow') ? (['shadow'] as const) : []),
    'verify',
    ...(known.has('groups') ? (['groups'] as const) : []),
    'cut',
    'soak',
    'finalise',
  ];
  return ids.map((id) => ({
    id,
    title: titles[id],
    mark: migration === undefined ? 'ahead' : markOf(id, migration, gates),
  }));
}

function markOf(id: StageId, migration: MigrationAnswer, gates: GatesAnswer | undefined): StageMark {
  const { phase, progress, certificate } = migration;
  const crossed = phase === 'green' || phase === 'finalised';
  if (phase === 'aborted') return journalMark(id, migration) === 'ahead' ? 'ahead' : 'undone';
  switch (id) {
    case 'verify':
      if (progress?.step === 'verify') return 'now';
      return crossed || certificate !== undefined ? 'done' : 'ahead';
    case 'cut':
      if (phase === 'cutting' || phase === 'crossing') return 'now';
      if (crossed) return 'done';
      return awaitsGate(migration, gates) ? 'waits' : 'ahead';
    case 'soak':
      return phase === 'finalised' ? 'done' : phase === 'green' ? 'now' : 'ahead';
    case 'finalise':
      return phase === 'finalised' ? 'done' : journalMark(id, migration);
    default:
      return crossed && journalMark(id, migration) !== 'undone' ? 'done' : journalMark(id, migration);
  }
}

function journalMark(id: StageId, { stages, open }: MigrationAnswer): StageMark {
  const state = stages.find(({ stage }) => stage === id)?.state;
  if (state === 'finished') return 'done';
  if (state === 'undone') return 'undone';
  if (state !== 'running') return 'ahead';
  return open.some((step) => step.step.startsWith(`${id}:`) && step.state === 'failed') ? 'failed' : 'now';
}

/** The flow runs, and a gate of the cut was asked and has not said yes. */
function awaitsGate({ stages }: MigrationAnswer, gates: GatesAnswer | undefined): boolean {
  const follows = stages.some(({ stage, state }) => stage === 'follow' && state === 'finished');
  return follows && (gates?.gates.some(({ answer }) => answer !== 'yes' && answer !== 'not asked yet') ?? false);
}
