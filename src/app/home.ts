import { TealError } from '../kernel/errors.ts';
import { forgetSpool } from '../carriers/embedded/client.ts';
import type { Journal } from '../journal/journal.ts';
import { leaderAt, moveHome } from '../journal/postgres/postgres-store.ts';
import { releaseHolders } from '../systems/postgres/holder.ts';
import { KeptElsewhere } from './kept-elsewhere.ts';
import type { LoadedSpec } from './load-spec.ts';
import { hasBegun } from './opening.ts';
import { unwant } from './wanted.ts';

export interface HomeOptions {
  readonly loaded: LoadedSpec;
  readonly takeProxy?: boolean;
  readonly signal: AbortSignal;
}

/**
 * The journal of a controller that moves the migration on: from here on the processes beside it carry, those of another folder end by themselves (`HomeWatch`), and what they had beside the journal is brought here. Of a journal
 * in files the folder is the only one. Errors: TEAL-APP-041 clients pass through another machine's proxy; the journal is then closed.
 */
export async function atHome(journal: Journal, options: HomeOptions): Promise<Journal> {
  const { journal: place, stateDir } = options.loaded;
  if (typeof place === 'string') return journal;
  try {
    const home = leaderAt(place)?.home;
    if (home !== undefined && home !== place.folder()) {
      requireNoProxyThere(journal, options);
      await forgetFlows(stateDir, options.signal);
    }
    const kept = new KeptElsewhere(place, stateDir);
    kept.bring();
    // Last: who is killed before it comes through here again.
    moveHome(place);
    return kept.journal(journal);
  } catch (error) {
    journal[Symbol.dispose]();
    throw error;
  }
}

/** What was carried from here before it was carried from elsewhere: the source has gone on, and another snapshot is copied. */
async function forgetFlows(stateDir: string, signal: AbortSignal): Promise<void> {
  for (const flow of ['forward', 'reverse'] as const) {
    await unwant(stateDir, flow);
    await forgetSpool(stateDir, flow);
  }
  await releaseHolders(stateDir, signal);
}

function requireNoProxyThere({ state }: Journal, { loaded: { spec }, takeProxy }: HomeOptions): void {
  if (spec.traffic.router !== 'proxy' || takeProxy === true) return;
  if (!hasBegun(state) || state.life.phase === 'finalised') return;
  const host = state.run?.host ?? 'another machine';
  throw new TealError('TEAL-APP-041', `${spec.name} is carried from another folder, on ${host}`, { host });
}
