import type { ReactNode } from 'react';
import type { StageMark, TrackStage } from '../pure/track.ts';

const said: Readonly<Record<StageMark, string>> = {
  done: 'done',
  now: 'now',
  waits: 'waits',
  failed: 'failed',
  ahead: 'ahead',
  undone: 'undone',
};

/** The life of the migration. */
export function Track({ stages }: { readonly stages: readonly TrackStage[] }): ReactNode {
  return (
    <ol className="track" aria-label="Stages of the migration">
      {stages.map(({ id, title, mark }) => (
        <li key={id} data-mark={mark} aria-current={mark === 'now' || mark === 'waits' ? 'step' : undefined}>
          <i aria-hidden="true" />
          <span className="track-title">{title}</span>
          <span className="track-mark">{said[mark]}</span>
        </li>
      ))}
    </ol>
  );
}
