import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isTealError } from '../kernel/errors.ts';
import { PackedValues } from '../kernel/packed-values.ts';
import type { Relation, RowValues, StreamEvent } from '../model/change.ts';
import { asPosition, type Position } from '../model/position.ts';
import type { ApplySlice, KeptMode, Sink, SinkProgress, SinkStep, TableFit } from '../ports/sink.ts';
import { createApplier } from './applier.ts';
import type { EventSource } from './event-source.ts';

const at = (place: number): Position => asPosition(place.toString(16).padStart(16, '0'));

function relationOf(id: number, schema: string, name: string, columns: readonly string[]): Relation {
  return {
    id,
    schema,
    name,
    replicaIdentity: 'default',
    columns: columns.map((column, place) => ({ name: column, typeOid: 25, typeModifier: -1, key: place === 0 })),
  };
}
const managed = [relationOf(1, 'public', 'a', ['k']), relationOf(2, 'public', 'b', ['k'])] as const;
const heartbeats = relationOf(8, 'teal', 'heartbeat', ['side']);
const owners = relationOf(9, 'teal', 'owner', ['epoch', 'owner', 'cut']);
const cuts = relationOf(10, 'teal', 'cut', ['token', 'kind']);

type Sign = 'none' | 'fence' | 'reopened' | 'owner blue' | 'owner green' | 'owner green of old';

/** A transaction of the source; each row is a new one, so that the target tells what came twice and what never. */
interface Told {
  readonly rows: readonly (0 | 1)[];
  readonly sign: Sign;
  readonly ours: boolean;
  readonly beats: boolean;
}

interface Placed extends Told {
  readonly number: number;
  readonly epoch: number;
  readonly begins: number;
  readonly end: number;
}

/** Commits one after another, each from `begins` to `end` in the log. The last is a heartbeat, so that everything before it is written. */
function logOf(told: readonly Told[]): readonly Placed[] {
  let epoch = 0;
  return [...told, { rows: [], sign: 'none', ours: false, beats: true } satisfies Told].map((each, number) => {
    if (each.sign === 'owner blue' || each.sign === 'owner green') epoch += 1;
    const { rows, sign, ours, beats } = each;
    return { rows, sign, ours, beats, number, epoch, begins: 10 + number * 10, end: 15 + number * 10 };
  });
}

function eventsOf({ rows, sign, ours, beats, number, epoch, begins, end }: Placed): readonly StreamEvent[] {
  const text = (...values: readonly string[]): RowValues => PackedValues.of(values.map((value) => Buffer.from(value)));
  const signs: Readonly<Record<Sign, readonly StreamEvent[]>> = {
    none: [],
    fence: [{ kind: 'insert', relation: cuts, row: text(`t${number}`, 'cut') }],
    reopened: [{ kind: 'insert', relation: cuts, row: text(`t${number}`, 'reopened') }],
    'owner blue': [{ kind: 'insert', relation: owners, row: text(`${epoch}`, 'blue', 'c') }],
    'owner green': [{ kind: 'insert', relation: owners, row: text(`${epoch}`, 'green', 'c') }],
    'owner green of old': [{ kind: 'insert', relation: owners, row: text(`${epoch}`, 'green', 'c') }],
  };
  return [
    { kind: 'begin', xid: number, committedAtUs: BigInt(number), commitsAt: at(begins) },
    ...(ours ? [{ kind: 'origin', name: 'teal_m_rev' } as const] : []),
    ...signs[sign],
    ...rows.map((table, place): StreamEvent => ({
      kind: 'insert',
      relation: managed[table],
      row: text(`${number}.${place}`),
    })),
    ...(beats ? [{ kind: 'insert', relation: heartbeats, row: text('blue') } as const] : []),
    { kind: 'commit', end: at(end) },
  ];
}

interface Truth {
  readonly rows: readonly string[];
  readonly mode: KeptMode;
  readonly epoch: number;
  readonly rogueTransactions: number;
}

/** What the target holds once it has come to `end`, told without the applier's parts. */
function truthAt(log: readonly Placed[], starts: ReadonlyMap<number, Position>, end: Position): Truth {
  const rows: string[] = [];
  let mode: KeptMode = 'live';
  let epochSeen = 0;
  let rogueTransactions = 0;
  for (const { ours, sign, epoch, number, ...each } of log.filter((one) => at(one.end) <= end)) {
    const own = ours ? [] : each.rows.map((table, place) => ({ id: managed[table].id, row: `${number}.${place}` }));
    if (mode === 'live') {
      for (const { id, row } of own) if (at(each.end) > (starts.get(id) ?? at(0))) rows.push(row);
    } else if (own.length > 0) rogueTransactions += 1;
    if (sign.startsWith('owner') && epoch > epochSeen) {
      epochSeen = epoch;
      mode = sign === 'owner blue' ? 'live' : 'shadow';
    }
    if (!ours && sign === 'fence' && mode === 'live') mode = 'fenced';
    else if (!ours && sign === 'reopened' && mode === 'fenced') mode = 'live';
  }
  return { rows: rows.toSorted(), mode, epoch: epochSeen, rogueTransactions };
}

