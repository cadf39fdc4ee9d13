import fc from 'fast-check';
import type { Isolation, MicroOp, Txn } from '../history.ts';

/**
 * A small database that keeps its promises: lists that are appended to, row locks until the commit, and for each isolation what PostgreSQL gives. A story is what the
 * scheduler does: each step lets one client go on by one statement, so that any interleaving can come out.
 */
export interface StoryStep {
  readonly client: number;
  readonly plan: {
    readonly isolation: Isolation;
    readonly ops: readonly { readonly f: 'r' | 'append'; readonly k: number }[];
    /** `rolled back` by the client; `lost`: its connection breaks, before the commit or after it. */
    readonly end: 'ok' | 'rolled back' | 'lost before' | 'lost after' | 'lost and never done';
  };
}

const lists = 3;

export const stories = (isolations: readonly Isolation[]): fc.Arbitrary<readonly StoryStep[]> =>
  fc.array(
    fc.record({
      client: fc.nat({ max: 3 }),
      plan: fc.record({
        isolation: fc.constantFrom(...isolations),
        ops: fc.array(fc.record({ f: fc.constantFrom('r', 'append'), k: fc.nat({ max: lists - 1 }) }), {
          minLength: 1,
          maxLength: 4,
        }),
        end: fc.constantFrom('ok', 'ok', 'ok', 'ok', 'rolled back', 'lost before', 'lost after', 'lost and never done'),
      }),
    }),
    { minLength: 20, maxLength: 160 },
  );

interface Running {
  readonly client: number;
  readonly op: number;
  readonly plan: StoryStep['plan'];
  readonly invokedUs: number;
  readonly done: MicroOp[];
  readonly snapshot: (readonly number[])[];
  readonly mine: Map<number, number[]>;
  at: 'statements' | 'over';
}

class Database {
  committed: (readonly number[])[] = Array.from({ length: lists }, () => []);
  readonly locks = new Map<number, Running>();

  /** False: it waits for a lock. Undefined: it cannot be serialized. */
  state(txn: Running, { f, k }: { readonly f: 'r' | 'append'; readonly k: number }, v: number): boolean | undefined {
    const sees = (txn.plan.isolation === 'read committed' ? this.committed : txn.snapshot)[k] ?? [];
    const mine = txn.mine.get(k) ?? [];
    if (f === 'r') {
      txn.done.push({ f, k, v: [...sees, ...mine] });
      return true;
    }
    if ((this.locks.get(k) ?? txn) !== txn) return false;
    if (txn.plan.isolation !== 'read committed' && sees.length !== this.committed[k]?.length) return undefined;
    this.locks.set(k, txn);
    txn.mine.set(k, [...mine, v]);
    txn.done.push({ f, k, v });
    return true;
  }

  end(txn: Running, commits: boolean): void {
    for (const [k, mine] of txn.mine) {
      if (commits) this.committed[k] = [...(this.committed[k] ?? []), ...mine];
      this.locks.delete(k);
    }
    txn.mine.clear();
  }
}

/** What the clients of a story see. The last transaction reads every list when all is over. */
export function perform(story: readonly StoryStep[]): Txn[] {
  const database = new Database();
  const seats = new Map<number, Running>();
  const numbers = new Map<number, { client: number; op: number }>();
  const history: Omit<Txn, 'index'>[] = [];
  let clients = 0;
  let clock = 0;
  let values = 0;
  const close = (seat: number, txn: Running, outcome: Txn['outcome']): void => {
    const ops = txn.plan.ops.map(
      (each, at): MicroOp =>
        txn.done[at] ?? (each.f === 'r' ? { f: 'r', k: each.k } : { ...each, f: 'append', v: values++ }),
    );
    const { client, op, plan, invokedUs } = txn;
    history.push({
      client,
      op,
      isolation: plan.isolation,
      outcome,
      ops,
      invokedUs,
      endedUs: outcome === 'info' ? Infinity : clock,
      wallMs: clock,
    });
    seats.delete(seat);
    numbers.set(seat, outcome === 'info' ? { client: clients++, op: 0 } : { client, op: op + 1 });
  };
  const step = (seat: number, plan: StoryStep['plan']): void => {
    clock += 1;
    const txn = seats.get(seat);
    if (txn === undefined) {
      const { client, op } = numbers.get(seat) ?? { client: clients++, op: 0 };
      seats.set(seat, {
        client,
        op,
        plan,
        invokedUs: clock,
        done: [],
        snapshot: [],
        mine: new Map(),
        at: 'statements',
      });
      return;
    }
    if (txn.at === 'over') return close(seat, txn, txn.plan.end === 'ok' ? 'ok' : 'info');
    if (txn.done.length === 0) txn.snapshot.push(...database.committed);
    // A serializable transaction is one moment here: that is what it promises to look like.
    const statements =
      txn.plan.isolation === 'serializable'
        ? txn.plan.ops.slice(txn.done.length)
        : txn.plan.ops.slice(txn.done.length, txn.done.length + 1);
    for (const statement of statements) {
      if (database.state(txn, statement, values++) === true) continue;
      // A lock that is taken, or a change since the snapshot. (Waiting would need a watch for deadlocks, and tell the checker nothing new.)
      database.end(txn, false);
      return close(seat, txn, 'fail');
    }
    if (txn.done.length < txn.plan.ops.length) return;
    const { end } = txn.plan;
    if (end === 'lost before') {
      // The client knows nothing any more; the server commits some time later.
      ghosts.push(txn);
      return close(seat, txn, 'info');
    }
    database.end(txn, end === 'ok' || end === 'lost after');
    if (end === 'rolled back') return close(seat, txn, 'fail');
    if (end === 'lost and never done') return close(seat, txn, 'info');
    txn.at = 'over';
  };
  const ghosts: Running[] = [];
  for (const [at, { client, plan }] of story.entries()) {
    step(client, plan);
    const ghost = at % 5 === 4 ? ghosts.shift() : undefined;
    if (ghost !== undefined) database.end(ghost, true);
  }
  for (const ghost of ghosts) database.end(ghost, true);
  for (const [seat, txn] of seats) {
    clock += 1;
    if (txn.at === 'over') close(seat, txn, 'ok');
    else {
      database.end(txn, false);
      close(seat, txn, 'info');
    }
  }
  clock += 1;
  const ops = database.committed.map((v, k): MicroOp => ({ f: 'r', k, v: [...v] }));
  history.push({
    client: clients,
    op: 0,
    isolation: 'serializable',
    outcome: 'ok',
    ops,
    invokedUs: clock,
    endedUs: clock + 1,
    wallMs: clock,
  });
  history.sort((a, b) => a.invokedUs - b.invokedUs);
  return history.map((txn, index) => Object.assign(txn, { index }));
}
