import { components, graphOf, shortestPath, type Allows, type Edge, type EdgeKind, type Graph } from './graph.ts';
import { nameOf, type Txn } from './history.ts';
import { hasSnapshot, orderLists, type DirectKind } from './list-orders.ts';

/** Cycles of dependencies (Adya 1999; names as in Elle), strongest first. */
const cycleKinds = ['G0', 'G1c', 'G-single', 'G-nonadjacent', 'G2'] as const;
type CycleKind = (typeof cycleKinds)[number];
/** What beside the data a cycle needs: nothing, the order of one client, the order of time. */
type Needs = '' | '-process' | '-realtime';

export interface Anomaly {
  readonly kind: DirectKind | `${CycleKind}${Needs}`;
  /** Indexes of the transactions in it; of a cycle in its order. */
  readonly txns: readonly number[];
  /** For a person: who did what, and why that cannot be. */
  readonly text: string;
}

export interface AnomalyOptions {
  /** Whether the clocks of all clients are one: the processes ran on one machine. Default true. */
  readonly realtime?: boolean;
}

/**
 * What no serial, real-time order of these transactions explains. Empty for every history of a database that keeps its promises; each transaction is held to its own
 * isolation: cycles of writes and reads-from (G0, G1c) may not be at any level, one with anti-dependencies only where their readers had a snapshot, and one with
 * two of them side by side (G2) only among serializable ones (PostgreSQL tells serializable transactions from each other alone).
 *
 * Throws `HistoryFault` when two transactions append the same value to one list.
 */
export function findAnomalies(txns: readonly Txn[], options: AnomalyOptions = {}): readonly Anomaly[] {
  const { realtime = true } = options;
  const { direct, edges, hadEffect } = orderLists(txns, { realtime });
  const real = txns.filter(hadEffect);
  const all = [...edges, ...processEdges(real), ...(realtime ? realtimeEdges(real) : [])];
  return [...direct, ...findCycles(txns, graphOf(txns.length, all))];
}

/** Each transaction of a client before its next. */
function processEdges(txns: readonly Txn[]): Edge[] {
  const last = new Map<number, number>();
  const edges: Edge[] = [];
  for (const { client, index } of txns) {
    const from = last.get(client);
    if (from !== undefined) edges.push({ from, to: index, kind: 'process' });
    last.set(client, index);
  }
  return edges;
}

/**
 * Each transaction before those that were asked for after its end; of these only the edges that no other two make superfluous. O(transactions × clients). What
 * began and ended at one reading of the clock is concurrent.
 */
function realtimeEdges(txns: readonly Txn[]): Edge[] {
  const moments = txns.flatMap((txn) => [
    { atUs: txn.invokedUs, ends: false, txn },
    ...(txn.endedUs === Infinity ? [] : [{ atUs: txn.endedUs, ends: true, txn }]),
  ]);
  moments.sort((a, b) => a.atUs - b.atUs || Number(a.ends) - Number(b.ends));
  const edges: Edge[] = [];
  const before = new Map<number, readonly number[]>();
  /** Ended, and nothing that was asked for after their end has ended. */
  let newest = new Set<number>();
  for (const { ends, txn } of moments) {
    if (!ends) {
      before.set(txn.index, [...newest]);
      for (const from of newest) edges.push({ from, to: txn.index, kind: 'realtime' });
      continue;
    }
    for (const known of before.get(txn.index) ?? []) newest.delete(known);
    newest = newest.add(txn.index);
  }
  return edges;
}

const dataKinds: Readonly<Record<CycleKind, readonly EdgeKind[]>> = {
  G0: ['ww'],
  G1c: ['ww', 'wr'],
  'G-single': ['ww', 'wr', 'rw'],
  'G-nonadjacent': ['ww', 'wr', 'rw'],
  G2: ['ww', 'wr', 'rw'],
};
const orderKinds: Readonly<Record<Needs, readonly EdgeKind[]>> = {
  '': [],
  '-process': ['process'],
  '-realtime': ['process', 'realtime'],
};
/** Searches of one component; after as many the first cycle that is there is told instead of the strongest. */
const searches = 2_000;

