import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findAnomalies, type Anomaly } from './anomalies.ts';
import { HistoryFault, type Isolation, type MicroOp, type Txn } from './history.ts';
import { perform, stories } from './test-support/serial-model.ts';

interface Told {
  readonly ops: readonly MicroOp[];
  /** From when to when; by default all at once, so that the clock says nothing. */
  readonly at?: readonly [number, number];
  readonly client?: number;
  readonly isolation?: Isolation;
  readonly outcome?: Txn['outcome'];
}

const append = (k: number, v: number): MicroOp => ({ f: 'append', k, v });
const read = (k: number, ...v: readonly number[]): MicroOp => ({ f: 'r', k, v: [...v] });

function history(...told: readonly Told[]): Txn[] {
  return told.map(({ ops, at = [0, 100], client, isolation = 'serializable', outcome = 'ok' }, index) => ({
    index,
    client: client ?? index,
    op: told.slice(0, index).filter((other) => other.client !== undefined && other.client === client).length,
    isolation,
    outcome,
    ops,
    invokedUs: at[0],
    endedUs: outcome === 'info' ? Infinity : at[1],
    wallMs: 0,
  }));
}

const kinds = (found: readonly Anomaly[]): string[] => [...new Set(found.map(({ kind }) => kind))].sort();
const found = (...told: readonly Told[]): string[] => kinds(findAnomalies(history(...told)));

const T = (...ops: readonly MicroOp[]): Told => ({ ops });
const RC = (...ops: readonly MicroOp[]): Told => ({ ops, isolation: 'read committed' });
const RR = (...ops: readonly MicroOp[]): Told => ({ ops, isolation: 'repeatable read' });
const at = (from: number, to: number, told: Told): Told => ({ ...told, at: [from, to] });
const by = (client: number, told: Told): Told => ({ ...told, client });
const failed = (told: Told): Told => ({ ...told, outcome: 'fail' });
const inDoubt = (told: Told): Told => ({ ...told, outcome: 'info' });

describe('each anomaly by hand', () => {
  test.each<[kind: string, readonly Told[]]>([
    ['aborted-read', [failed(T(append(1, 1))), T(read(1, 1))]],
    ['intermediate-read', [T(append(1, 1), append(1, 2)), RC(read(1, 1)), T(read(1, 1, 2))]],
    ['dirty-update', [failed(T(append(1, 1))), T(append(1, 2)), T(read(1, 1, 2))]],
    ['phantom', [T(read(1, 9))]],
    ['duplicate', [T(append(1, 1)), T(read(1, 1, 1))]],
    ['lost-update', [RR(read(1), append(1, 1)), RR(read(1), append(1, 2))]],
    ['internal', [T(append(1, 1), read(1))]],
    ['internal', [RR(read(1), read(1, 1)), T(append(1, 1))]],
    ['internal', [RC(read(1, 1), read(1)), T(append(1, 1))]],
    ['internal', [T(read(1, 1), append(1, 1))]],
    ['incompatible-order', [T(append(1, 1)), T(append(1, 2)), T(read(1, 1)), T(read(1, 2))]],
    ['incompatible-order', [T(append(1, 1)), T(append(1, 2)), T(read(1, 1, 2)), T(read(1, 2, 1))]],
    ['incompatible-order', [T(append(1, 1), append(1, 2)), T(read(1, 2, 1))]],
    ['lost-append', [T(append(1, 1), append(1, 2)), T(read(1, 2))]],
    ['lost-append', [at(0, 1, T(append(1, 1))), at(2, 3, T(read(1)))]],
    [
      'lost-append',
      [at(0, 1, T(append(1, 1))), at(0, 1, T(append(1, 2))), at(2, 3, T(read(1, 1, 2))), at(4, 5, T(read(1, 1)))],
    ],
    ['G0', [T(append(1, 1), append(2, 2)), T(append(1, 3), append(2, 4)), T(read(1, 1, 3)), T(read(2, 4, 2))]],
    ['G1c', [RC(append(1, 1), read(2, 2)), RC(append(2, 2), read(1, 1))]],
    ['G-single', [RR(read(1), read(2, 2)), T(append(1, 1), append(2, 2)), T(read(1, 1))]],
    [
      'G-nonadjacent',
      [
        RR(read(1), read(4, 4)),
        RC(append(1, 1), append(2, 2)),
        RR(read(2, 2), read(3)),
        RC(append(3, 3), append(4, 4)),
        T(read(1, 1)),
        T(read(3, 3)),
      ],
    ],
    ['G2', [T(read(1), append(2, 2)), T(read(2), append(1, 1)), T(read(1, 1)), T(read(2, 2))]],
    ['G0-process', [by(1, T(append(1, 1))), by(1, T(append(1, 2))), T(read(1, 2, 1))]],
    ['G1c-process', [by(1, T(read(1, 1))), by(1, T(append(2, 2))), T(read(2, 2), append(1, 1))]],
    ['G-single-process', [by(1, T(append(1, 1))), by(1, T(read(1))), T(read(1, 1))]],
    ['G2-process', [by(3, T(append(2, 2))), by(3, T(read(1))), T(append(1, 1), read(2)), T(read(1, 1), read(2, 2))]],
    ['G0-realtime', [at(0, 1, T(append(1, 1))), at(2, 3, T(append(1, 2))), at(2, 9, T(read(1, 2, 1)))]],
    ['G1c-realtime', [at(0, 1, T(read(1, 1))), at(2, 3, T(append(1, 1)))]],
    ['G-single-realtime', [at(0, 1, T(append(1, 1))), at(2, 3, T(read(1))), at(2, 3, T(read(1, 1)))]],
    [
      'G2-realtime',
      [
        at(0, 1, T(append(2, 2))),
        at(2, 9, T(read(1))),
        at(0, 9, T(append(1, 1), read(2))),
        at(10, 11, T(read(1, 1), read(2, 2))),
      ],
    ],
  ])('%s', (kind, told) => {
    expect(found(...told)).toContain(kind);
  });

  test('a cycle is told once, as the strongest that it is, so that a person can follow it', () => {
    const txns = history(T(read(1), append(2, 2)), T(read(2), append(1, 1)), T(read(1, 1)), T(read(2, 2)));
    expect(findAnomalies(txns)).toEqual([
      {
        kind: 'G2',
        txns: [1, 0],
        text: 'client 1 op 0 read list 2 before client 0 op 0 appended 2; client 0 op 0 read list 1 before client 1 op 0 appended 1',
      },
    ]);
  });

  test('two appends of one value are a fault of the workload', () => {
    expect(() => found(T(append(1, 1)), T(append(1, 1)))).toThrow(HistoryFault);
  });
});

