import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { must } from '../kernel/assert.ts';
import { sleep, waitFor } from '../kernel/clock.ts';
import { TealError } from '../kernel/errors.ts';
import { asPosition, type Position } from '../model/position.ts';
import type { StreamEvent } from '../model/change.ts';
import type { ChangeRecord, ChangeSource, ChangeStream, StreamStart } from '../ports/change-source.ts';
import { Receiver, errorOfFailure, failureOf, retryPauseMs, type ReceiverReport } from './receiver.ts';
import { SpoolReader } from './spool-reader.ts';
import { SpoolWriter, segmentBytesFor } from './spool-writer.ts';

const place = (number: number): Position => asPosition(String(number).padStart(8, '0'));

function transaction(end: number, bytes = 10): ChangeRecord[] {
  return [
    { kind: 'begin', payload: Buffer.from('begin') },
    { kind: 'change', payload: Buffer.alloc(bytes) },
    { kind: 'commit', end: place(end), payload: Buffer.from(`commit ${place(end)}`) },
  ];
}

function decode(payload: Buffer): StreamEvent | undefined {
  const [word, end] = payload.toString('latin1').split(' ');
  return word === 'commit' ? { kind: 'commit', end: asPosition(end ?? '') } : undefined;
}

type Arrival = readonly ChangeRecord[] | TealError;

/** A source that gives what a test puts in, to whichever stream is open, and remembers how it was started and what was acknowledged. */
class ScriptedSource implements ChangeSource {
  readonly starts: StreamStart[] = [];
  readonly acknowledged: Position[] = [];
  readonly refusals: TealError[] = [];
  taken = 0;
  #arrivals: Arrival[] = [];
  #wake: () => void = () => undefined;

  give(...arrivals: Arrival[]): void {
    this.#arrivals.push(...arrivals);
    this.#wake();
  }

  async start(from: StreamStart, signal: AbortSignal): Promise<ChangeStream> {
    this.starts.push(from);
    const refusal = this.refusals.shift();
    if (refusal !== undefined) throw refusal;
    const closed = new AbortController();
    const ends = AbortSignal.any([signal, closed.signal]);
    return {
      identity: 'source/1',
      canLeaveOutReplayed: true,
      next: async () => this.#next(ends),
      acknowledge: (position) => this.acknowledged.push(position),
      [Symbol.asyncDispose]: async () => closed.abort(),
    };
  }

  async #next(signal: AbortSignal): Promise<readonly ChangeRecord[]> {
    for (;;) {
      signal.throwIfAborted();
      const arrival = this.#arrivals.shift();
      if (arrival instanceof TealError) throw arrival;
      if (arrival !== undefined) {
        this.taken += 1;
        return arrival;
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
      await promise;
    }
  }
}

