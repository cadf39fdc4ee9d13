import type { ReactNode } from 'react';
import { Actions } from '../parts/actions.tsx';
import { Card } from '../parts/card.tsx';
import { CommandList } from '../parts/command-list.tsx';
import { Cuts } from '../parts/cuts.tsx';
import { Rates } from '../parts/rates.tsx';
import { Sides } from '../parts/sides.tsx';
import { Proof } from '../parts/proof.tsx';
import { Soak } from '../parts/soak.tsx';
import { Track } from '../parts/track.tsx';
import { Unusual } from '../parts/unusual.tsx';
import { leftText, percentText } from '../pure/format.ts';
import { situationOf, type Situation } from '../pure/situation.ts';
import { trackOf } from '../pure/track.ts';
import { useConsole } from '../state/hooks.ts';

/** One migration at a glance: where it is, what it waits for, and what can be done. */
export function OverviewPage(): ReactNode {
  const { migration, gates, commands, rates } = useConsole();
  const situation = situationOf({ migration, gates, commands, rates });
  return (
    <>
      <SituationBox situation={situation} />
      <Track stages={trackOf(migration, gates)} />
      <Sides migration={migration} rates={rates} />
      <Card title="Rates">
        <Rates />
      </Card>
      <div className="columns">
        <Card title="Proof">
          <Proof migration={migration} />
        </Card>
        {migration?.soak === undefined ? null : (
          <Card title="Soak">
            <Soak soak={migration.soak} />
          </Card>
        )}
        {migration?.anomalies === undefined ? null : (
          <Card title="Both systems">
            <Unusual seen={migration.anomalies} />
          </Card>
        )}
        <Card title="Cuts">
          <Cuts cuts={migration?.cuts ?? []} />
        </Card>
        <Card title="Commands">
          <CommandList commands={commands.slice(0, 6)} />
        </Card>
      </div>
    </>
  );
}

function SituationBox({ situation }: { readonly situation: Situation }): ReactNode {
  const { tone, title, detail, share, secondsLeft, actions } = situation;
  return (
    <section className="situation" data-tone={tone} aria-label="Where it is">
      <div className="situation-text">
        <h2 aria-live="polite">{title}</h2>
        <p>{detail}</p>
        {share === undefined ? null : (
          <div className="progress">
            <progress value={share} max={1} aria-label="How much is done" />
            <span>
              {percentText(share)}
              {secondsLeft === undefined ? '' : `, ${leftText(secondsLeft)}`}
            </span>
          </div>
        )}
      </div>
      <Actions actions={actions} />
    </section>
  );
}
