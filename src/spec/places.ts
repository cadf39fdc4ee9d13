import { isMap, isNode, isPair, isScalar, isSeq, type Document, type LineCounter } from 'yaml';

export type Path = readonly (string | number)[];

/** Line and column, both from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Finds where in the text the parts of a document stand. */
export interface Places {
  readonly at: (offset: number) => Place;
  /** Of a value. The nearest parent where the path itself is not there. */
  readonly ofValue: (path: Path) => Place;
  /** Of the word before a value. */
  readonly ofKey: (path: Path) => Place;
}

export function placesOf(document: Document.Parsed, lines: LineCounter, length: number): Places {
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(Math.max(0, Math.min(offset, length)));
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  return {
    at,
    ofValue: (path) => at(offsetOf(document.contents, path, false)),
    ofKey: (path) => at(offsetOf(document.contents, path, true)),
  };
}

/** `cutover.gates[0].lag` */
export function pathText(path: Path): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`))
    .join('')
    .replace(/^\./, '');
}

function offsetOf(root: unknown, path: Path, wantKey: boolean): number {
  let node = root;
  let offset = startOf(node, 0);
  for (const [index, part] of path.entries()) {
    if (isMap(node)) {
      const pair = node.items.find((it) => isPair(it) && isScalar(it.key) && String(it.key.value) === String(part));
      if (pair === undefined) return offset;
      const keyOffset = startOf(pair.key, offset);
      if (wantKey && index === path.length - 1) return keyOffset;
      offset = startOf(pair.value, keyOffset);
      node = pair.value;
    } else if (isSeq(node) && typeof part === 'number') {
      node = node.items[part];
      offset = startOf(node, offset);
    } else return offset;
  }
  return offset;
}

function startOf(node: unknown, otherwise: number): number {
  return isNode(node) ? (node.range?.[0] ?? otherwise) : otherwise;
}
