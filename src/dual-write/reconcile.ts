import { must } from '../kernel/assert.ts';
import { isTealError, TealError } from '../kernel/errors.ts';
import { tableKey, type TableName } from '../model/catalog.ts';
import type { ProbedRow, Repairer, RowProbe, RowRepair, SideAccess, TextValues } from '../ports/digester.ts';
import type { RowDifference } from '../verify/differences.ts';
import { pairTables, type TablePair } from '../verify/pair-tables.ts';
import { recheck } from '../verify/recheck.ts';
import { comparePairs, sameHashes } from '../verify/same-position.ts';

export interface ReconcileOptions {
  /** Whose rows are right. */
  readonly live: SideAccess;
  readonly other: SideAccess;
  readonly liveProbe: RowProbe;
  readonly otherProbe: RowProbe;
  /** Resolves when every write to the live side that is committed by now has been made on the other one, or has failed for good. */
  readonly caughtUp: (signal: AbortSignal) => Promise<void>;
  readonly tables: readonly TableName[];
  /** Undefined: it only tells. */
  readonly repairer?: Repairer;
  /** Rows of a table that are looked at one by one. */
  readonly keep: number;
  readonly onProgress?: (consistency: Consistency) => void;
  readonly signal: AbortSignal;
}

/** So far. A row counts as consistent when both sides had it alike, or a write that was under way explained the difference. */
export interface Consistency {
  /** Rows of the live side, and those that it lacks. */
  readonly rows: bigint;
  /** Differed in the comparison, which looks at each side at a moment of its own. */
  readonly seen: number;
  /** Differ though nothing is under way. */
  readonly different: number;
  readonly repaired: number;
  /** Change too often to tell, or have changed while they were repaired: the next round tells. */
  readonly unsettled: number;
  /** Of `rows`, 0 to 1: those that are not `different` and not `unsettled`. Before any repair. */
  readonly rate: number;
}

/**
 * Finds what still differs, and repairs it. Both sides are compared whole, in snapshots of their own while writes go on; then each row that differed is looked at again until no write explains it.
 * Errors: TEAL-DUALWRITE-001, those of the sides.
 */
export async function reconcile(options: ReconcileOptions): Promise<Consistency> {
  const { live, other, signal, keep } = options;
  const [liveFacts, otherFacts, liveCatalog, otherCatalog] = await Promise.all([
    live.facts(),
    other.facts(),
    live.describe(),
    other.describe(),
  ]);
  const { pairs, absent } = pairTables(liveCatalog, otherCatalog, options.tables, { liveSide: live.side });
  const unlike = [
    ...absent.map(({ name }) => name),
    ...pairs.filter((pair) => pair.live.key.length === 0).map(({ name }) => name),
  ];
  if (unlike.length > 0) throw refused('not on both sides, or without a key', unlike);
  await using taken = new AsyncDisposableStack();
  const snapshot = { signal, lockTimeoutMs: 10_000 };
  const snapshots = {
    live: taken.use(await live.openNow(snapshot)),
    other: taken.use(await other.openNow(snapshot)),
  };
  const outcomes = await comparePairs(pairs, snapshots, sameHashes(liveFacts, otherFacts), {
    live,
    other,
    signal,
    keep,
    values: true,
  });
  await taken.disposeAsync();
  const tally = new Tally(options);
  for (const outcome of outcomes) {
    if (outcome.outcome === 'unsettled' || outcome.outcome === 'absent') throw refused(outcome.reason, [outcome.name]);
    tally.add(
      (outcome.live?.rows ?? 0n) + BigInt(outcome.outcome === 'differs' ? outcome.differences.missingOnLive : 0),
    );
  }
  for (const outcome of outcomes) {
    if (outcome.outcome !== 'differs') continue;
    if (outcome.differences.truncated) throw refused('more rows differ than are looked at', [outcome.name]);
    const pair = must(outcome.pair, 'the pair of a table that differs');
    for (const difference of outcome.differences.kept) await lookAgain(pair, keyOf(pair, difference), options, tally);
  }
  return tally.now;
}

function refused(why: string, tables: readonly TableName[]): TealError {
  return new TealError('TEAL-DUALWRITE-001', `${why}: ${tables.map(tableKey).join(', ')}`, {
    tables: tables.map(tableKey),
  });
}

class Tally {
  #counts = { rows: 0n, seen: 0, different: 0, repaired: 0, unsettled: 0 };
  readonly #tell: ReconcileOptions['onProgress'];

  constructor({ onProgress }: ReconcileOptions) {
    this.#tell = onProgress;
  }

  get now(): Consistency {
    const { rows, different, unsettled } = this.#counts;
    return { ...this.#counts, rate: rows === 0n ? 1 : 1 - (different + unsettled) / Number(rows) };
  }

  add(rows: bigint): void {
    this.#counts.rows += rows;
  }

  count(...what: readonly ('seen' | 'different' | 'repaired' | 'unsettled')[]): void {
    for (const each of what) this.#counts[each] += 1;
    this.#tell?.(this.now);
  }
}

function keyOf({ live }: TablePair, difference: RowDifference): TextValues {
  const values = must(
    difference.kind === 'missing' ? difference.values : difference.live,
    'the values of a row that differs',
  );
  return live.key.map((name) => values[live.columns.findIndex((column) => column.name === name)] ?? null);
}

async function lookAgain(pair: TablePair, key: TextValues, options: ReconcileOptions, tally: Tally): Promise<void> {
  const { liveProbe: live, otherProbe: other, signal, caughtUp, repairer } = options;
  const found = await recheck({ pair, key, live, other, signal, waitApplied: async (_, until) => caughtUp(until) });
  if (found !== 'different') {
    tally.count('seen', ...(found === 'unsettled' ? (['unsettled'] as const) : []));
    return;
  }
  tally.count('seen', 'different');
  if (repairer === undefined) return;
  const change = repairOf(pair, await live.row(pair.live, key), await other.row(pair.other, key));
  if (change === undefined) return;
  tally.count(await repair(repairer, pair, change, signal));
}

/** What makes the other row as the live one; nothing where they are alike by now. */
export function repairOf(pair: TablePair, live: ProbedRow | null, other: ProbedRow | null): RowRepair | undefined {
  if (live === null) return other === null ? undefined : { kind: 'delete', before: other.values };
  if (other === null) return { kind: 'insert', after: live.values };
  const columns = pair.other.columns.filter(({ generated }, at) => !generated && live.values[at] !== other.values[at]);
  if (columns.length === 0) return undefined;
  return { kind: 'update', before: other.values, after: live.values, columns: columns.map(({ name }) => name) };
}

/** Each row is a transaction of its own: one that has changed meanwhile, or was written by a second write, keeps no other from being repaired. */
async function repair(
  repairer: Repairer,
  pair: TablePair,
  change: RowRepair,
  signal: AbortSignal,
): Promise<'repaired' | 'unsettled'> {
  try {
    await repairer.apply([{ table: pair.other, changes: [change] }], signal);
    return 'repaired';
  } catch (error) {
    if (isTealError(error, 'TEAL-VERIFY-005') || isUniqueViolation(error)) return 'unsettled';
    throw error;
  }
}

/** `unique_violation` of PostgreSQL; ER_DUP_ENTRY of MySQL, whose state 23000 is that of other constraints too. */
function isUniqueViolation(error: unknown): boolean {
  return isTealError(error) && (error.facts['sqlState'] === '23505' || error.facts['number'] === duplicateEntry);
}

const duplicateEntry = 1062;
