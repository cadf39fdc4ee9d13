import type { ReactNode } from 'react';
import { durationText, timeText } from '../pure/format.ts';
import { useNow } from '../state/hooks.ts';
import type { MigrationAnswer } from '../types.ts';
import { Tag } from './card.tsx';

type SoakSeen = NonNullable<MigrationAnswer['soak']>;
const tones = { yes: 'good', no: 'bad', 'not yet': 'waits', 'cannot tell': 'waits', 'not asked yet': 'plain' } as const;

/** How long green soaks, and what it is asked meanwhile. */
export function Soak({ soak }: { readonly soak: SoakSeen }): ReactNode {
  const now = useNow();
  const left = Date.parse(soak.untilIso) - now;
  return (
    <>
      <dl className="facts">
        <dt>Until</dt>
        <dd>
          {timeText(soak.untilIso, now)}{' '}
          <span className="quiet">{soak.over || left <= 0 ? 'it is over' : `${durationText(left)} left`}</span>
        </dd>
        {soak.health?.wouldSinceIso === undefined ? null : (
          <>
            <dt>Would be rolled back since</dt>
            <dd>{timeText(soak.health.wouldSinceIso, now)}</dd>
          </>
        )}
      </dl>
      {soak.health === undefined ? null : (
        <ul className="lines">
          {soak.health.checks.map((check) => (
            <li key={check.asks}>
              <Tag tone={tones[check.answer]}>{check.answer}</Tag> {check.asks}{' '}
              <span className="quiet">{check.evidence}</span>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
