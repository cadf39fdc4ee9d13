import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { waitFor } from '../kernel/clock.ts';
import { PackedValues } from '../kernel/packed-values.ts';
import type { Relation, StreamEvent } from '../model/change.ts';
import { asPosition, type Position } from '../model/position.ts';
import type { Sink, SinkProgress } from '../ports/sink.ts';
import { createApplier } from './applier.ts';

const at = (place: number): Position => asPosition(place.toString(16).padStart(16, '0'));
const relation: Relation = {
  id: 1,
  schema: 'public',
  name: 'a',
  replicaIdentity: 'default',
  columns: [{ name: 'k', typeOid: 25, typeModifier: -1, key: true }],
};

function transaction(number: number): readonly StreamEvent[] {
  return [
    { kind: 'begin', xid: number, committedAtUs: 0n, commitsAt: at(number * 10 + 1) },
    { kind: 'insert', relation, row: PackedValues.of([Buffer.from(String(number))]) },
    { kind: 'commit', end: at(number * 10 + 2) },
  ];
}

function sinkFrom(progress: SinkProgress): Sink {
  let reached = progress.applied;
  return {
    progress: async () => progress,
    describe: async () => ({
      fits: true,
      table: { relation, written: [0], settable: [0], key: [0], uniques: [] },
    }),
    apply: async ({ commit }) => (reached = commit?.applied ?? reached),
    abandon: async () => undefined,
    durable: async () => reached,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

test('an applier that nobody asks to stop keeps nothing of what it has applied', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const batches = 200;
  const given: WeakRef<readonly StreamEvent[]>[] = [];
  const stop = new AbortController();
  const applier = createApplier({
    stream: 'm.forward',
    flow: 'forward',
    migration: 'm',
    events: {
      // One at a time, so that the applier waits for each.
      next: async (signal) => {
        await new Promise((resolve) => setImmediate(resolve));
        if (given.length < batches) {
          const batch = transaction(given.length + 1);
          given.push(new WeakRef(batch));
          return batch;
        }
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
      },
      hasMore: () => false,
      trimmed: () => undefined,
    },
    sink: sinkFrom({ applied: at(1), mode: 'live', epoch: 0, rogueTransactions: 0 }),
    managed: () => true,
  });
  const running = applier.run(stop.signal);
  await waitFor({ what: 'everything to be applied', timeoutMs: 60_000 }, () =>
    applier.status().transactions === batches ? true : undefined,
  );
  collect();
  expect(given.filter((batch) => batch.deref() !== undefined).length).toBeLessThan(10);
  stop.abort();
  await running;
});
