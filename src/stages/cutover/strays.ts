import type { Side } from '../../model/catalog.ts';
import type { Fence, FenceTold } from '../../ports/fence.ts';

type Strays = NonNullable<FenceTold['strays']>;

export const straysOfTables: Strays = { what: 'transactions', mend: 'find the writer, then `teal verify --fix`' };

/** What was written on a side that took no writes of clients, as its fence tells it. */
export function straysOf(fence: Pick<Fence, 'told'>, side: Side, lockTimeoutMs: number): Strays {
  return fence.told?.(side, lockTimeoutMs).strays ?? straysOfTables;
}

/** `3 transactions on green are not Teal's`. */
export function straysText(count: number, side: Side, { what }: Strays): string {
  return `${count} ${what} on ${side} are not Teal's`;
}
