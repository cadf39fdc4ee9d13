/** Why one transaction comes before another. */
export type EdgeKind = 'ww' | 'wr' | 'rw' | 'process' | 'realtime';

export interface Edge {
  readonly from: number;
  readonly to: number;
  readonly kind: EdgeKind;
  /** Of the data edges: the list, and the element that was appended before, read last, or appended next. */
  readonly k?: number;
  readonly v?: number;
}

/** Edges by where they begin. */
export type Graph = readonly (readonly Edge[])[];

export function graphOf(nodes: number, edges: Iterable<Edge>): Graph {
  const graph: Edge[][] = Array.from({ length: nodes }, () => []);
  for (const edge of edges) if (edge.from !== edge.to) graph[edge.from]?.push(edge);
  return graph;
}

export type Allows = (edge: Edge) => boolean;

/**
 * Strongly connected components of more than one node (Tarjan 1972), without recursion: a history has more transactions than a stack has room. O(nodes + edges).
 */
export function components(graph: Graph, allows: Allows): readonly (readonly number[])[] {
  const found: number[][] = [];
  const order = new Int32Array(graph.length).fill(-1);
  const low = new Int32Array(graph.length);
  const next = new Int32Array(graph.length);
  const onStack = new Uint8Array(graph.length);
  const stack: number[] = [];
  const path: number[] = [];
  let count = 0;
  const enter = (node: number): void => {
    order[node] = low[node] = count++;
    onStack[node] = 1;
    stack.push(node);
    path.push(node);
  };
  const leave = (node: number): void => {
    path.pop();
    const parent = path.at(-1);
    if (parent !== undefined) low[parent] = Math.min(low[parent] ?? 0, low[node] ?? 0);
    if (low[node] !== order[node]) return;
    const component: number[] = [];
    for (let member = -1; member !== node;) {
      member = stack.pop() ?? node;
      onStack[member] = 0;
      component.push(member);
    }
    if (component.length > 1) found.push(component);
  };
  for (let root = 0; root < graph.length; root += 1) {
    if (order[root] !== -1) continue;
    enter(root);
    for (let node = path.at(-1); node !== undefined; node = path.at(-1)) {
      const at = next[node] ?? 0;
      const edge = graph[node]?.[at];
      if (edge === undefined) {
        leave(node);
        continue;
      }
      next[node] = at + 1;
      if (!allows(edge)) continue;
      if (order[edge.to] === -1) enter(edge.to);
      else if (onStack[edge.to] === 1) low[node] = Math.min(low[node] ?? 0, order[edge.to] ?? 0);
    }
  }
  return found;
}

export interface PathRules {
  readonly allows: Allows;
  /** The edge that is taken before the path begins. */
  readonly after?: EdgeKind;
  /** No two anti-dependencies side by side, and none as the last edge. */
  readonly apart?: boolean;
}

interface Step {
  readonly edge: Edge;
  readonly came: Step | undefined;
}

/** A shortest way from one node to another, of at least one edge; undefined when there is none. O(edges). */
export function shortestPath(graph: Graph, from: number, to: number, rules: PathRules): readonly Edge[] | undefined {
  const { allows, after, apart = false } = rules;
  // Which edge may come next depends on whether the last one was an anti-dependency, and on nothing else.
  const seen = new Set<number>();
  let reached: { readonly node: number; readonly step: Step | undefined }[] = [{ node: from, step: undefined }];
  while (reached.length > 0) {
    const further: typeof reached = [];
    for (const { node, step } of reached) {
      const cameByAnti = (step === undefined ? after : step.edge.kind) === 'rw';
      for (const edge of graph[node] ?? []) {
        const isAnti = edge.kind === 'rw';
        if (!allows(edge) || (apart && isAnti && (cameByAnti || edge.to === to))) continue;
        const taken: Step = { edge, came: step };
        if (edge.to === to) return unwound(taken);
        const state = edge.to * 2 + (isAnti ? 1 : 0);
        if (seen.has(state)) continue;
        seen.add(state);
        further.push({ node: edge.to, step: taken });
      }
    }
    reached = further;
  }
  return undefined;
}

function unwound(last: Step): readonly Edge[] {
  const edges: Edge[] = [];
  for (let step: Step | undefined = last; step !== undefined; step = step.came) edges.push(step.edge);
  return edges.toReversed();
}
