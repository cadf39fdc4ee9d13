import type { MicroOp, Txn } from '../../../src/testing/checker/history.ts';

const reads: ReadonlySet<MicroOp['f']> = new Set(['r', 'balances', 'row']);

/**
 * Without the transactions of some clients that only read: of those behind a proxy that no controller tells of a cut. It hears of one when a write meets the fence; until
 * then it reads where the data were.
 */
export function withoutReadsOf(txns: readonly Txn[], isBehindIt: (client: number) => boolean): readonly Txn[] {
  return txns
    .filter(
      ({ client, outcome, ops }) => !(isBehindIt(client) && outcome === 'ok' && ops.every(({ f }) => reads.has(f))),
    )
    .map((txn, index) => Object.freeze({ ...txn, index }));
}
