import type { ReactNode } from 'react';
import { timeText } from '../pure/format.ts';
import { useNow } from '../state/hooks.ts';
import type { CommandAnswer } from '../types.ts';
import { Quiet, Tag } from './card.tsx';

const tones = { running: 'waits', done: 'good', failed: 'bad', lost: 'bad' } as const;

/** What was asked for here, and how it ended. */
export function CommandList({ commands }: { readonly commands: readonly CommandAnswer[] }): ReactNode {
  const now = useNow();
  if (commands.length === 0)
    return <Quiet>Nothing was asked for by the API. What was typed in a terminal is in the journal.</Quiet>;
  return (
    <ul className="lines">
      {commands.map((command) => (
        <li key={command.id}>
          <Tag tone={tones[command.state]}>{command.state}</Tag> <b>{command.command}</b> by {command.by}{' '}
          <span className="quiet">{timeText(command.atIso, now)}</span>
          <span className="line-more">{endOf(command)}</span>
        </li>
      ))}
    </ul>
  );
}

function endOf({ outcome, error }: CommandAnswer): string {
  if (error !== undefined) return `${error.title} (${error.code}). ${error.doThis}`;
  if (outcome === undefined) return '';
  if ('equal' in outcome) return outcome.evidence;
  if (outcome.outcome === 'waiting') return `Waits: ${outcome.asks}`;
  if (outcome.outcome === 'no') return outcome.what;
  return `${outcome.live} is live`;
}
