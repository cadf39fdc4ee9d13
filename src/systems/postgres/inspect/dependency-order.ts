export interface Dependent {
  readonly oid: number;
  /** Numbers of the relations that its definition reads; those that are not in the list are ignored. */
  readonly reads: readonly number[];
}

/**
 * The wanted ones, each after all that it reads, also through others that are not wanted (a materialized view over a view over a materialized view).
 * Views cannot read each other in a circle except through functions, which leave no trace here; a circle would be cut at its second visit.
 */
export function dependencyOrder<T extends Dependent>(all: readonly T[], wanted: readonly T[]): readonly T[] {
  const byOid = new Map(all.map((one) => [one.oid, one]));
  const isWanted = new Set(wanted);
  const seen = new Set<T>();
  const ordered: T[] = [];
  // An explicit stack: chains of views may be longer than the call stack allows in a hostile catalog.
  const stack: { readonly one: T; readonly done: boolean }[] = wanted.toReversed().map((one) => ({ one, done: false }));
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const { one, done } = top;
    if (done) {
      if (isWanted.has(one)) ordered.push(one);
      continue;
    }
    if (seen.has(one)) continue;
    seen.add(one);
    stack.push({ one, done: true });
    for (const oid of one.reads) {
      const next = byOid.get(oid);
      if (next !== undefined && !seen.has(next)) stack.push({ one: next, done: false });
    }
  }
  return ordered;
}
