import { expect, test } from 'vitest';
import { decideBatches } from './committed.ts';
import type { RecordBatch } from './record-batch.ts';

function batch(
  baseOffset: bigint,
  producerId: bigint,
  kind: 'plain' | 'transactional' | 'control',
  length = 1n,
): RecordBatch {
  return {
    baseOffset,
    lastOffset: baseOffset + length - 1n,
    compression: 0,
    hasLogAppendTime: false,
    isTransactional: kind !== 'plain',
    isControl: kind === 'control',
    baseTimestamp: 0n,
    maxTimestamp: 0n,
    producerId,
    count: 0,
    body: Buffer.alloc(0),
  };
}

function committed(batches: readonly RecordBatch[], aborted: Parameters<typeof decideBatches>[1]): bigint[] {
  return [...decideBatches(batches, aborted)].filter((each) => each.isCommitted).map((each) => each.batch.baseOffset);
}

test('transactions of several producers, one within the other', () => {
  const batches = [
    batch(0n, 1n, 'transactional'),
    batch(1n, 2n, 'transactional'),
    batch(2n, -1n, 'plain'),
    batch(3n, 1n, 'transactional'),
    batch(4n, 1n, 'control'),
    batch(5n, 2n, 'transactional'),
    batch(6n, 2n, 'control'),
    batch(7n, 1n, 'transactional'),
    batch(8n, 1n, 'control'),
  ];
  expect(committed(batches, [{ producerId: 1n, firstOffset: 0n }])).toEqual([1n, 2n, 5n, 7n]);
  expect(committed(batches, [{ producerId: 2n, firstOffset: 1n }])).toEqual([0n, 2n, 3n, 7n]);
  // In whatever order they are told.
  expect(
    committed(batches, [
      { producerId: 1n, firstOffset: 7n },
      { producerId: 2n, firstOffset: 1n },
    ]),
  ).toEqual([0n, 2n, 3n]);
});

test('a transaction that was aborted began before what was asked for', () => {
  const batches = [batch(10n, 1n, 'transactional'), batch(11n, 1n, 'control'), batch(12n, 1n, 'transactional')];
  expect(committed(batches, [{ producerId: 1n, firstOffset: 3n }])).toEqual([12n]);
});

test('what is of no transaction is never of an aborted one', () => {
  expect(committed([batch(0n, 1n, 'plain')], [{ producerId: 1n, firstOffset: 0n }])).toEqual([0n]);
});

test('a transaction that begins within a batch of several records', () => {
  expect(committed([batch(5n, 1n, 'transactional', 4n)], [{ producerId: 1n, firstOffset: 5n }])).toEqual([]);
});
