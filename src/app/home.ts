import { TealError } from '../kernel/errors.ts';
import type { Journal } from '../journal/journal.ts';
import { leaderAt, moveHome } from '../journal/postgres/postgres-store.ts';
import { KeptElsewhere } from './kept-elsewhere.ts';
import type { LoadedSpec } from './load-spec.ts';
import { hasBegun } from './opening.ts';

export interface HomeOptions {
  readonly loaded: LoadedSpec;
  readonly takeProxy?: boolean;
}

/**
 * The journal of a controller that moves the migration on: from here on the processes beside it carry, those of another folder end by themselves (`HomeWatch`), and what they had beside the journal is brought here. Of a journal
 * in files the folder is the only one. Errors: TEAL-APP-041 clients pass through another machine's proxy; the journal is then closed.
 */
export function atHome(journal: Journal, options: HomeOptions): Journal {
  const { journal: place, stateDir } = options.loaded;
  if (typeof place === 'string') return journal;
  try {
    const home = leaderAt(place)?.home;
    const isElsewhere = home !== undefined && home !== place.folder();
    if (isElsewhere) requireNoProxyThere(journal, options);
    moveHome(place);
    const kept = new KeptElsewhere(place, stateDir);
    kept.bring();
    return kept.journal(journal);
  } catch (error) {
    journal[Symbol.dispose]();
    throw error;
  }
}

function requireNoProxyThere({ state }: Journal, { loaded: { spec }, takeProxy }: HomeOptions): void {
  if (spec.traffic.router !== 'proxy' || takeProxy === true) return;
  if (!hasBegun(state) || state.life.phase === 'finalised') return;
  throw new TealError('TEAL-APP-041', `${spec.name} is carried from another folder, with its proxy`, {
    host: state.run?.host,
  });
}
