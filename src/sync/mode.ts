import type { Side } from '../model/catalog.ts';
import type { FlowMode } from '../ports/carrier.ts';
import type { KeptMode } from '../ports/sink.ts';

/**
 * The mode of a flow, kept with its position in one target transaction and changed only by what the stream itself says, so that no crash and no stale order
 * can confuse it (correctness.md §3.1, §3.3). A sign counts for the transactions after the one that carries it.
 *
 * | from | sign | to |
 * |---|---|---|
 * | any | an owner row of a higher epoch that names the flow's source | live |
 * | any | an owner row of a higher epoch that names the other side | shadow |
 * | live | a fence's token | fenced |
 * | fenced | reopened: the cut was undone | live |
 * | shadow | lent: the source takes the rows of some tenants from clients | lent |
 * | lent | recalled: it takes them no more | shadow |
 *
 * The owner row of the other side is seen because its own flow copies it here: a stream may leave out the rows that Teal applied, never those of Teal's own tables, or a flow that
 * lost would stay `fenced`. Only a `shadow` may do without them (PostgreSQL's `origin = 'none'`): the owner row that it waits for is written on its own source.
 *
 * `fenced` is a shadow that remembers that its source owned the data: only it opens again without an owner row. A fence that is raised and lowered on a side that
 * does not own the data changes nothing. `lent` applies as `live` does: what comes in it are rows that the other side refuses to its own clients (ports/tenants.ts).
 */
export interface ModeState {
  readonly mode: KeptMode;
  /** Of the newest owner row; an older one is history that comes again. */
  readonly epoch: number;
}

export type ModeSign =
  | { readonly kind: 'owner'; readonly owner: Side; readonly epoch: number }
  | { readonly kind: 'fence' }
  | { readonly kind: 'reopened' }
  | { readonly kind: 'lent' }
  | { readonly kind: 'recalled' };

export function nextMode(state: ModeState, sign: ModeSign, source: Side): ModeState {
  switch (sign.kind) {
    case 'owner':
      if (sign.epoch <= state.epoch) return state;
      return { mode: sign.owner === source ? 'live' : 'shadow', epoch: sign.epoch };
    case 'fence':
      return state.mode === 'live' ? { ...state, mode: 'fenced' } : state;
    case 'reopened':
      return state.mode === 'fenced' ? { ...state, mode: 'live' } : state;
    case 'lent':
      return state.mode === 'shadow' ? { ...state, mode: 'lent' } : state;
    case 'recalled':
      return state.mode === 'lent' ? { ...state, mode: 'shadow' } : state;
  }
}

/** As the rest of Teal sees it. */
export function flowMode(mode: KeptMode): FlowMode {
  return mode === 'live' || mode === 'lent' ? 'live' : 'shadow';
}
