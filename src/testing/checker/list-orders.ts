import { HistoryFault, nameOf, type Txn } from './history.ts';
import type { Edge } from './graph.ts';

/** What is wrong by itself, without a cycle. */
export type DirectKind =
  /** An element that nobody appended. */
  | 'phantom'
  /** One append, twice in a list. */
  | 'duplicate'
  /** G1a: an element of a transaction that had certainly no effect. */
  | 'aborted-read'
  /** G1b: the list between two appends of another transaction. */
  | 'intermediate-read'
  /** A committed append stands after one of a transaction that had no effect: it was made on a state that never was. */
  | 'dirty-update'
  /** Two transactions read the same version and both appended to it. */
  | 'lost-update'
  /** A transaction does not see what it did itself, or a list that changes under its own snapshot. */
  | 'internal'
  /** Two reads of which neither is the beginning of the other: two histories. */
  | 'incompatible-order'
  /** An acknowledged append is not in a read that began afterwards. */
  | 'lost-append';

export interface Direct {
  readonly kind: DirectKind;
  readonly txns: readonly number[];
  readonly k: number;
  readonly text: string;
}

interface Append {
  readonly txn: Txn;
  /** Which of its transaction's appends to this list it is, and whether it is the last. */
  readonly nth: number;
  last: boolean;
}

/** What a transaction read of others: its own appends, which stand at the end, are taken away. */
interface Read {
  readonly txn: Txn;
  readonly whole: readonly number[];
  readonly base: readonly number[];
  /** Its first own append to this list comes after this read. */
  readonly thenAppends: number | undefined;
}

export interface ListOrders {
  readonly direct: readonly Direct[];
  /** Between transactions that had an effect, by index. */
  readonly edges: readonly Edge[];
  /** Whether it is known that a transaction had an effect. */
  readonly hadEffect: (txn: Txn) => boolean;
}

/** Whether a transaction reads one snapshot from beginning to end. */
export const hasSnapshot = ({ isolation }: Txn): boolean => isolation !== 'read committed';

/**
 * The order of each list, and what it says about the transactions (Kingsbury and Alvaro, "Elle", VLDB 2020): since a list is only appended to, a read of it is its
 * whole history; the longest read is the order of all versions. O(elements read). Without `realtime` clocks are not compared.
 */
export function orderLists(txns: readonly Txn[], options: { readonly realtime: boolean }): ListOrders {
  const appends = indexAppends(txns);
  const direct: Direct[] = [];
  const reads = new Map<number, Read[]>();
  for (const txn of txns)
    if (txn.outcome === 'ok') for (const [k, read] of readsOf(txn, appends, direct)) groupOf(reads, k).push(read);
  const edges: Edge[] = [];
  const proven = new Set<number>();
  for (const [k, ofList] of reads) {
    const list = appends.get(k) ?? new Map<number, Append>();
    const order = longest(ofList);
    for (const v of order) proven.add(list.get(v)?.txn.index ?? -1);
    const straight = ofList.filter((read) => isBeginningOf(read, order, k, direct));
    checkOrder(k, order, list, direct);
    edges.push(...edgesOf(k, order, straight, list));
    const places = new Map(order.map((v, place) => [v, place]));
    findLostUpdates(k, ofList, places, direct);
    if (options.realtime) findLostAppends(k, { all: ofList, straight: new Set(straight) }, list, places, direct);
  }
  return {
    direct,
    edges,
    hadEffect: (txn) => txn.outcome === 'ok' || (txn.outcome === 'info' && proven.has(txn.index)),
  };
}

function groupOf<K, V>(map: Map<K, V[]>, key: K): V[] {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made: V[] = [];
  map.set(key, made);
  return made;
}

type Appends = ReadonlyMap<number, ReadonlyMap<number, Append>>;

function indexAppends(txns: readonly Txn[]): Appends {
  const lists = new Map<number, Map<number, Append>>();
  for (const txn of txns) {
    const latest = new Map<number, Append>();
    for (const each of txn.ops) {
      if (each.f !== 'append') continue;
      const list = lists.get(each.k) ?? new Map<number, Append>();
      lists.set(each.k, list);
      if (list.has(each.v)) throw new HistoryFault(`${nameOf(txn)}: appends ${each.v} to list ${each.k} a second time`);
      const before = latest.get(each.k);
      if (before !== undefined) before.last = false;
      const append: Append = { txn, nth: before === undefined ? 0 : before.nth + 1, last: true };
      latest.set(each.k, append);
      list.set(each.v, append);
    }
  }
  return lists;
}