describe('what may be', () => {
  test.each<[string, readonly Told[]]>([
    ['nothing', []],
    ['write skew between snapshots', [RR(read(1), append(2, 2)), RR(read(2), append(1, 1)), T(read(1, 1), read(2, 2))]],
    ['two reads that differ, each of its own moment', [RC(read(1), read(1, 1)), T(append(1, 1))]],
    [
      'an update on what was read before another, without a snapshot',
      [RC(read(1), append(1, 1)), RC(read(1), append(1, 2)), T(read(1, 1, 2))],
    ],
    [
      'a doubtful append that came late',
      [at(0, 1, inDoubt(T(append(1, 1)))), at(2, 3, T(read(1))), at(4, 5, T(read(1, 1)))],
    ],
    ['a doubtful append that never came', [at(0, 1, inDoubt(T(append(1, 1)))), at(2, 3, T(read(1)))]],
    ['a failed append that is nowhere', [failed(T(append(1, 1))), T(read(1))]],
    ['a read that began as the append was acknowledged', [at(0, 1, T(append(1, 1))), at(1, 2, T(read(1)))]],
  ])('%s', (_, told) => {
    expect(found(...told)).toEqual([]);
  });

  test('without one clock only a client’s own order counts', () => {
    const stale = history(at(0, 1, T(append(1, 1))), at(2, 3, T(read(1))), at(2, 3, T(read(1, 1))));
    expect(findAnomalies(stale, { realtime: false })).toEqual([]);
  });
});

/** Every read, as somebody else would have it. */
function rewritten(txns: readonly Txn[], rewrite: (v: number[], k: number, txn: Txn) => number[]): Txn[] {
  return txns.map((txn) => ({
    ...txn,
    ops: txn.ops.map((op) => (op.f === 'r' && op.v !== undefined ? { ...op, v: rewrite(op.v, op.k, txn) } : op)),
  }));
}

const appendsOf = (txns: readonly Txn[], outcome: Txn['outcome']): { txn: Txn; k: number; v: number }[] =>
  txns
    .filter((txn) => txn.outcome === outcome)
    .flatMap((txn) => txn.ops.flatMap((op) => (op.f === 'append' ? [{ txn, k: op.k, v: op.v }] : [])));

const every: readonly Isolation[] = ['read committed', 'repeatable read', 'serializable'];

describe('a database that keeps its promises', () => {
  test.each([...every.map((one) => [one, [one]] as const), ['all together', every] as const])(
    '%s: nothing is found',
    (_, isolations) => {
      let oks = 0;
      fc.assert(
        fc.property(stories(isolations), (story) => {
          const txns = perform(story);
          oks += txns.filter(({ outcome }) => outcome === 'ok').length;
          expect(findAnomalies(txns)).toEqual([]);
        }),
        { numRuns: 500 },
      );
      expect(oks).toBeGreaterThan(2_000);
    },
  );
});

