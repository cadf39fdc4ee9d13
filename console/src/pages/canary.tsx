import type { ReactNode } from 'react';
import { Answered } from '../parts/answered.tsx';
import { Card, Quiet, Tag } from '../parts/card.tsx';
import { DataTable } from '../parts/data-table.tsx';
import { Tile } from '../parts/tile.tsx';
import { countText, durationText, latencyText, percentText } from '../pure/format.ts';
import { useAnswer, useConsole } from '../state/hooks.ts';
import type { CanaryAnswer } from '../types.ts';

type Found = NonNullable<CanaryAnswer['found']>;
type Statement = Found['statements'][number];

/** What green answers of what clients read. */
export function CanaryPage(): ReactNode {
  const { version, rates } = useConsole();
  const held = rates?.progress?.step.startsWith('canary:') === true ? Date.parse(rates.atIso) : 0;
  const answer = useAnswer<CanaryAnswer>('api/v1/canary', version + held);
  return (
    <Answered answer={answer} what="the canary">
      {({ asked, found }) => {
        if (!asked && found === undefined) {
          return (
            <Quiet>
              The file asks for none. <code>{'canary: { reads: [1%, 10%, 50%, 100%], hold: 30m }'}</code> has green
              answer reads of some clients, and then of more, before the cut.
            </Quiet>
          );
        }
        return found === undefined ? (
          <Quiet>No proxy answers: reads are moved where they pass.</Quiet>
        ) : (
          <Findings found={found} />
        );
      }}
    </Answered>
  );
}

function Findings({ found }: { readonly found: Found }): ReactNode {
  const failing = found.errors + found.unanswered;
  const slower = found.statements.some((statement) => statement.slower !== undefined);
  return (
    <>
      <p className="verdict" data-tone={failing > 0 || slower ? 'bad' : 'good'}>
        {sentence(found, slower)}
      </p>
      {found.tenants?.side === 'green' ? <Tenants tenants={found.tenants} /> : null}
      <dl className="tiles">
        <Tile label="Answered by green" value={countText(found.reads)} />
        <Tile label="Sessions on green" value={countText(found.sessions)} />
        <Tile label="Held for" value={durationText(found.heldMs)} />
        <Tile label="Failed on green" value={countText(failing)} />
        <Tile label="Left to blue, lag" value={countText(found.behind)} />
        <Tile label="Left to blue, not ready" value={countText(found.notReady + found.leftOut)} />
      </dl>
      <Card title="By statement">
        {found.statements.length === 0 ? (
          <Quiet>No statement yet.</Quiet>
        ) : (
          <DataTable
            caption="Statements, those that failed first"
            rows={found.statements.slice(0, 100)}
            keyOf={({ statement }) => statement}
            columns={[
              { title: 'Statement', isName: true, cell: (statement) => <Named statement={statement} /> },
              {
                title: 'Failed',
                isNumber: true,
                cell: ({ errors, unanswered }) =>
                  errors + unanswered > 0 ? <Tag tone="bad">{countText(errors + unanswered)}</Tag> : '0',
              },
              { title: 'Blue p50 / p95', isNumber: true, cell: ({ blue }) => latencyText(blue) },
              {
                title: 'Green p50 / p95',
                isNumber: true,
                cell: ({ green, slower: why }) =>
                  why === undefined ? latencyText(green) : <Tag tone="waits">{latencyText(green)}</Tag>,
              },
            ]}
          />
        )}
      </Card>
    </>
  );
}

function Tenants({ tenants: { sessions, judged } }: { readonly tenants: NonNullable<Found['tenants']> }): ReactNode {
  return (
    <p className="verdict" data-tone={judged ? 'good' : 'bad'}>
      Tenants live on green, with {countText(sessions)} sessions.
      {judged ? '' : ' Nobody judges them: teal up goes on with the canary.'}
    </p>
  );
}

function sentence({ share, paused, errors, unanswered }: Found, slower: boolean): string {
  if (paused) return 'A person has paused it: every read goes to blue.';
  const now = share === 0 ? 'Every read goes to blue.' : `Green answers ${percentText(share)} of sessions.`;
  const failing = errors + unanswered;
  if (failing > 0) return `${now} ${countText(failing)} reads it left to blue.`;
  return slower ? `${now} It is slower than blue.` : now;
}

function Named({ statement: { statement, lastError, slower } }: { readonly statement: Statement }): ReactNode {
  return (
    <>
      <code className="statement">{statement}</code>
      {lastError === undefined ? null : <span className="line-more">Last refused with {lastError}</span>}
      {slower === undefined ? null : <span className="line-more">{slower}</span>}
    </>
  );
}
