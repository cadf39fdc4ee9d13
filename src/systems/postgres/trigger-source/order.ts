import { must } from '../../../kernel/assert.ts';

/** A change as it was noted, without its values. `was` and `now` are the places (ctid) of the row's version before and after it in its table. */
export interface NotedChange {
  readonly number: bigint;
  readonly relation: number;
  readonly operation: string;
  readonly was: string | null;
  readonly now: string | null;
}

/**
 * The changes of one transaction, oldest first, in the order in which they were made.
 *
 * Row triggers that fire after a statement note its rows when it has ended. What a trigger or a function of the user changed meanwhile, by a statement inside of
 * the statement, is noted before. Where both touch one row their numbers tell the wrong order, and the older value would win. Each version of a row has a place of its own, which
 * nobody else gets before the transaction has ended: a change that begins with the version that another one made comes after that one. Apart from that the numbers decide.
 * TRUNCATE gives places out anew; none of them passes it. So does whatever writes a table anew (CLUSTER, most ALTER … TYPE), and says nothing of it: a change whose version was made by
 * one before it stays where it is.
 */
export function orderOfChanges(changes: readonly NotedChange[]): readonly bigint[] {
  const makers = makersOf(changes);
  const done = new Set<number>();
  const order: bigint[] = [];
  for (let first = 0; first < changes.length; first += 1) {
    const chain: number[] = [];
    for (let at: number | undefined = first; at !== undefined && !done.has(at); at = makers[at]) {
      done.add(at);
      chain.push(at);
    }
    for (const at of chain.toReversed()) order.push(must(changes[at], 'a change').number);
  }
  return order;
}

/** Of each change the one that made the version which it begins with: the last one before it that did, or else the first one after it. */
function makersOf(changes: readonly NotedChange[]): readonly (number | undefined)[] {
  const makers: (number | undefined)[] = [];
  const made = new Map<string, number>();
  const unmade = new Map<string, number>();
  const emptied = new Map<number, number>();
  for (const [at, { relation, operation, was, now }] of changes.entries()) {
    if (operation === 'T') emptied.set(relation, (emptied.get(relation) ?? 0) + 1);
    const versionAt = (where: string): string => `${relation} ${emptied.get(relation) ?? 0} ${where}`;
    const wanted = was === null ? undefined : versionAt(was);
    const maker = wanted === undefined ? undefined : made.get(wanted);
    makers.push(maker);
    if (wanted !== undefined && maker === undefined && !unmade.has(wanted)) unmade.set(wanted, at);
    if (now === null) continue;
    const version = versionAt(now);
    made.set(version, at);
    const waiting = unmade.get(version);
    if (waiting !== undefined) makers[waiting] = at;
    unmade.delete(version);
  }
  return makers;
}
