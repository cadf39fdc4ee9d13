import type { Side } from '../../model/catalog.ts';
import type { Certainty } from './chains.ts';
import type { MicroOp, Txn } from './history.ts';

/** A row of the table of rows, as it is there. */
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

export type Of<F extends MicroOp['f']> = Extract<MicroOp, { readonly f: F }>;

export interface Meant<F extends MicroOp['f']> {
  readonly op: Of<F>;
  readonly txn: Txn;
  readonly certainty: Certainty;
}

/** The history as far as it concerns one state. */
export class View {
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

export const lost = (text: string): Finding => ({ about: 'lost', text });
export const uninvoked = (text: string): Finding => ({ about: 'uninvoked', text });