/** One cycle of each component, of the strongest kind that there is, which needs the least beside the data. */
function findCycles(txns: readonly Txn[], graph: Graph): Anomaly[] {
  const found: Anomaly[] = [];
  if (components(graph, () => true).length === 0) return found;
  const explained = new Set<number>();
  for (const orders of Object.values(orderKinds)) {
    for (const kind of cycleKinds) {
      const kinds = new Set([...dataKinds[kind], ...orders]);
      const allows = allowedFor(kind, kinds, txns);
      for (const component of components(graph, allows)) {
        if (component.some((node) => explained.has(node))) continue;
        const cycle = cycleIn(graph, component, kind, allows);
        if (cycle === undefined) continue;
        for (const { from } of cycle) explained.add(from);
        found.push({ kind: kindOf(cycle), txns: cycle.map(({ from }) => from), text: explain(cycle, txns) });
      }
    }
  }
  return found;
}

function allowedFor(kind: CycleKind, kinds: ReadonlySet<EdgeKind>, txns: readonly Txn[]): Allows {
  const isSerializable = (node: number): boolean => txns[node]?.isolation === 'serializable';
  return ({ from, to, kind: ofEdge }) => {
    if (!kinds.has(ofEdge)) return false;
    if (kind === 'G2') return isSerializable(from) && isSerializable(to);
    const reader = txns[from];
    return ofEdge !== 'rw' || (reader !== undefined && hasSnapshot(reader));
  };
}

function cycleIn(
  graph: Graph,
  component: readonly number[],
  kind: CycleKind,
  allows: Allows,
): readonly Edge[] | undefined {
  const members = new Set(component);
  const inside: Allows = (edge) => members.has(edge.from) && members.has(edge.to) && allows(edge);
  if (kind === 'G-single' || kind === 'G-nonadjacent') {
    const antis = component.flatMap((node) => (graph[node] ?? []).filter((edge) => edge.kind === 'rw' && inside(edge)));
    const rest: Allows = kind === 'G-single' ? (edge) => edge.kind !== 'rw' && inside(edge) : inside;
    for (const anti of antis.slice(0, searches)) {
      const back = shortestPath(graph, anti.to, anti.from, { allows: rest, after: 'rw', apart: true });
      if (back !== undefined) return [anti, ...back];
    }
    return undefined;
  }
  let shortest: readonly Edge[] | undefined;
  for (const node of component.slice(0, 20)) {
    const cycle = shortestPath(graph, node, node, { allows: inside });
    if (cycle !== undefined && cycle.length < (shortest?.length ?? Infinity)) shortest = cycle;
  }
  return shortest;
}

function kindOf(cycle: readonly Edge[]): `${CycleKind}${Needs}` {
  const has = (kind: EdgeKind): boolean => cycle.some((edge) => edge.kind === kind);
  const needs: Needs = has('realtime') ? '-realtime' : has('process') ? '-process' : '';
  const antis = cycle.filter((edge) => edge.kind === 'rw').length;
  if (antis === 0) return `${has('wr') ? 'G1c' : 'G0'}${needs}`;
  if (antis === 1) return `G-single${needs}`;
  const sideBySide = cycle.some((edge, at) => edge.kind === 'rw' && cycle[(at + 1) % cycle.length]?.kind === 'rw');
  return `${sideBySide ? 'G2' : 'G-nonadjacent'}${needs}`;
}

function explain(cycle: readonly Edge[], txns: readonly Txn[]): string {
  const name = (node: number): string => {
    const txn = txns[node];
    return txn === undefined ? `transaction ${node}` : nameOf(txn);
  };
  return cycle.map((edge) => `${name(edge.from)} ${because(edge, name(edge.to))}`).join('; ');
}

function because({ kind, k, v }: Edge, to: string): string {
  switch (kind) {
    case 'ww':
      return `appended to list ${k} before ${to} appended ${v}`;
    case 'wr':
      return `appended ${v} to list ${k}, which ${to} read`;
    case 'rw':
      return `read list ${k} before ${to} appended ${v}`;
    case 'process':
      return `came before ${to} of the same client`;
    case 'realtime':
      return `had ended before ${to} was asked for`;
  }
}
