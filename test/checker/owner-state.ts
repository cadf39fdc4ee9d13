import type { Side } from '../../src/model/catalog.ts';
import { judgeChain, type Certainty, type Link } from './chains.ts';
import { HistoryFault, nameOf, type MicroOp, type Txn } from './history.ts';

export interface RowImage {
  readonly row: number;
  readonly key: number;
  readonly version: number;
  /** The number of the large value; -1 when the value is none of the workload's. */
  readonly toast: number;
}

/** What the workload's tables hold on the side that owns the data, all in one snapshot of its primary. Clients may be at work. */
export interface OwnerState {
  readonly side: Side;
  readonly epoch: number;
  /** The snapshot was taken between these, by the clock of the histories. */
  readonly askedUs: number;
  readonly takenUs: number;
  readonly lists: readonly (readonly [k: number, elements: readonly number[]])[];
  readonly balances: readonly (readonly [account: number, balance: number])[];
  readonly claims: readonly (readonly [value: number, by: number])[];
  readonly ids: readonly (readonly [sequence: string, id: number])[];
  readonly rows: readonly RowImage[];
  readonly bag: readonly (readonly [v: number, count: number])[];
  readonly sideTable: readonly number[];
}

/** Something that must not be, told to a person: which part of the state, and which transactions. */
export interface Finding {
  readonly about: 'lost' | 'uninvoked' | 'not unique' | 'sum';
  readonly text: string;
}

type Of<F extends MicroOp['f']> = Extract<MicroOp, { readonly f: F }>;

interface Meant<F extends MicroOp['f']> {
  readonly op: Of<F>;
  readonly txn: Txn;
  readonly certainty: Certainty;
}

/** The history as far as it concerns one state. */
class View {
  readonly #txns: readonly Txn[];
  readonly #askedUs: number;
  readonly #takenUs: number;

  constructor(txns: readonly Txn[], askedUs: number, takenUs: number) {
    this.#txns = txns;
    this.#askedUs = askedUs;
    this.#takenUs = takenUs;
  }

  certainty({ outcome, invokedUs, endedUs }: Txn): Certainty {
    if (outcome === 'fail' || invokedUs > this.#takenUs) return 'never';
    return outcome === 'ok' && endedUs < this.#askedUs ? 'must' : 'may';
  }

  all<F extends MicroOp['f']>(...kinds: readonly F[]): Meant<F>[] {
    const wanted: ReadonlySet<string> = new Set(kinds);
    return this.#txns.flatMap((txn) =>
      txn.ops.flatMap((op) => (wanted.has(op.f) ? [{ op: op as Of<F>, txn, certainty: this.certainty(txn) }] : [])),
    );
  }
}

const lost = (text: string): Finding => ({ about: 'lost', text });
const uninvoked = (text: string): Finding => ({ about: 'uninvoked', text });

/** Invariants 1, 2, 4 and 6 for one state. `opening`: what each account began with. */
export function judgeState(
  txns: readonly Txn[],
  state: OwnerState,
  opening: ReadonlyMap<number, number>,
): readonly Finding[] {
  const view = new View(txns, state.askedUs, state.takenUs);
  return [
    ...judgeLists(view, state),
    ...judgeBalances(view, state, opening),
    ...judgeClaims(view, state),
    ...judgeIds(view, state),
    ...judgeRows(view, state),
    ...judgeBag(view, state),
    ...judgeSideTable(view, state),
  ];
}

/** A thing that only ever comes, under a name of its own: which of those that came are there, and how often. */
function judgeArrivals(
  what: string,
  meant: readonly { readonly name: string; readonly txn: Txn; readonly certainty: Certainty }[],
  there: readonly string[],
  /** Those that may be there without a name that anybody knows. */
  unknown = 0,
): Finding[] {
  const counts = new Map<string, number>();
  for (const name of there) counts.set(name, (counts.get(name) ?? 0) + 1);
  const found: Finding[] = [];
  const known = new Set<string>();
  for (const { name, txn, certainty } of meant) {
    known.add(name);
    const count = counts.get(name) ?? 0;
    if (certainty === 'must' && count === 0)
      found.push(lost(`${what} ${name} of ${nameOf(txn)} was acknowledged and is not there`));
    if (certainty === 'never' && count > 0)
      found.push(uninvoked(`${what} ${name} of ${nameOf(txn)} must not be there and is`));
    if (count > 1) found.push(lost(`${what} ${name} of ${nameOf(txn)} is there ${count} times`));
  }
  const strangers = [...counts.keys()].filter((name) => !known.has(name));
  for (const name of strangers.slice(unknown))
    found.push(uninvoked(`${what} ${name} is there and nobody put it there`));
  return found;
}

function judgeLists(view: View, state: OwnerState): Finding[] {
  const name = (k: number, v: number): string => `${v} in list ${k}`;
  return judgeArrivals(
    'element',
    view.all('append').map(({ op, txn, certainty }) => ({ name: name(op.k, op.v), txn, certainty })),
    state.lists.flatMap(([k, elements]) => elements.map((v) => name(k, v))),
  );
}

