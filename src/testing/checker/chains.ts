/** Whether a write is in a state that was read: it ended before, it had certainly no effect or was asked for later, or nobody can say. */
export type Certainty = 'must' | 'may' | 'never';

/** A write that replaces one version by a new one. */
export interface Link {
  readonly version: number;
  /** What it replaced; null: nothing was ever there. */
  readonly was: number | null;
  readonly certainty: Certainty;
  /** After it nothing is there. */
  readonly removes: boolean;
  /** For a person. */
  readonly by: string;
}

export interface ChainVerdict<L extends Link> {
  /** From the first version to the one that is there, or to the removal that explains that nothing is. */
  readonly path: readonly L[];
  /** Certain, and not on the path: lost. */
  readonly lost: readonly L[];
  /** A version that is there, or under one that is, and that nobody wrote, or only a transaction that had no effect. */
  readonly stranger: { readonly version: number; readonly link: L | undefined } | undefined;
}

/**
 * Every write names what it replaced, so the versions of one thing are a chain: what is there tells which writes led to it, and every certain one must be among them.
 * O(links). `there`: the version that is there; undefined when nothing is.
 */
export function judgeChain<L extends Link>(links: ReadonlyMap<number, L>, there: number | undefined): ChainVerdict<L> {
  const certain = [...links.values()].filter(({ certainty }) => certainty === 'must');
  const missingFrom = (path: readonly L[]): readonly L[] => {
    const on = new Set(path);
    return certain.filter((link) => !on.has(link));
  };
  if (there !== undefined) {
    const { path, stranger } = pathTo(links, there);
    return { path, stranger, lost: missingFrom(path) };
  }
  let best: ChainVerdict<L> = { path: [], stranger: undefined, lost: certain };
  for (const link of links.values()) {
    if (!link.removes || link.certainty === 'never' || best.lost.length === 0) continue;
    const { path, stranger } = pathTo(links, link.version);
    const lost = missingFrom(path);
    if (stranger === undefined && lost.length < best.lost.length) best = { path, stranger, lost };
  }
  return best;
}

function pathTo<L extends Link>(
  links: ReadonlyMap<number, L>,
  version: number,
): Pick<ChainVerdict<L>, 'path' | 'stranger'> {
  const path: L[] = [];
  const seen = new Set<number>();
  for (let at: number | null = version; at !== null;) {
    const link = links.get(at);
    if (link === undefined || link.certainty === 'never' || seen.has(at))
      return { path: path.toReversed(), stranger: { version: at, link } };
    seen.add(at);
    path.push(link);
    at = link.was;
  }
  return { path: path.toReversed(), stranger: undefined };
}
