import type { ReactNode } from 'react';
import { Tag } from '../parts/card.tsx';
import { Side } from '../parts/side.tsx';
import { bytesText, durationText } from '../pure/format.ts';
import { hrefOf } from '../pure/place.ts';
import { situationOf, type Situation } from '../pure/situation.ts';
import { trackOf } from '../pure/track.ts';
import { useConsole } from '../state/hooks.ts';
import type { MigrationAnswer, MigrationsAnswer } from '../types.ts';

type Told = MigrationsAnswer['migrations'][number];

/** All that are served here, each in a sentence: the one that wants somebody is found without opening any. */
export function MigrationsPage(): ReactNode {
  const { all = [] } = useConsole();
  return (
    <ul className="migrations">
      {all.map((told) => (
        <li key={told.name}>
          <Migration told={told} />
        </li>
      ))}
    </ul>
  );
}

function Migration({ told }: { readonly told: Told }): ReactNode {
  const { name, migration, gates, problem, begun } = told;
  const { tone, title, detail } = isTold(told)
    ? situationOf({ migration, gates, commands: [], rates: undefined })
    : untold(problem?.title);
  return (
    <article className="situation" data-tone={tone}>
      <div className="situation-text">
        <h2>
          <a href={hrefOf({ migration: name, route: '' })}>{name}</a>
        </h2>
        <p className="migration-title">{title}</p>
        <p>{detail}</p>
        {problem === undefined ? null : (
          <p>
            <Tag tone="bad">{problem.code}</Tag> {problem.doThis}
          </p>
        )}
      </div>
      {begun && migration !== undefined ? <Facts migration={migration} gates={gates} /> : null}
    </article>
  );
}

function Facts({
  migration,
  gates,
}: {
  readonly migration: MigrationAnswer;
  readonly gates: Told['gates'];
}): ReactNode {
  const stages = trackOf(migration, gates);
  const now =
    stages.find(({ mark }) => mark !== 'done' && mark !== 'ahead') ?? stages.findLast(({ mark }) => mark === 'done');
  return (
    <dl className="facts">
      <dt>Live</dt>
      <dd>
        <Side side={migration.live} />
      </dd>
      <dt>Stage</dt>
      <dd>{now === undefined ? '–' : `${now.title}, ${now.mark}`}</dd>
      <dt>Lag</dt>
      <dd>{lagText(migration)}</dd>
    </dl>
  );
}

/** Of the flow that carries what clients write now. Pure. */
function lagText({ flows, live }: MigrationAnswer): string {
  const flow = flows.find((each) => each.flow === (live === 'blue' ? 'forward' : 'reverse'));
  if (flow === undefined) return 'no flow runs';
  return flow.lagMs === undefined ? `${bytesText(flow.lagBytes)} behind` : `${durationText(flow.lagMs)} behind`;
}

function isTold({ migration, problem }: Told): boolean {
  return migration !== undefined || problem === undefined;
}

function untold(title: string | undefined): Pick<Situation, 'tone' | 'title' | 'detail'> {
  return { tone: 'bad', title: 'It cannot be told how it is', detail: title ?? '' };
}