/** `refused`: nothing happened. `answer lost`: it happened. `target crashed`: what was not durable is gone as well. */
type Fault = 'refused' | 'answer lost' | 'target crashed';
class Crash extends Error {}

/** A target that keeps what it is given, loses what a real one may lose, and fails when the story says so. */
class ModelTarget {
  readonly commits: { readonly progress: SinkProgress; readonly rows: readonly string[] }[] = [];
  durable = at(0);
  #open: string[] = [];
  readonly #faults: ReadonlyMap<number, Fault>;
  #calls = 0;
  #isBusy = false;
  #turns = 1;
  readonly #last: Position;
  readonly arrived = Promise.withResolvers<void>();

  constructor(faults: ReadonlyMap<number, Fault>, last: Position) {
    this.#faults = faults;
    this.#last = last;
  }

  get progress(): SinkProgress | undefined {
    return this.commits.at(-1)?.progress;
  }

  rowsNow(): string[] {
    return this.commits.flatMap(({ rows }) => rows);
  }

  sink(): Sink {
    this.#open = [];
    this.#isBusy = false;
    return {
      progress: async (initial) =>
        this.#alone(() => {
          this.#open = [];
          if (this.commits.length === 0 && initial !== undefined) this.commits.push({ progress: initial, rows: [] });
          const { progress } = this;
          if (progress === undefined) throw new Crash('no progress');
          return progress;
        }),
      describe: async (relation) =>
        this.#alone((): TableFit => ({
          fits: true,
          table: { relation, written: [0], settable: [0], key: [0], uniques: [] },
        })),
      apply: async (slice) => this.#alone(() => this.#apply(slice)),
      abandon: async () =>
        this.#alone(() => {
          this.#open = [];
        }),
      durable: async (force) =>
        this.#alone(() => {
          expect(this.#open).toEqual([]);
          if (force) this.#makeDurable();
          return this.durable;
        }),
      [Symbol.asyncDispose]: async () => {
        this.#open = [];
      },
    };
  }

  /** Calls take their time, some more than others, and none may come while another one is under way. */
  async #alone<T>(call: () => T): Promise<T> {
    expect(this.#isBusy).toBe(false);
    this.#isBusy = true;
    this.#turns = (this.#turns * 5 + 3) % 16;
    for (let turn = 0; turn < this.#turns; turn += 1) await Promise.resolve();
    this.#isBusy = false;
    return call();
  }

  #makeDurable(): void {
    this.durable = this.progress?.applied ?? this.durable;
  }

  #apply({ steps, commit }: ApplySlice): Position {
    const fault = this.#faults.get((this.#calls += 1));
    if (fault === 'refused') {
      this.#open = [];
      throw new Crash(fault);
    }
    for (const step of steps) this.#open.push(...rowsOf(step));
    if (commit !== undefined) {
      this.commits.push({ progress: commit, rows: this.#open });
      this.#open = [];
      // The disk is some commits behind.
      if (this.#calls % 3 === 0) this.#makeDurable();
      if (commit.applied === this.#last && fault === undefined) this.arrived.resolve();
    }
    if (fault === undefined) return this.durable;
    this.#open = [];
    if (fault === 'target crashed') {
      while ((this.progress?.applied ?? this.durable) > this.durable) this.commits.pop();
    }
    throw new Crash(fault);
  }
}

function rowsOf(step: SinkStep): readonly string[] {
  if (step.kind === 'either') return step.quick.flatMap(rowsOf);
  return step.kind === 'insert' ? step.rows.map((row) => String(row.at(0))) : [];
}

interface Story {
  readonly told: readonly Told[];
  readonly starts: readonly number[];
  readonly faults: readonly (readonly [call: number, fault: Fault])[];
  /** How many events are ready at once, again and again. */
  readonly batches: readonly number[];
  /** Stops by the number of a transaction, one a run. */
  readonly stops: readonly number[];
  readonly rows: number;
}

const stories: fc.Arbitrary<Story> = fc.record({
  told: fc.array(
    fc.record({
      rows: fc.array(fc.constantFrom(0 as const, 1 as const), { maxLength: 6 }),
      sign: fc.constantFrom<Sign>(
        'none',
        'none',
        'none',
        'none',
        'fence',
        'reopened',
        'owner blue',
        'owner green',
        'owner green of old',
      ),
      ours: fc.constantFrom(false, false, false, true),
      beats: fc.boolean(),
    }),
    { minLength: 1, maxLength: 20 },
  ),
  starts: fc.array(fc.nat({ max: 10 }), { maxLength: 2 }),
  faults: fc.array(
    fc.tuple(fc.integer({ min: 1, max: 20 }), fc.constantFrom<Fault>('refused', 'answer lost', 'target crashed')),
    { maxLength: 5 },
  ),
  batches: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 5 }),
  stops: fc.array(fc.nat({ max: 20 }), { maxLength: 3 }),
  rows: fc.integer({ min: 1, max: 8 }),
});