async function running(limitBytes = 1 << 30, acknowledges: 'received' | 'applied' = 'received') {
  const folder = await mkdtemp(join(tmpdir(), 'teal-receiver-'));
  const spool = await SpoolWriter.open({ folder, segmentBytes: segmentBytesFor(limitBytes) });
  const source = new ScriptedSource();
  const reports: ReceiverReport[] = [];
  const receiver = new Receiver({
    source,
    spool,
    initial: place(1),
    acknowledges,
    spoolLimitBytes: limitBytes,
    syncPauseMs: 1,
    maxRetryPauseMs: 5,
    report: (report) => reports.push(report),
  });
  const stop = new AbortController();
  let run: Promise<unknown> | undefined;
  const start = async (): Promise<unknown> => (run = receiver.run(stop.signal).catch((error: unknown) => error));
  const end = async (): Promise<void> => {
    stop.abort();
    await run;
    await spool[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  };
  onTestFinished(end);
  return { source, spool, receiver, reports, folder, start, end };
}

const until = async (what: string, look: () => boolean): Promise<true> =>
  waitFor({ what, timeoutMs: 60_000, everyMs: 2 }, () => look() || undefined);

describe('a receiver', () => {
  test('acknowledges whole transactions only, after they are in the spool', async () => {
    const { source, spool, start } = await running();
    void start();
    await until('the stream to begin', () => spool.received !== undefined);
    const begun = spool.totalBytes;
    const [begin, change, commit] = transaction(2);
    if (begin === undefined || change === undefined || commit === undefined) throw new Error('no transaction');
    source.give([begin, change]);
    await until('the open transaction to be taken', () => source.taken === 1 && spool.totalBytes > begun);
    expect(source.acknowledged.every((position) => position === place(1))).toBe(true);
    source.give([commit, { kind: 'mark', end: place(5) }]);
    await until('the mark to be acknowledged', () => source.acknowledged.includes(place(5)));
    expect(spool.received).toBe(place(5));
    expect([...source.acknowledged].sort()).toEqual(source.acknowledged);
  });

  test('goes on from what it has after a lost connection, and refuses another source', async () => {
    const { source, reports, start } = await running();
    source.refusals.push(new TealError('TEAL-SYSTEMS-022', 'an old reader is there still'));
    void start();
    source.give(transaction(2), [...transaction(3), ...transaction(4).slice(0, 2)]);
    await until('both batches', () => source.taken === 2);
    source.give(new TealError('TEAL-SYSTEMS-006', 'cut'), transaction(4));
    await until('the third', () => source.acknowledged.includes(place(4)));
    expect(source.starts).toEqual([
      { after: place(1) },
      { after: place(1) },
      { after: place(3), identity: 'source/1' },
    ]);
    const failures = reports.flatMap((report) => (report.kind === 'connecting' ? [report.failure?.code] : []));
    expect(failures).toEqual([undefined, 'TEAL-SYSTEMS-022', 'TEAL-SYSTEMS-006']);
  });

  test('lets replayed transactions be left out where the applier has judged all that was received, until the next owner row', async () => {
    const { source, spool, receiver, reports, start } = await running();
    const decided = (end: number): ChangeRecord[] =>
      transaction(end).map((record) => (record.kind === 'commit' ? { ...record, decides: true } : record));
    const lastStart = (): StreamStart => must(source.starts.at(-1), 'a start');
    void start();
    source.give(decided(2));
    await until('the first decision', () => spool.received === place(2));
    // What the applier had judged then says nothing of what came after it.
    receiver.leaveOutReplayed(place(1));
    source.give(transaction(3));
    await until('the next', () => spool.received === place(3));
    expect(source.starts.length).toBe(1);
    receiver.leaveOutReplayed(place(2));
    await until('another stream', () => source.starts.length === 2);
    expect(lastStart()).toEqual({ after: place(3), identity: 'source/1', leaveOutReplayed: true });
    // What comes in one piece with the decision may lack something: it is asked for anew.
    source.give([...transaction(4), ...decided(5), ...transaction(7)]);
    await until('a whole stream', () => source.starts.length === 3);
    expect(lastStart()).toEqual({ after: place(5), identity: 'source/1' });
    source.give([...transaction(6), ...transaction(7)]);
    await until('all of it', () => spool.received === place(7));
    receiver.leaveOutReplayed(place(4));
    receiver.leaveOutReplayed(place(6));
    await until('the fourth stream', () => source.starts.length === 4);
    receiver.leaveOutReplayed(undefined);
    await until('the fifth stream', () => source.starts.length === 5);
    expect(source.starts.map(({ leaveOutReplayed = false }) => leaveOutReplayed)).toEqual([
      false,
      true,
      false,
      true,
      false,
    ]);
    expect(reports.filter(({ kind }) => kind === 'connecting').length).toBe(1);
  });

  test('has the source keep what is not applied, where another machine may have to go on, also over a lost connection', async () => {
    const { source, spool, receiver, start } = await running(1 << 30, 'applied');
    void start();
    source.give(transaction(2), transaction(3), transaction(4));
    await until('all three', () => spool.received === place(4));
    receiver.applied(place(2));
    await until('the first to be acknowledged', () => source.acknowledged.includes(place(2)));
    receiver.applied(place(1));
    source.give(new TealError('TEAL-SYSTEMS-006', 'cut'), transaction(5));
    await until('the last', () => spool.received === place(5));
    expect(source.starts).toEqual([
      { after: place(1), acknowledged: place(1) },
      { after: place(4), identity: 'source/1', acknowledged: place(2) },
    ]);
    expect(source.acknowledged.every((position) => position <= place(2))).toBe(true);
    // What a target tells that applies ahead of the spool is not on disk here.
    receiver.applied(place(9));
    await until('no more than what is in the spool', () => source.acknowledged.includes(place(5)));
    expect(source.acknowledged.every((position) => position <= place(5))).toBe(true);
  });

  test('ends with an error that trying again does not heal', async () => {
    const { source, start } = await running();
    const lost = new TealError('TEAL-SYSTEMS-021', 'WAL is gone');
    source.refusals.push(lost);
    expect(await start()).toBe(lost);
    expect(source.starts.length).toBe(1);
  });

  test('stops reading at the bound of the spool, also inside a transaction, until there is room', async () => {
    const { source, spool, receiver, reports, start } = await running(1_000);
    void start();
    const isFull = (): boolean => reports.findLast((report) => report.kind === 'progress')?.full === true;
    source.give(transaction(2, 400), transaction(3, 700).slice(0, 2), transaction(3).slice(2), transaction(4));
    await until('the spool to be full', isFull);
    expect([source.taken, spool.received]).toEqual([2, place(2)]);
    expect(spool.totalBytes).toBeGreaterThan(1_000);
    receiver.removed(spool.closedBytes);
    await until('the rest', () => spool.received === place(4));
    expect(isFull()).toBe(false);
  });

  test('receives a transaction that is larger than the bound once nothing else is in the spool', async () => {
    const { source, spool, receiver, reports, start } = await running(1_000);
    void start();
    const isFull = (): boolean => reports.findLast((report) => report.kind === 'progress')?.full === true;
    const changes = Array.from({ length: 10 }, (): ChangeRecord[] => [{ kind: 'change', payload: Buffer.alloc(500) }]);
    source.give(transaction(2, 400), transaction(3).slice(0, 1), ...changes, transaction(3).slice(2), transaction(4));
    await until('the spool to be full', isFull);
    expect(spool.received).toBe(place(2));
    receiver.removed(spool.closedBytes);
    // It alone is more than the bound: what comes after it waits.
    await until('the large one', () => spool.received === place(3) && isFull());
    expect(source.taken).toBe(13);
    receiver.removed(spool.closedBytes);
    await until('the rest', () => spool.received === place(4));
  });

  test('keeps the bound with a reader behind it, wherever reads end', async () => {
    const batches = fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 1_500 }), cut: fc.nat(2) }), {
      minLength: 1,
    });
    await fc.assert(
      fc.asyncProperty(batches, async (sizes) => {
        const limit = 2_000;
        const { source, spool, receiver, folder, start, end } = await running(limit);
        void start();
        await until('the stream to begin', () => spool.readable !== undefined);
        let largest = 0;
        for (const [index, { bytes, cut }] of sizes.entries()) {
          const records = transaction(index + 2, bytes);
          source.give(records.slice(0, cut), records.slice(cut));
        }
        const readable = must(spool.readable, 'a spool');
        const last = place(sizes.length + 1);
        {
          await using reader = await SpoolReader.open({
            folder,
            decoder: { decode: (payload) => decode(payload) },
            readable,
            applied: place(1),
            onRemoved: (removed) => receiver.removed(removed),
          });
          for (let applied = place(1); applied < last;) {
            largest = Math.max(largest, spool.totalBytes);
            reader.extend(spool.readable ?? readable);
            if (!reader.hasMore()) await sleep(1);
            else
              for (const event of await reader.next(AbortSignal.timeout(5_000)))
                if (event.kind === 'commit') applied = event.end;
            reader.trimmed(applied);
          }
        }
        await end();
        // One batch beyond it: what a read brought when the bound was not met yet; and the heads of segments.
        expect(largest).toBeLessThanOrEqual(limit + 1_500 + 300);
      }),
      { numRuns: 30 },
    );
  });

  test('tells at once what an earlier run has received', async () => {
    const { source, spool, reports, start } = await running();
    await spool.beginStream('source/1', place(1));
    await spool.append(transaction(2));
    source.refusals.push(new TealError('TEAL-SYSTEMS-001', 'away'));
    void start();
    await until('an attempt', () => source.starts.length === 1);
    expect(reports[0]).toMatchObject({ kind: 'progress', received: place(2) });
  });
});

test('pauses grow to their bound, and differ', () => {
  for (let failures = 1; failures < 60; failures += 1) {
    const pause = retryPauseMs(failures, 15_000);
    expect(pause).toBeGreaterThanOrEqual(100);
    expect(pause).toBeLessThanOrEqual(15_000);
  }
  expect(retryPauseMs(1, 15_000)).toBeLessThanOrEqual(200);
  expect(retryPauseMs(50, 15_000)).toBeGreaterThanOrEqual(7_500);
});

test('a failure keeps its code and text on the way between threads', () => {
  const error = new TealError('TEAL-SYSTEMS-020', 'the slot does not exist');
  expect(errorOfFailure(failureOf(error))).toMatchObject({ code: error.code, message: error.message });
  expect(failureOf(new Error('oops'))).toEqual({ code: 'TEAL-KERNEL-001', reason: 'oops' });
});