function readsOf(txn: Txn, appends: Appends, direct: Direct[]): [number, Read][] {
  const found: [number, Read][] = [];
  const mine = new Map<number, number[]>();
  const before = new Map<number, readonly number[]>();
  for (const [at, each] of txn.ops.entries()) {
    if (each.f === 'append') groupOf(mine, each.k).push(each.v);
    if (each.f !== 'r' || each.v === undefined) continue;
    const { k, v: whole } = each;
    const own = mine.get(k) ?? [];
    const base = whole.slice(0, Math.max(0, whole.length - own.length));
    const say = (kind: DirectKind, text: string, others: readonly number[] = []): void => {
      direct.push({ kind, k, txns: [txn.index, ...others], text: `${nameOf(txn)} read list ${k}: ${text}` });
    };
    checkElements(k, whole, appends, say);
    if (!own.every((v, place) => whole[base.length + place] === v))
      say('internal', `its own ${own.join(', ')} is not at the end`);
    else if (base.some((v) => appends.get(k)?.get(v)?.txn === txn))
      say('internal', 'it holds what the transaction appends later');
    const earlier = before.get(k);
    if (earlier !== undefined && !mayFollow(earlier, base, txn)) say('internal', 'not what it read before');
    before.set(k, base);
    const last = base.at(-1);
    const writer = last === undefined ? undefined : appends.get(k)?.get(last);
    if (writer !== undefined && !writer.last && writer.txn !== txn) {
      say('intermediate-read', `up to ${last}, after which ${nameOf(writer.txn)} appended more`, [writer.txn.index]);
    }
    const later = txn.ops.slice(at + 1).find((op) => op.f === 'append' && op.k === k);
    found.push([k, { txn, whole, base, thenAppends: own.length === 0 && later?.f === 'append' ? later.v : undefined }]);
  }
  return found;
}

function checkElements(
  k: number,
  whole: readonly number[],
  appends: Appends,
  say: (kind: DirectKind, text: string, others?: readonly number[]) => void,
): void {
  const seen = new Set<number>();
  for (const v of whole) {
    if (seen.has(v)) say('duplicate', `${v} is in it twice`);
    seen.add(v);
    const append = appends.get(k)?.get(v);
    if (append === undefined) say('phantom', `${v} was never appended`);
    else if (append.txn.outcome === 'fail') say('aborted-read', `${v} is of ${nameOf(append.txn)}`, [append.txn.index]);
  }
}

/** One snapshot: the same list. Otherwise each statement has its own, later one: the list may have grown. */
function mayFollow(earlier: readonly number[], later: readonly number[], txn: Txn): boolean {
  if (hasSnapshot(txn) && earlier.length !== later.length) return false;
  return earlier.every((v, place) => later[place] === v);
}

function longest(reads: readonly Read[]): readonly number[] {
  let order: readonly number[] = [];
  for (const { whole } of reads) if (whole.length > order.length) order = whole;
  return order;
}

function isBeginningOf({ txn, whole }: Read, order: readonly number[], k: number, direct: Direct[]): boolean {
  const split = whole.findIndex((v, place) => order[place] !== v);
  if (split === -1) return true;
  const text = `${nameOf(txn)} read ${whole[split]} at place ${split} of list ${k}, where the longest read has ${order[split]}`;
  direct.push({ kind: 'incompatible-order', k, txns: [txn.index], text });
  return false;
}

/** The order itself: whole transactions, in their own order, and nothing committed on top of what never was. */
function checkOrder(k: number, order: readonly number[], list: ReadonlyMap<number, Append>, direct: Direct[]): void {
  const seen = new Map<number, number>();
  let dirty: Append | undefined;
  for (const v of order) {
    const append = list.get(v);
    if (append === undefined) continue;
    const { txn, nth } = append;
    const expected = seen.get(txn.index) ?? 0;
    if (nth !== expected) {
      const kind = nth < expected ? 'incompatible-order' : 'lost-append';
      const text = `${v} of ${nameOf(txn)} is in list ${k} ${nth < expected ? 'after' : 'without'} what it appended ${nth < expected ? 'later' : 'before'}`;
      direct.push({ kind, k, txns: [txn.index], text });
    }
    seen.set(txn.index, nth + 1);
    if (txn.outcome === 'fail') dirty ??= append;
    else if (dirty !== undefined) {
      const text = `${v} of ${nameOf(txn)} was appended to list ${k} on top of what ${nameOf(dirty.txn)} had appended`;
      direct.push({ kind: 'dirty-update', k, txns: [dirty.txn.index, txn.index], text });
      dirty = undefined;
    }
  }
}

