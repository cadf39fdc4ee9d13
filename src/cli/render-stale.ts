import type { StaleClients } from '../app/read-stale-clients.ts';
import { hang } from '../plan/wrap.ts';

const shownUsers = 5;

/** Lines of `teal status`: who has not come along. */
export function staleLines({ side, users, unseen }: StaleClients): readonly string[] {
  if (users === undefined) {
    const why =
      unseen === 'forbidden'
        ? `Teal's account may not see the sessions of others on ${side} (grant PROCESS)`
        : `${side} does not answer`;
    return hang('  stale      ', `${why}: whether clients are left there is not known`, 80);
  }
  const sessions = users.reduce((sum, each) => sum + each.sessions, 0);
  if (sessions === 0) return [`  stale      no client is left on ${side}`];
  const named = users.slice(0, shownUsers).map((each) => `${each.user} ${each.sessions}`);
  const more = users.length > shownUsers ? ', …' : '';
  const left = sessions === 1 ? '1 session of clients is' : `${sessions} sessions of clients are`;
  return hang(
    '  stale      ',
    `${left} left on ${side} (${named.join(', ')}${more}): writes are refused there, reads are old`,
    80,
  );
}
