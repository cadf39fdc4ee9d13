import type { ReactNode } from 'react';
import { Answered } from '../parts/answered.tsx';
import { Card, Quiet, Tag } from '../parts/card.tsx';
import { plural } from '../pure/format.ts';
import { useAnswer } from '../state/hooks.ts';
import type { PlanAnswer } from '../types.ts';

/** Every step before anything runs, and what a person should know first. */
export function PlanPage(): ReactNode {
  // It looks at both systems: only when it is asked for.
  const answer = useAnswer<PlanAnswer>('api/v1/plan', 0);
  return (
    <>
      <p className="lead">
        What the migration does, from the very steps that do it. Asking looks at both systems and changes nothing.{' '}
        <button type="button" className="link" onClick={answer.again} disabled={answer.isLoading}>
          Look again
        </button>
      </p>
      <Answered answer={answer} what="the plan">
        {(plan) => <Plan plan={plan} />}
      </Answered>
    </>
  );
}

function Plan({ plan }: { readonly plan: PlanAnswer }): ReactNode {
  return (
    <>
      <dl className="facts wide">
        <dt>Blue</dt>
        <dd>{plan.blue}</dd>
        <dt>Green</dt>
        <dd>{plan.green}</dd>
      </dl>
      <Card title={`Hazards (${plan.hazards.length})`}>
        {plan.hazards.length === 0 ? (
          <Quiet>Nothing was found that stops it or wants to be known.</Quiet>
        ) : (
          <ul className="lines">
            {plan.hazards.map(({ severity, what, doThis }) => (
              <li key={what}>
                <Tag tone={severity === 'stops' ? 'bad' : 'waits'}>{severity}</Tag> {what}
                <span className="line-more">{doThis}</span>
              </li>
            ))}
          </ul>
        )}
      </Card>
      {plan.stages.map((stage, at) => (
        <Card
          key={stage.id}
          title={`${at + 1}. ${stage.title}`}
          more={<span className="quiet">{plural(stage.steps.length, 'step')}</span>}
        >
          {stage.gates.length === 0 ? null : (
            <ul className="lines">
              {stage.gates.map(({ id, asks, person }) => (
                <li key={id}>
                  <Tag tone="waits">{person ? 'a person' : 'a gate'}</Tag> {asks}
                </li>
              ))}
            </ul>
          )}
          <ol className="steps">
            {stage.steps.map((step) => (
              <li key={step.id}>
                <details>
                  <summary>
                    <code>{step.id}</code> <span>{step.does}</span>
                  </summary>
                  <dl className="facts">
                    <dt>Locks</dt>
                    <dd>{step.locks}</dd>
                    <dt>Costs</dt>
                    <dd>{step.costs}</dd>
                    <dt>Undone</dt>
                    <dd>{step.undone}</dd>
                  </dl>
                </details>
              </li>
            ))}
          </ol>
        </Card>
      ))}
    </>
  );
}
