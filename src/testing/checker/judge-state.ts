import type { Certainty } from './chains.ts';
import { HistoryFault, nameOf, type Txn } from './history.ts';
import { judgeClaims, judgeRows } from './judge-rows.ts';
import { lost, uninvoked, View, type Finding, type OwnerState } from './owner-state.ts';

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