/** The spool, from the last transaction that it may still have. */
function sourceFrom(
  log: readonly Placed[],
  from: Position,
  batches: readonly number[],
  trimmed: (to: Position) => void,
): EventSource {
  const events = log.filter(({ end }) => at(end) > from).flatMap(eventsOf);
  let taken = 0;
  let turn = 0;
  return {
    next: async (signal) => {
      if (taken === events.length)
        return new Promise((_, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
        );
      const batch = events.slice(taken, taken + (batches[turn % batches.length] ?? 1));
      turn += 1;
      taken += batch.length;
      return batch;
    },
    // Sometimes what comes next is not there yet.
    hasMore: () => taken < events.length && turn % 3 !== 0,
    trimmed,
  };
}

interface Seen {
  runs: number;
  stops: number;
}

async function live({ told, starts: startsAt, faults, batches, stops, rows }: Story, seen: Seen): Promise<void> {
  const log = logOf(told);
  const last = log.at(-1);
  if (last === undefined) return;
  const starts = new Map(startsAt.map((number, table) => [table + 1, at(log[number % log.length]?.end ?? 0)]));
  const target = new ModelTarget(new Map(faults), at(last.end));
  let trimmedTo = at(0);
  for (let run = 0; target.progress?.applied !== at(last.end) || run === 0; run += 1) {
    expect(run).toBeLessThan(30);
    seen.runs += 1;
    const ending = new AbortController();
    const applier = createApplier({
      stream: 'm.forward',
      flow: 'forward',
      migration: 'm',
      events: sourceFrom(log, trimmedTo, batches, (to) => {
        // What is forgotten here must not be lost there.
        expect(to <= target.durable).toBe(true);
        if (to > trimmedTo) trimmedTo = to;
      }),
      sink: target.sink(),
      managed: ({ schema }) => schema === 'public',
      initial: { applied: at(5), mode: 'live', epoch: 0, rogueTransactions: 0 },
      starts,
      limits: { rows, bytes: 1 << 20, ms: 50 },
    });
    const stop = stops[run];
    const stopped = stop === undefined ? undefined : stopOnce(at(log[stop % log.length]?.begins ?? 0));
    void target.arrived.promise.then(() => ending.abort());
    try {
      await applier.run(ending.signal);
    } catch (error) {
      if (!(error instanceof Crash) && !isTealError(error, 'TEAL-SYNC-115')) throw error;
    }
    ending.abort();
    await stopped;
    if (target.progress?.applied === at(last.end)) break;

    async function stopOnce(position: Position): Promise<void> {
      const before = target.progress?.applied ?? at(0);
      // Undefined: the applier ended before it came there.
      const place = await applier.stopAt(position, 60_000).catch(() => undefined);
      if (place === undefined) return;
      try {
        seen.stops += 1;
        expect(place).toBe(before > position ? before : position);
        expect(target.rowsNow().toSorted()).toEqual(truthAt(log, starts, place).rows);
        expect(target.durable).toBe(target.progress?.applied);
      } finally {
        applier.resume();
      }
    }
  }
  const { applied, rogueFirst: _, ...kept } = { rogueFirst: undefined, ...target.progress };
  const { rows: due, ...state } = truthAt(log, starts, applied ?? at(0));
  expect(target.rowsNow().toSorted()).toEqual(due);
  expect(kept).toMatchObject(state);
}

describe('an applier beside a model of its target', () => {
  test('brings every transaction once, through crashes, lost answers, large transactions, stops and changes of the owner', async () => {
    const seen: Seen = { runs: 0, stops: 0 };
    const numRuns = 250;
    await fc.assert(
      fc.asyncProperty(stories, async (story) => live(story, seen)),
      { numRuns },
    );
    expect(seen.runs).toBeGreaterThan(numRuns * 1.5);
    expect(seen.stops).toBeGreaterThan(numRuns / 8);
  });
});