function edgesOf(
  k: number,
  order: readonly number[],
  reads: readonly Read[],
  list: ReadonlyMap<number, Append>,
): readonly Edge[] {
  const edges = new Map<string, Edge>();
  const writer = (place: number): number | undefined => list.get(order[place] ?? -1)?.txn.index;
  const add = (from: number | undefined, to: number | undefined, kind: Edge['kind'], place: number): void => {
    if (from === undefined || to === undefined || from === to) return;
    const v = order[place];
    const name = `${from} ${to} ${kind}`;
    if (!edges.has(name)) edges.set(name, { from, to, kind, k, ...(v === undefined ? {} : { v }) });
  };
  for (let place = 1; place < order.length; place += 1) add(writer(place - 1), writer(place), 'ww', place);
  for (const { txn, base } of reads) {
    add(writer(base.length - 1), txn.index, 'wr', base.length - 1);
    add(txn.index, writer(base.length), 'rw', base.length);
  }
  return [...edges.values()];
}

/** The later of two transactions with a snapshot that read one version must not append to it; without one it appends to what it finds. */
function findLostUpdates(
  k: number,
  reads: readonly Read[],
  places: ReadonlyMap<number, number>,
  direct: Direct[],
): void {
  const byVersion = new Map<number, Map<number, Read>>();
  for (const read of reads) {
    if (read.thenAppends === undefined) continue;
    const version = read.base.at(-1) ?? -1;
    const same = byVersion.get(version) ?? new Map<number, Read>();
    byVersion.set(version, same.set(read.txn.index, read));
  }
  const placeOf = ({ thenAppends, txn }: Read): number =>
    places.get(thenAppends ?? -1) ?? Number.MAX_SAFE_INTEGER - (hasSnapshot(txn) ? 0 : 1);
  for (const [version, same] of byVersion) {
    const [first, ...others] = [...same.values()].sort((a, b) => placeOf(a) - placeOf(b));
    const losing = others.filter(({ txn }) => hasSnapshot(txn));
    if (first === undefined || losing.length === 0) continue;
    const names = [first, ...losing].map(({ txn }) => nameOf(txn));
    const text = `${names.join(' and ')} read list ${k} ${version === -1 ? 'when it was empty' : `up to ${version}`} and all appended to it`;
    direct.push({ kind: 'lost-update', k, txns: [first, ...losing].map(({ txn }) => txn.index), text });
  }
}

/**
 * An acknowledged append must be within every read that was asked for afterwards. O((appends + reads) log) where reads are beginnings of one order: then one
 * comparison a read tells whether something is missing.
 */
function findLostAppends(
  k: number,
  reads: { readonly all: readonly Read[]; readonly straight: ReadonlySet<Read> },
  list: ReadonlyMap<number, Append>,
  places: ReadonlyMap<number, number>,
  direct: Direct[],
): void {
  const acked = [...list]
    .filter(([, { txn }]) => txn.outcome === 'ok')
    .sort(([, a], [, b]) => a.txn.endedUs - b.txn.endedUs);
  const placeOf = (v: number): number => places.get(v) ?? Infinity;
  const told = new Set<number>();
  let count = 0;
  let farthest = -1;
  for (const read of [...reads.all].sort((a, b) => a.txn.invokedUs - b.txn.invokedUs)) {
    const { txn, whole } = read;
    for (let next = acked[count]; next !== undefined && next[1].txn.endedUs < txn.invokedUs; next = acked[++count]) {
      farthest = Math.max(farthest, placeOf(next[0]));
    }
    const isStraight = reads.straight.has(read);
    if (isStraight && farthest < whole.length) continue;
    const there = new Set(whole);
    for (const [v, append] of acked.slice(0, count)) {
      if (there.has(v) || told.has(v)) continue;
      told.add(v);
      const later = txn.invokedUs - append.txn.endedUs;
      const text = `${v} of ${nameOf(append.txn)} was acknowledged and is not in list ${k} as ${nameOf(txn)} read it ${later} µs later`;
      direct.push({ kind: 'lost-append', k, txns: [append.txn.index, txn.index], text });
    }
  }
}