/** One broken promise in an otherwise good history; undefined where the history has no room for it. */
const faults: Readonly<
  Record<string, (txns: readonly Txn[], pick: number) => { txns: Txn[]; kinds: readonly string[] } | undefined>
> = {
  'an append is lost': (txns, pick) => {
    const all = appendsOf(txns, 'ok');
    const lost = all[pick % all.length];
    if (lost === undefined) return undefined;
    // Its own transaction may have read it before it was lost.
    return {
      txns: rewritten(txns, (v, k, txn) =>
        k === lost.k && txn !== lost.txn ? v.filter((each) => each !== lost.v) : v,
      ),
      kinds: ['lost-append'],
    };
  },
  'two appends change places': (txns, pick) => {
    const final =
      txns.at(-1)?.ops.flatMap((op) => (op.f === 'r' && (op.v?.length ?? 0) > 1 ? [{ k: op.k, v: op.v ?? [] }] : [])) ??
      [];
    const list = final[pick % final.length];
    const readers = txns.filter(
      (txn) =>
        txn.outcome === 'ok' &&
        txn !== txns.at(-1) &&
        txn.ops.some(
          (op) =>
            op.f === 'r' &&
            op.k === list?.k &&
            (op.v?.length ?? 0) > 1 &&
            !txn.ops.some((own) => own.f === 'append' && own.k === list.k),
        ),
    );
    const reader = readers[pick % readers.length];
    if (list === undefined || reader === undefined) return undefined;
    return {
      txns: rewritten(txns, (v, k, txn) =>
        txn === reader && k === list.k ? [...v.slice(0, -2), ...v.slice(-2).toReversed()] : v,
      ),
      kinds: ['incompatible-order'],
    };
  },
  'a value that was rolled back is read': (txns, pick) => {
    const all = appendsOf(txns, 'fail');
    const ghost = all[pick % all.length];
    if (ghost === undefined) return undefined;
    return {
      txns: rewritten(txns, (v, k, txn) => (k === ghost.k && txn === txns.at(-1) ? [...v, ghost.v] : v)),
      kinds: ['aborted-read'],
    };
  },
  'half of the clients stay on the other side after a cut': (txns, pick) => {
    const cutUs = txns[pick % txns.length]?.invokedUs ?? 0;
    const side = (txn: Txn): number => (txn.index === txns.length - 1 ? 0 : txn.client % 2);
    const after = new Map(
      txns.flatMap((txn) =>
        txn.ops.flatMap((op) =>
          op.f === 'append' && txn.invokedUs > cutUs ? [[`${op.k} ${op.v}`, side(txn)] as const] : [],
        ),
      ),
    );
    const isMissed = appendsOf(txns, 'ok').some(
      ({ txn, k, v }) => after.get(`${k} ${v}`) === 1 && txn.endedUs < (txns.at(-1)?.invokedUs ?? 0),
    );
    if (!isMissed) return undefined;
    return {
      txns: rewritten(txns, (v, k, txn) =>
        txn.invokedUs > cutUs ? v.filter((each) => (after.get(`${k} ${each}`) ?? side(txn)) === side(txn)) : v,
      ),
      kinds: ['lost-append', 'incompatible-order'],
    };
  },
};

describe('one broken promise is found', () => {
  test.each(Object.keys(faults))('%s', (name) => {
    let tried = 0;
    fc.assert(
      fc.property(stories(every), fc.nat(), (story, pick) => {
        const broken = faults[name]?.(perform(story), pick);
        if (broken === undefined) return;
        tried += 1;
        const seen = kinds(findAnomalies(broken.txns));
        expect(
          seen.some((kind) => broken.kinds.includes(kind)),
          seen.join(),
        ).toBe(true);
      }),
      { numRuns: 500 },
    );
    expect(tried).toBeGreaterThan(100);
  });
});

test('a long history takes time in proportion to its length', () => {
  const clients = 16;
  const long = (n: number): Txn[] => {
    const lists = new Map<number, number[]>();
    return Array.from({ length: n }, (_, index): Txn => {
      const k = Math.floor(index / 200);
      const list = lists.get(k) ?? [];
      const ops = index % 2 === 0 ? [append(k, index)] : [read(k, ...list)];
      if (index % 2 === 0) lists.set(k, [...list, index]);
      return {
        index,
        client: index % clients,
        op: Math.floor(index / clients),
        isolation: 'serializable',
        outcome: 'ok',
        ops,
        invokedUs: index * 10,
        endedUs: index * 10 + 5,
        wallMs: 0,
      };
    });
  };
  const begun = performance.now();
  expect(findAnomalies(long(50_000))).toEqual([]);
  expect(performance.now() - begun).toBeLessThan(60_000);
});
