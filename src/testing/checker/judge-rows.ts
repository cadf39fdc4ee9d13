import { judgeChain, type Link } from './chains.ts';
import { HistoryFault, nameOf, type Txn } from './history.ts';
import { lost, uninvoked, View, type Finding, type Of, type OwnerState, type RowImage } from './owner-state.ts';

/** Of each unique value, its owners one after another. */
export function judgeClaims(view: View, state: OwnerState): Finding[] {
  const found: Finding[] = [];
  const links = new Map<number, Map<number, Link>>();
  for (const { op, txn, certainty } of view.all('claim')) {
    addLink(links, op.value, { version: op.by, was: op.was, certainty, removes: false, by: nameOf(txn) }, 'value');
  }
  const owners = new Map<number, number[]>();
  for (const [value, by] of state.claims) owners.set(value, [...(owners.get(value) ?? []), by]);
  for (const [value, ofValue] of owners) {
    if (ofValue.length > 1)
      found.push({ about: 'not unique', text: `value ${value} has ${ofValue.length} owners: ${ofValue.join(', ')}` });
  }
  for (const value of new Set([...links.keys(), ...owners.keys()])) {
    found.push(
      ...toldOf(`value ${value}`, judgeChain(links.get(value) ?? new Map<number, Link>(), owners.get(value)?.[0])),
    );
  }
  return found;
}

type RowOp = Of<'insert' | 'touch' | 'move' | 'delete'>;

interface RowLink extends Link {
  readonly op: RowOp;
}

export function judgeRows(view: View, state: OwnerState): Finding[] {
  const links = rowLinks(view);
  const there = new Map<number, RowImage[]>();
  for (const image of state.rows) there.set(image.row, [...(there.get(image.row) ?? []), image]);
  const found: Finding[] = [];
  for (const row of new Set([...links.keys(), ...there.keys()])) {
    const images = there.get(row) ?? [];
    if (images.length > 1) found.push({ about: 'not unique', text: `row ${row} is there ${images.length} times` });
    found.push(...judgeRow(row, links.get(row) ?? new Map<number, RowLink>(), images[0]));
  }
  return found;
}

function rowLinks(view: View): ReadonlyMap<number, ReadonlyMap<number, RowLink>> {
  const links = new Map<number, Map<number, RowLink>>();
  for (const { op, txn, certainty } of view.all('insert', 'touch', 'move', 'delete')) {
    const { version, was } = op;
    addLink(links, op.row, { version, was, certainty, removes: op.f === 'delete', by: nameOf(txn), op }, 'row');
  }
  return links;
}

function addLink<L extends Link>(all: Map<number, Map<number, L>>, of: number, link: L, what: string): void {
  const links = all.get(of) ?? new Map<number, L>();
  all.set(of, links);
  if (links.has(link.version))
    throw new HistoryFault(`${link.by}: ${what} ${of} gets version ${link.version} a second time`);
  links.set(link.version, link);
}

function judgeRow(row: number, links: ReadonlyMap<number, RowLink>, image: RowImage | undefined): Finding[] {
  const verdict = judgeChain(links, image?.version);
  const found = toldOf(`row ${row}`, verdict);
  if (image === undefined || verdict.stranger !== undefined) return found;
  const due = { key: -1, toast: -1 };
  for (const { op } of verdict.path) {
    if (op.f === 'insert' || op.f === 'move') due.key = op.key;
    if (op.f === 'insert') due.toast = op.toast;
  }
  for (const column of ['key', 'toast'] as const) {
    if (image[column] === due[column]) continue;
    found.push(lost(`row ${row} at version ${image.version} has ${column} ${image[column]}, not ${due[column]}`));
  }
  return found;
}

function toldOf(what: string, { lost: missing, stranger }: ReturnType<typeof judgeChain>): Finding[] {
  const found = missing.map(({ by, version }) =>
    lost(`${what}: version ${version} of ${by} was acknowledged and what is there was not made from it`),
  );
  if (stranger !== undefined) {
    const why = stranger.link === undefined ? 'nobody wrote' : `${stranger.link.by} had no effect on`;
    found.push(uninvoked(`${what}: it is, or was made from, version ${stranger.version}, which ${why}`));
  }
  return found;
}

/** Rows as transactions read them: each is a state of that row at that moment. */
export function judgeRowReads(txns: readonly Txn[]): readonly Finding[] {
  const writes = new Map<number, Txn[]>();
  for (const txn of txns) {
    for (const row of new Set(txn.ops.flatMap((op) => ('row' in op && op.f !== 'row' ? [op.row] : [])))) {
      writes.set(row, [...(writes.get(row) ?? []), txn]);
    }
  }
  return txns.flatMap((txn) =>
    txn.outcome === 'ok'
      ? txn.ops.flatMap((op) => {
          if (op.f !== 'row' || op.v === undefined) return [];
          const { row, v } = op;
          const view = new View(writes.get(row) ?? [], txn.invokedUs, txn.endedUs);
          const found = judgeRow(
            row,
            rowLinks(view).get(row) ?? new Map<number, RowLink>(),
            v === null ? undefined : { row, ...v },
          );
          return found.map(({ about, text }) => ({ about, text: `as ${nameOf(txn)} read it, ${text}` }));
        })
      : [],
  );
}
