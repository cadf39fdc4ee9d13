import { useState, type ReactNode } from 'react';
import { lacks } from '../parts/actions.tsx';
import { ApproveDialog } from '../parts/approve-dialog.tsx';
import { Quiet, Tag } from '../parts/card.tsx';
import { timeText } from '../pure/format.ts';
import { useConsole, useFreshness, useNow } from '../state/hooks.ts';
import type { GatesAnswer } from '../types.ts';

type Gate = GatesAnswer['gates'][number];
const tones = { yes: 'good', no: 'bad', 'not yet': 'waits', 'cannot tell': 'waits', 'not asked yet': 'plain' } as const;

/** What must be answered yes before clients are moved. */
export function GatesPage(): ReactNode {
  const { gates, migration } = useConsole();
  const [approving, setApproving] = useState<Gate>();
  if (gates === undefined) return <Quiet>Asking for the gates …</Quiet>;
  if (gates.gates.length === 0) return <Quiet>The file names no gates: a cut asks nothing before it begins.</Quiet>;
  const isBlue = migration?.live !== 'green';
  return (
    <>
      <p className="lead">
        In the order in which they are asked before a cut to green.{' '}
        {isBlue
          ? 'Every one must say yes.'
          : 'Green is live: these are the answers of the cut that was made, and a yes is given anew for the next one.'}
      </p>
      <ol className="gates">
        {gates.gates.map((gate) => (
          <li key={gate.gate} className="card">
            <GateLine gate={gate} mayApprove={isBlue} onApprove={() => setApproving(gate)} />
          </li>
        ))}
      </ol>
      {approving === undefined ? null : <ApproveDialog gate={approving} onClose={() => setApproving(undefined)} />}
    </>
  );
}

function GateLine({
  gate,
  mayApprove,
  onApprove,
}: {
  readonly gate: Gate;
  readonly mayApprove: boolean;
  readonly onApprove: () => void;
}): ReactNode {
  const now = useNow();
  const { caller } = useConsole();
  const freshness = useFreshness();
  const { asks, answer, evidence, atIso, given, person } = gate;
  const needsYes = person !== undefined && given === undefined && mayApprove;
  const cannot = lacks(caller, ['approve']).length > 0;
  return (
    <>
      <div className="gate-head">
        <h2>{asks}</h2>
        <Tag tone={given === undefined ? tones[answer] : 'good'}>{given === undefined ? answer : 'yes'}</Tag>
      </div>
      <p className="quiet">
        {given === undefined
          ? evidence || 'No evidence yet.'
          : `${given.by} said yes at ${timeText(given.atIso, now)}.`}
      </p>
      <p className="quiet gate-more">
        {given === undefined && atIso !== undefined ? `Since ${timeText(atIso, now)} · ` : ''}
        <code>{gate.gate}</code>
      </p>
      {given?.comment === undefined ? null : (
        <blockquote>
          <p>{given.comment}</p>
        </blockquote>
      )}
      {needsYes ? (
        <div className="buttons">
          <button type="button" className="primary" disabled={cannot || freshness.state !== 'live'} onClick={onApprove}>
            Say yes
          </button>
          {cannot ? <span className="quiet">It takes the role approve.</span> : null}
        </div>
      ) : null}
    </>
  );
}
