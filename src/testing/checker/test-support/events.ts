import type { HistoryEvent } from '../history.ts';

/** An append of client 1 that is invoked, but for what is said otherwise. */
export const event = (over: Partial<HistoryEvent>): HistoryEvent => ({
  type: 'invoke',
  client: 1,
  op: 0,
  atUs: 10,
  wallMs: 1_700_000_000_000,
  isolation: 'serializable',
  ops: [{ f: 'append', k: 1, v: 7 }],
  ...over,
});
