import { waitFor } from '../../src/kernel/clock.ts';
import { isTealError } from '../../src/kernel/errors.ts';
import type { Table, TableName } from '../../src/model/catalog.ts';
import type { StreamEvent } from '../../src/model/change.ts';
import { asPosition, type Position } from '../../src/model/position.ts';
import type { SideAccess } from '../../src/ports/digester.ts';
import type { Sink } from '../../src/ports/sink.ts';
import type { CopyTarget, SnapshotKeeper } from '../../src/ports/snapshot-source.ts';
import { createApplier } from '../../src/sync/applier.ts';
import { copyInEpochs } from '../../src/sync/epochs.ts';
import { verifySamePosition } from '../../src/verify/same-position.ts';
import { Feed } from '../apply/feed.ts';
import type { Form } from './forms.ts';

/** What is done with values that have no form on the target: told as an error, or what the user chose. */
export type Choice = 'stop' | 'policy';

/** A column, by the number of its row: what a plain SELECT shows. */
export type Shown = ReadonlyMap<number, string | null>;

/** A transaction of the source's, or the code of the error that reading it is. */
export type Transaction = readonly StreamEvent[] | string;

/** Two systems between which values travel, by the pieces that the app composes and without its processes. All tables are in the schema `moving`. */
export interface MovingPair {
  /** Whether a policy of the user's can change values on their way. */
  readonly hasPolicy: boolean;
  /** One statement on the source, as loosely as its settings let a session write. Why the server refuses it; undefined where it does not. */
  write(sql: string): Promise<string | undefined>;
  /** Describes what is on the source, and makes the same on the target. */
  makeTarget(): Promise<readonly Table[]>;
  snapshots(tables: readonly Table[], choice: Choice): Promise<SnapshotKeeper & AsyncDisposable>;
  readonly copyTarget: CopyTarget;
  /** Where the stream is. */
  mark(): Promise<Position>;
  /** What came after the position, of these tables. */
  read(after: Position, tables: readonly TableName[], choice: Choice): Promise<readonly Transaction[]>;
  /** `stream` is the same each time. */
  openSink(stream: string): Promise<Sink>;
  /** Of that stream, as the target holds it; empty before the first. */
  progress(): Promise<string>;
  sides(): { readonly blue: SideAccess; readonly green: SideAccess };
  look(side: 'source' | 'target', table: string, column: string, form: Form): Promise<Shown>;
  /** Takes the rows and the records of a copy from the target. */
  forgetCopy(table: string): Promise<void>;
  /** As the target's catalog writes it. */
  targetType(table: string, column: string): Promise<string>;
}

const signal = new AbortController().signal;

/** Of all tables that move here. */
export const schema = 'moving';

/** Answers where the stream goes on from the copy. */
export async function copy(pair: MovingPair, tables: readonly Table[], choice: Choice): Promise<Position> {
  await using keeper = await pair.snapshots(tables, choice);
  return await copyFrom(pair, keeper, tables);
}

/** Under the snapshot that the keeper holds, or takes. */
export async function copyFrom(pair: MovingPair, keeper: SnapshotKeeper, tables: readonly Table[]): Promise<Position> {
  let after = '';
  await copyInEpochs({
    keeper,
    target: pair.copyTarget,
    tables,
    workers: 2,
    signal,
    onEpoch: async () => {
      after = (await keeper.held(signal))?.source.snapshot ?? '';
    },
  });
  return asPosition(after);
}

/** The code by which the flow stopped; undefined when it applied everything. */
export async function apply(
  pair: MovingPair,
  transactions: readonly Transaction[],
  after: Position,
): Promise<string | undefined> {
  const refused = transactions.find((transaction) => typeof transaction === 'string');
  if (typeof refused === 'string') return refused;
  const events = transactions.flatMap((transaction) => (typeof transaction === 'string' ? [] : transaction));
  const end = events.findLast((event) => event.kind === 'commit')?.end;
  if (end === undefined) throw new Error('nothing came');
  const stream = 'moving_fwd';
  await using sink = await pair.openSink(stream);
  const feed = new Feed();
  const applier = createApplier({
    stream,
    flow: 'forward',
    migration: 'moving',
    events: feed,
    sink,
    managed: (table) => table.schema === schema,
    initial: { applied: after, mode: 'live', epoch: 0, rogueTransactions: 0 },
    lookEveryMs: 50,
  });
  const stop = new AbortController();
  const running = applier.run(stop.signal).then(
    () => undefined,
    (error: unknown) => error,
  );
  feed.push(events);
  const reached = waitFor({ what: 'the flow', timeoutMs: 240_000, everyMs: 5 }, async () => {
    if (stop.signal.aborted) return 'ended';
    const { now } = applier.status();
    if (now.state === 'waiting') return now.code;
    return (await pair.progress()) >= end ? 'applied' : undefined;
  });
  try {
    const ended = await Promise.race([running, reached]);
    if (ended === 'applied') return undefined;
    return typeof ended === 'string' ? ended : codeOf(ended);
  } finally {
    stop.abort();
    await running;
    await reached.catch(() => undefined);
  }
}

/** The code of an error of Teal's; any other is thrown on. */
export function codeOf(error: unknown): string {
  if (isTealError(error)) return error.code;
  throw error;
}

/** Where verification finds a difference: `table`, or `table.column` where it can tell. */
export async function differences(pair: MovingPair, tables: readonly Table[]): Promise<ReadonlySet<string>> {
  const { blue, green } = pair.sides();
  const result = await verifySamePosition({
    migration: 'moving',
    flow: 'forward',
    live: blue,
    other: green,
    tables,
    stopAt: async (position) => position,
    resume: async () => undefined,
    signal,
  });
  return new Set(
    result.tables.flatMap((table) => {
      if (table.outcome === 'equal') return [];
      const found = table.outcome === 'differs' ? Object.keys(table.differences.columns) : [];
      return found.length === 0 ? [table.name.name] : found.map((column) => `${table.name.name}.${column}`);
    }),
  );
}
