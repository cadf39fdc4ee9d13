import type { ReactNode } from 'react';
import { agoText, countText, timeText } from '../pure/format.ts';
import { useNow } from '../state/hooks.ts';
import type { MigrationAnswer } from '../types.ts';
import { Quiet } from './card.tsx';

/** When both sides were proved equal last, and the journal's own seal. */
export function Proof({ migration }: { readonly migration: MigrationAnswer | undefined }): ReactNode {
  const now = useNow();
  const certificate = migration?.certificate;
  const words =
    migration?.moves === 'topics' ? { things: 'topics', parts: 'records' } : { things: 'tables', parts: 'rows' };
  return (
    <>
      {certificate === undefined ? (
        <Quiet>Both sides were not proved equal yet.</Quiet>
      ) : (
        <dl className="facts">
          <dt>Equal at</dt>
          <dd>
            {timeText(certificate.atIso, now)}{' '}
            <span className="quiet">{agoText(Date.parse(certificate.atIso), now)}</span>
          </dd>
          <dt>Compared</dt>
          <dd>
            {countText(certificate.tables)} {words.things}, {countText(certificate.rows)} {words.parts}
          </dd>
        </dl>
      )}
      {migration?.head === undefined ? null : (
        <dl className="facts">
          <dt>Journal</dt>
          <dd>
            {countText(migration.head.seq)} records{' '}
            <code title="The hash of the last record: kept elsewhere, it proves later that none before it was changed">
              {migration.head.hash.slice(0, 12)}…
            </code>
          </dd>
        </dl>
      )}
    </>
  );
}
