import { unreachable } from '../../kernel/assert.ts';
import type { Side } from '../../model/catalog.ts';

/** What one side says about ownership, asked of it directly. */
export type SideEvidence =
  | { readonly reached: false; readonly reason: string }
  | {
      readonly reached: true;
      readonly owner?: { readonly side: Side; readonly epoch: number };
      readonly fenced: boolean;
    };

export interface Ownership {
  readonly side: Side;
  readonly epoch: number;
}

export type OwnerDecision =
  | { readonly go: Ownership }
  /** Nobody can be shown to own the data: keep holding. */
  | { readonly wait: string };

/** Before any cut there is no owner row anywhere: blue owns, at epoch 0. */
export const beforeAnyCut: Ownership = Object.freeze({ side: 'blue', epoch: 0 });

/**
 * Who owns the data, for a proxy that nobody tells (correctness.md §3.4). The newest owner row that can be seen, or that the proxy knew, names a
 * candidate. It is the owner if it is reachable and not fenced: a side loses ownership only after its own fence was raised (C3 before C8), so an
 * open fence proves that no newer decision exists, even where the other side cannot be asked.
 */
export function decideOwner(known: Ownership, blue: SideEvidence, green: SideEvidence): OwnerDecision {
  const candidate = [blue, green].reduce<Ownership>((best, evidence) => {
    const row = evidence.reached ? evidence.owner : undefined;
    return row !== undefined && row.epoch > best.epoch ? row : best;
  }, known);
  const evidence = evidenceOf(candidate.side, blue, green);
  if (!evidence.reached) return { wait: `${candidate.side} cannot be reached (${evidence.reason})` };
  if (evidence.fenced) return { wait: `${candidate.side} is fenced, and no newer owner row can be seen` };
  return { go: candidate };
}

function evidenceOf(side: Side, blue: SideEvidence, green: SideEvidence): SideEvidence {
  switch (side) {
    case 'blue':
      return blue;
    case 'green':
      return green;
    default:
      return unreachable(side, 'side');
  }
}
