import type { ReactNode } from 'react';
import { timeText } from '../pure/format.ts';
import { useNow } from '../state/hooks.ts';
import type { MigrationAnswer } from '../types.ts';
import { Quiet, Tag } from './card.tsx';

type Seen = NonNullable<MigrationAnswer['anomalies']>;

const names: Readonly<Record<string, string>> = {
  connections: 'Connections',
  databaseBytes: 'Disk of the database',
  retainedLogBytes: 'Log kept for a reader',
  transactionAge: 'Transaction numbers',
};

/** What of both systems is out of the usual, and what will be full. */
export function Unusual({ seen: { open, full } }: { readonly seen: Seen }): ReactNode {
  const now = useNow();
  return (
    <>
      {open.length === 0 ? (
        <Quiet>Nothing is out of the usual.</Quiet>
      ) : (
        <ul className="lines">
          {open.map((series) => (
            <li key={series}>
              <Tag tone="bad">unusual</Tag> {series}{' '}
              <span className="quiet">
                <code>teal anomalies</code> tells more
              </span>
            </li>
          ))}
        </ul>
      )}
      {full.length === 0 ? null : (
        <dl className="facts">
          {full.map(({ side, what, atIso, earliestIso, latestIso }) => [
            <dt key={`${side} ${what}`}>{`${names[what] ?? what} of ${side} full`}</dt>,
            <dd key={`${side} ${what} when`}>
              {timeText(atIso, now)}{' '}
              <span className="quiet">
                {timeText(earliestIso, now)} to {timeText(latestIso, now)}
              </span>
            </dd>,
          ])}
        </dl>
      )}
    </>
  );
}
