import fc from 'fast-check';
import type { MicroOp, Txn } from '../history.ts';
import type { OwnerState, RowImage } from '../owner-state.ts';

/** Some small tables and what each kind of write does to them: what a run's owner would hold. */
export class Store {
  readonly lists = new Map<number, number[]>();
  readonly balances = new Map(opening);
  readonly claims = new Map<number, number>();
  readonly ids: [string, number][] = [];
  readonly rows = new Map<number, RowImage>();
  readonly bag = new Map<number, number>();
  sideTable: number[] = [];

  apply(op: MicroOp): void {
    switch (op.f) {
      case 'append':
        this.lists.set(op.k, [...(this.lists.get(op.k) ?? []), op.v]);
        return;
      case 'transfer':
        this.balances.set(op.from, (this.balances.get(op.from) ?? 0) - op.amount);
        this.balances.set(op.to, (this.balances.get(op.to) ?? 0) + op.amount);
        return;
      case 'claim':
        this.claims.set(op.value, op.by);
        return;
      case 'id':
        if (op.v !== undefined) this.ids.push([op.sequence, op.v]);
        return;
      case 'insert':
        this.rows.set(op.row, { row: op.row, key: op.key, version: op.version, toast: op.toast });
        return;
      case 'touch':
      case 'move': {
        const image = this.rows.get(op.row);
        if (image === undefined) return;
        this.rows.set(op.row, { ...image, version: op.version, ...(op.f === 'move' ? { key: op.key } : {}) });
        return;
      }
      case 'delete':
        this.rows.delete(op.row);
        return;
      case 'bag':
      case 'unbag':
        this.bag.set(op.v, (this.bag.get(op.v) ?? 0) + (op.f === 'bag' ? 1 : -1));
        return;
      case 'side':
        this.sideTable.push(op.v);
        return;
      case 'sweep':
        this.sideTable = [];
        return;
      case 'r':
      case 'balances':
      case 'row':
        return;
    }
  }

  state(askedUs: number, takenUs = askedUs): OwnerState {
    return {
      side: 'blue',
      epoch: 0,
      askedUs,
      takenUs,
      lists: [...this.lists],
      balances: [...this.balances],
      claims: [...this.claims],
      ids: [...this.ids],
      rows: [...this.rows.values()],
      bag: [...this.bag].filter(([, count]) => count > 0),
      sideTable: [...this.sideTable],
    };
  }
}

export const opening: ReadonlyMap<number, number> = new Map([
  [0, 100],
  [1, 100],
  [2, 100],
]);

export interface Deed {
  readonly what:
    | 'append'
    | 'transfer'
    | 'claim'
    | 'id'
    | 'row'
    | 'delete'
    | 'bag'
    | 'unbag'
    | 'side'
    | 'sweep'
    | 'look';
  readonly of: number;
  readonly end: 'ok' | 'fail' | 'info with effect' | 'info without';
  readonly early: number;
  readonly late: number;
}

export const deeds: fc.Arbitrary<readonly Deed[]> = fc.array(
  fc.record({
    what: fc.constantFrom(
      'append',
      'transfer',
      'claim',
      'id',
      'row',
      'row',
      'row',
      'delete',
      'bag',
      'bag',
      'unbag',
      'side',
      'side',
      'sweep',
      'look',
    ),
    of: fc.nat({ max: 2 }),
    end: fc.constantFrom('ok', 'ok', 'ok', 'ok', 'fail', 'info with effect', 'info without'),
    early: fc.nat({ max: 25 }),
    late: fc.nat({ max: 25 }),
  }),
  { minLength: 5, maxLength: 60 },
);

export interface Done {
  readonly txn: Txn;
  readonly op: MicroOp;
  readonly hadEffect: boolean;
  /** Its effect was at this moment. */
  readonly atUs: number;
}

/** The deeds one after another, each by a client of its own that waited for its answer a while. */
export function live(all: readonly Deed[]): readonly Done[] {
  const store = new Store();
  const versions = new Map<string, number>();
  let number = 0;
  return all.map(({ what, of, end, early, late }, index) => {
    const atUs = 100 + index * 10;
    const op = opOf(what, of, store, versions, ++number);
    const hadEffect = end === 'ok' || end === 'info with effect';
    if (hadEffect) {
      store.apply(op);
      if (op.f === 'claim') versions.set(`claim ${op.value}`, op.by);
      if ('version' in op) versions.set(`row ${op.row}`, op.version);
    }
    const outcome = end === 'ok' || end === 'fail' ? end : 'info';
    const endedUs = outcome === 'info' ? Infinity : atUs + late;
    const told = outcome !== 'ok' && op.f === 'id' ? { f: op.f, sequence: op.sequence } : op;
    const txn: Txn = {
      index,
      client: index,
      op: 0,
      isolation: 'serializable',
      outcome,
      ops: [told],
      invokedUs: atUs - early,
      endedUs,
      wallMs: 0,
    };
    return { txn, op, hadEffect, atUs };
  });
}

function opOf(
  what: Deed['what'],
  of: number,
  store: Store,
  versions: ReadonlyMap<string, number>,
  number: number,
): MicroOp {
  const was = versions.get(`row ${of}`);
  switch (what) {
    case 'append':
      return { f: 'append', k: of, v: number };
    case 'transfer':
      return { f: 'transfer', from: of, to: (of + 1) % 3, amount: number };
    case 'claim':
      return { f: 'claim', value: of, was: versions.get(`claim ${of}`) ?? null, by: number };
    case 'id':
      return { f: 'id', sequence: 's', v: number };
    case 'row':
      if (!store.rows.has(of))
        return { f: 'insert', row: of, was: was ?? null, version: number, key: of, toast: number };
      if (number % 2 === 0) return { f: 'touch', row: of, was: was ?? 0, version: number };
      return { f: 'move', row: of, was: was ?? 0, version: number, key: 1000 + number };
    case 'delete':
      if (!store.rows.has(of)) return { f: 'row', row: of, v: null };
      return { f: 'delete', row: of, was: was ?? 0, version: number };
    case 'unbag':
      return (store.bag.get(of) ?? 0) > 0 ? { f: 'unbag', v: of } : { f: 'bag', v: of };
    case 'bag':
      return { f: 'bag', v: of };
    case 'side':
      return { f: 'side', v: number };
    case 'sweep':
      return { f: 'sweep' };
    case 'look': {
      const image = store.rows.get(of);
      return {
        f: 'row',
        row: of,
        v: image === undefined ? null : { key: image.key, version: image.version, toast: image.toast },
      };
    }
  }
}

/** The store after some of what was done. */
export function storeOf(done: readonly Pick<Done, 'op'>[]): Store {
  const store = new Store();
  for (const { op } of done) store.apply(op);
  return store;
}
