import type { Side } from '../../model/catalog.ts';
import type { FenceState } from '../../ports/fence.ts';

/** What is true outside when a controller starts and finds a cut in its journal that has neither ended nor been undone. */
export interface CutEvidence {
  readonly cut: string;
  readonly epoch: number;
  readonly losing: FenceState;
  readonly gaining: FenceState;
}

export type Recovery =
  /** The owner row is there: ownership has moved. Only forward. */
  | { readonly go: 'forward'; readonly why: string }
  /** It is not: undo all of it. */
  | { readonly go: 'back'; readonly why: string }
  /** Two truths. Touch nothing, let everybody wait, ask a person. */
  | { readonly go: 'stop'; readonly why: string };

/**
 * The one rule of resuming a cut (correctness.md §0.9, §3.4): the owner row decides. The journal says what was attempted, the databases say what happened.
 */
export function recover(evidence: CutEvidence): Recovery {
  const { owner } = evidence.gaining;
  if (owner === undefined || owner.epoch < evidence.epoch) {
    const other = evidence.losing.owner;
    if (other !== undefined && other.epoch >= evidence.epoch) {
      return {
        go: 'stop',
        why: `the losing side knows an owner of epoch ${other.epoch} that the gaining side does not`,
      };
    }
    return { go: 'back', why: `no owner row of epoch ${evidence.epoch}: ownership has not moved` };
  }
  if (owner.epoch === evidence.epoch && owner.cut === evidence.cut) {
    return { go: 'forward', why: `the owner row of epoch ${evidence.epoch} is there` };
  }
  return { go: 'stop', why: `epoch ${owner.epoch} belongs to cut ${owner.cut}, which this journal does not know` };
}

/** Who owns the data, by the owner rows of both sides: the highest epoch rules; blue before any cut. */
export function ownerOf(
  blue: Pick<FenceState, 'owner'>,
  green: Pick<FenceState, 'owner'>,
): { readonly owner: Side; readonly epoch: number } {
  const rows = [blue.owner, green.owner].filter((row) => row !== undefined).toSorted((a, b) => b.epoch - a.epoch);
  const newest = rows[0];
  return newest === undefined ? { owner: 'blue', epoch: 0 } : { owner: newest.owner, epoch: newest.epoch };
}
