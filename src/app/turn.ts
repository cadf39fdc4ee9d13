import { TealError } from '../kernel/errors.ts';
import type { Journal } from '../journal/journal.ts';
import type { MigrationEvent } from './events.ts';
import { goesOn, type GoesOn } from './goes-on.ts';
import { openJournalInTurn, type Opening } from './opening.ts';

/** The journal's one writer, and what it is to do. */
export interface Turn {
  readonly journal: Journal;
  /** Of one that takes over: it goes on with what another one has begun, whatever the command is by which it came to wait. */
  readonly takesOver: { readonly goesOn?: GoesOn; readonly command?: string };
}

/** As `openJournalInTurn`. Errors: TEAL-APP-043 the migration was undone: who only waited begins none. */
export async function takeTurn(given: Opening): Promise<Turn> {
  if (given.standby !== true) return { journal: await openJournalInTurn(given), takesOver: {} };
  let waited = false;
  const onEvent = (event: MigrationEvent): void => {
    waited ||= event.kind === 'standby';
    given.onEvent?.(event);
  };
  const journal = await openJournalInTurn({ ...given, onEvent });
  if (journal.state.life.phase === 'aborted') {
    journal[Symbol.dispose]();
    throw new TealError('TEAL-APP-043', `${given.loaded.spec.name} was undone`);
  }
  const found = goesOn(journal.state, waited);
  return { journal, takesOver: { goesOn: found, command: found } };
}
