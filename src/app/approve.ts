import { TealError } from '../kernel/errors.ts';
import { openJournalReader } from '../journal/journal.ts';
import { noting } from '../journal/lock.ts';
import { liveSide, type MigrationState } from '../journal/state.ts';
import { gateId } from './gates-of.ts';
import type { LoadedSpec } from './load-spec.ts';
import { openJournalInTurn } from './opening.ts';

/** A gate of the file that asks a person, and who has said yes. */
export interface PersonGate {
  readonly gate: string;
  /** Whom the file names. */
  readonly person: string;
  readonly given?: { readonly by: string; readonly atIso: string; readonly comment?: string };
}

export interface Approving {
  readonly gate: string;
  readonly by: string;
  /** By which right, for the journal. */
  readonly role: string;
  readonly comment?: string;
  readonly signal: AbortSignal;
}

/** In the order of the file. */
export function personGates({ spec }: LoadedSpec, state: Pick<MigrationState, 'approvals'>): readonly PersonGate[] {
  return spec.cutover.gates.flatMap((gate, index) => {
    if (gate.kind !== 'person') return [];
    const id = gateId(index);
    const given = state.approvals[id];
    return [{ gate: id, person: gate.person, ...(given === undefined ? {} : { given }) }];
  });
}

/**
 * Says yes to one gate that asks a person, in the journal, and starts nothing: the next `teal up` cuts over once all other gates say yes too. The record of who asked and
 * by which right is written with it, both or none. `added` is false where somebody had said yes already. Errors: TEAL-SERVER-009 no such gate, -013 no yes is wanted
 * now, TEAL-JOURNAL-008 nothing was begun, -003 a command runs.
 */
export async function approve(
  loaded: LoadedSpec,
  { gate, by, role, comment, signal }: Approving,
): Promise<{ readonly approval: PersonGate; readonly added: boolean }> {
  // Looked at before the lock: a folder without a journal must not be given one.
  {
    using reader = openJournalReader(loaded.journal);
    const found = given(loaded, reader.refresh(), gate);
    if (found.given !== undefined) return { approval: found, added: false };
  }
  using journal = await openJournalInTurn({ loaded, command: 'approve', signal, what: noting });
  const found = given(loaded, journal.state, gate);
  if (found.given !== undefined) return { approval: found, added: false };
  journal.append(
    { type: 'callAccepted', by, role, call: `approve ${gate}` },
    { type: 'approvalGiven', by, for: gate, ...(comment === undefined ? {} : { comment }) },
  );
  return { approval: given(loaded, journal.state, gate), added: true };
}

function given(loaded: LoadedSpec, state: MigrationState, gate: string): PersonGate {
  const found = personGates(loaded, state).find((each) => each.gate === gate);
  if (found === undefined) throw new TealError('TEAL-SERVER-009', 'no such gate that asks a person', { gate });
  const { phase } = state.life;
  if (liveSide(state) === 'green' || phase === 'finalised' || phase === 'aborted') {
    throw new TealError('TEAL-SERVER-013', `the migration is in phase ${phase}`, { phase });
  }
  return found;
}
