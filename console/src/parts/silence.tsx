import type { ReactNode } from 'react';
import { agoText, clockText } from '../pure/format.ts';
import { useConsole, useFreshness, useNow } from '../state/hooks.ts';

/** Nothing below may pass for how it is now. */
export function SilenceBanner(): ReactNode {
  const freshness = useFreshness();
  const now = useNow();
  const { lostBecause } = useConsole();
  if (freshness.state === 'live') return null;
  if (freshness.state === 'waiting')
    return lostBecause === undefined ? null : (
      <p className="banner" role="alert">
        Not connected. {lostBecause} It is tried again.
      </p>
    );
  return (
    <div className="banner" role="alert">
      <strong>No word since {clockText(freshness.sinceMs)}</strong>
      <span aria-hidden="true"> ({agoText(freshness.sinceMs, now)})</span>. What is shown is of then; the migration
      itself does not depend on this page. {lostBecause ?? ''} It is tried again.
    </div>
  );
}