/** A doubtful transaction may have been given an id that it never told: so many may be there. */
function judgeIds(view: View, state: OwnerState): Finding[] {
  const meant = view.all('id');
  const named = meant.flatMap(({ op, txn, certainty }) =>
    op.v === undefined ? [] : [{ name: `${op.v} of ${op.sequence}`, txn, certainty }],
  );
  const untold = meant.filter(({ op, certainty }) => op.v === undefined && certainty === 'may').length;
  return judgeArrivals(
    'row with id',
    named,
    state.ids.map(([sequence, id]) => `${id} of ${sequence}`),
    untold,
  );
}

function judgeBalances(view: View, state: OwnerState, opening: ReadonlyMap<number, number>): Finding[] {
  const found: Finding[] = [...judgeSum(state.balances, opening, 'the state')];
  const bounds = new Map([...opening].map(([account, balance]) => [account, { least: balance, most: balance }]));
  for (const { op, certainty } of view.all('transfer')) {
    for (const [account, change] of [
      [op.from, -op.amount],
      [op.to, op.amount],
    ] as const) {
      const bound = bounds.get(account);
      if (bound === undefined) throw new HistoryFault(`account ${account} is not one of those that were opened`);
      if (certainty === 'never') continue;
      if (certainty === 'must' || change < 0) bound.least += change;
      if (certainty === 'must' || change > 0) bound.most += change;
    }
  }
  for (const [account, balance] of state.balances) {
    const bound = bounds.get(account);
    if (bound === undefined) found.push(uninvoked(`account ${account} is there and was never opened`));
    else if (balance < bound.least || balance > bound.most) {
      const due = bound.least === bound.most ? `${bound.least}` : `${bound.least} to ${bound.most}`;
      found.push(lost(`account ${account} holds ${balance}; its acknowledged transfers make ${due}`));
    }
  }
  return found;
}

/** Invariant 4: all accounts together hold what they held in the beginning. */
export function judgeSum(
  balances: readonly (readonly [account: number, balance: number])[],
  opening: ReadonlyMap<number, number>,
  where: string,
): readonly Finding[] {
  const due = [...opening.values()].reduce((sum, balance) => sum + balance, 0);
  const sum = balances.reduce((all, [, balance]) => all + balance, 0);
  if (balances.length === opening.size && sum === due) return [];
  const text = `${where}: ${balances.length} accounts hold ${sum}, not ${opening.size} accounts ${due}`;
  return [{ about: 'sum', text }];
}

function judgeClaims(view: View, state: OwnerState): Finding[] {
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

function judgeRows(view: View, state: OwnerState): Finding[] {
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

function judgeBag(view: View, state: OwnerState): Finding[] {
  const bounds = new Map<number, { least: number; most: number }>();
  for (const { op, certainty } of view.all('bag', 'unbag')) {
    const bound = bounds.get(op.v) ?? { least: 0, most: 0 };
    bounds.set(op.v, bound);
    if (certainty === 'never') continue;
    const change = op.f === 'bag' ? 1 : -1;
    if (certainty === 'must' || change < 0) bound.least += change;
    if (certainty === 'must' || change > 0) bound.most += change;
  }
  const counts = new Map(state.bag);
  const found: Finding[] = [];
  for (const v of new Set([...bounds.keys(), ...counts.keys()])) {
    const count = counts.get(v) ?? 0;
    const { least, most } = bounds.get(v) ?? { least: 0, most: 0 };
    const due = `${Math.max(0, least)} to ${most} are due`;
    if (count < least) found.push(lost(`the bag has ${count} rows of ${v}: ${due}`));
    if (count > most) found.push(uninvoked(`the bag has ${count} rows of ${v}: ${due}`));
  }
  return found;
}

/** Rows of the table that is truncated now and then: a TRUNCATE takes what certainly came before it, and nothing that certainly came after. */
function judgeSideTable(view: View, state: OwnerState): Finding[] {
  const sweeps = view.all('sweep').filter(({ certainty }) => certainty !== 'never');
  let lastCertain = -1;
  let latestEnd = -1;
  for (const { txn, certainty } of sweeps) {
    if (certainty === 'must') lastCertain = Math.max(lastCertain, txn.invokedUs);
    latestEnd = Math.max(latestEnd, txn.endedUs);
  }
  const meant = view.all('side').map(({ op, txn, certainty }) => {
    const isSwept = txn.outcome === 'ok' && txn.endedUs < lastCertain;
    const isSafe = latestEnd < txn.invokedUs;
    const now: Certainty = isSwept ? 'never' : certainty === 'must' && !isSafe ? 'may' : certainty;
    return { name: `${op.v}`, txn, certainty: now };
  });
  return judgeArrivals(
    'row of the side table',
    meant,
    state.sideTable.map((v) => `${v}`),
  );
}
