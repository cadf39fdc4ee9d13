import { isoNow, monotonicMs } from '../kernel/clock.ts';
import { isTealError } from '../kernel/errors.ts';
import type { Side, TableName } from '../model/catalog.ts';
import type { Flow } from '../ports/carrier.ts';
import type { DigestForm, DigestReader, HeldSnapshot, SideAccess, SideFacts } from '../ports/digester.ts';
import { certificateOf, outcomeOfAbsent } from './certify.ts';
import type { Certificate } from './certificate.ts';
import { findDifferences } from './differences.ts';
import type { TableOutcome } from './outcome.ts';
import { openSnapshotPair, type HoldOptions } from './hold.ts';
import { compareObjects } from './objects.ts';
import { pairTables, type TablePair } from './pair-tables.ts';
import { scanTables, type ScannedSide, type ScanResult, type SideReaders } from './scan.ts';

export interface VerifyOptions extends Omit<HoldOptions, 'leaseMs' | 'lockTimeoutMs'> {
  readonly migration: string;
  /** Of the carrier: forward when blue is live, reverse when green is. */
  readonly flow: Flow;
  /** Tables that hold rows themselves: leaves of partitions, not their parents. */
  readonly tables: readonly TableName[];
  /** Connections a side; default 2. */
  readonly readers?: number;
  /** Longest stand-still of the carrier; default 30 000. */
  readonly leaseMs?: number;
  /** Longest wait for the write transactions that run on the live side; default 60 000. */
  readonly lockTimeoutMs?: number;
  /** Differences described row by row, a table; default 1 000. The counts are of all. */
  readonly keep?: number;
  /** Keep the values of whole rows in the result (never in the certificate); see `FindOptions`. Default: of none. */
  readonly values?: boolean | 'shown';
  /** By `schema.table`. The certificate then says that it is of reduced precision, and lists them. */
  readonly excludeColumns?: Readonly<Record<string, readonly string[]>>;
  readonly onProgress?: (progress: VerifyProgress) => void;
}

export type VerifyProgress =
  | { readonly phase: 'snapshot' }
  | {
      readonly phase: 'scan';
      readonly side: Side;
      readonly rows: bigint;
      readonly done: number;
      readonly total: number;
    }
  | { readonly phase: 'locate'; readonly table: TableName; readonly done: number; readonly total: number };

export interface VerifyResult {
  readonly certificate: Certificate;
  readonly tables: readonly TableOutcome[];
}

type BothReaders = Readonly<Record<ScannedSide, SideReaders>>;

/** Above this many differing buckets the quick form is asked again as text: a version that writes a type differently shows in all of them. */
const fewBuckets = 64;

/**
 * Compares both sides at one position of the live side's log (correctness.md §5.1), table by table, and says exactly which rows differ.
 *
 * A difference is only reported after the texts of the rows differed; a table is only called equal when the count and two sums of 128-bit hashes of all its
 * rows agree, in every bucket. Rejects with TEAL-VERIFY-002 when the position could not be held, with the abort's reason, or with an error of a side; then
 * nothing is left behind, and the carrier was told to go on.
 */
export async function verifySamePosition(options: VerifyOptions): Promise<VerifyResult> {
  return certifying(options, async ({ pairs, quickIsComparable }) => {
    await using snapshots = await openSnapshotPair({
      ...options,
      leaseMs: options.leaseMs ?? 30_000,
      lockTimeoutMs: options.lockTimeoutMs ?? 60_000,
    });
    const tables = await comparePairs(pairs, snapshots, quickIsComparable, options);
    return { tables, live: snapshots.live, other: snapshots.other, heldMs: snapshots.heldMs };
  });
}

export type CertifyOptions = Omit<VerifyOptions, 'stopAt' | 'resume' | 'leaseMs'>;

/** What a comparison found, and in which snapshots; they may be gone. */
export interface Compared {
  readonly tables: readonly TableOutcome[];
  readonly live: Pick<HeldSnapshot, 'position' | 'takenAt'>;
  readonly other: Pick<HeldSnapshot, 'position' | 'takenAt'>;
  readonly heldMs: number;
}

/** A comparison, however it is made, with what both sides are and the certificate of it. */
export async function certifying(
  options: CertifyOptions,
  compare: (between: {
    readonly pairs: readonly TablePair[];
    readonly quickIsComparable: boolean;
  }) => Promise<Compared>,
): Promise<VerifyResult> {
  const startedAt = isoNow();
  const began = monotonicMs();
  const { live, other, excludeColumns = {} } = options;
  const [ofLive, ofOther] = await Promise.all([readSide(live), readSide(other)]);
  const pairing = pairTables(ofLive.catalog, ofOther.catalog, options.tables, {
    liveSide: live.side,
    excludeColumns,
  });

  options.onProgress?.({ phase: 'snapshot' });
  const compared = await compare({
    pairs: pairing.pairs,
    quickIsComparable: sameHashes(ofLive.facts, ofOther.facts),
  });
  const tables = [...compared.tables, ...pairing.absent.map((table) => outcomeOfAbsent(table, live.side))];
  return {
    tables,
    certificate: certificateOf({
      migration: options.migration,
      flow: options.flow,
      startedAt,
      durationMs: Math.round(monotonicMs() - began),
      heldMs: compared.heldMs,
      live: { side: live.side, facts: ofLive.facts, snapshot: compared.live },
      other: { side: other.side, facts: ofOther.facts, snapshot: compared.other },
      tables,
      objects: compareObjects(
        { side: live.side, major: ofLive.facts.major, objects: ofLive.objects },
        { side: other.side, major: ofOther.facts.major, objects: ofOther.objects },
      ),
    }),
  };
}

async function readSide(side: SideAccess): Promise<{
  readonly facts: SideFacts;
  readonly catalog: Awaited<ReturnType<SideAccess['describe']>>;
  readonly objects: Awaited<ReturnType<SideAccess['objects']>>;
}> {
  const [facts, catalog, objects] = await Promise.all([side.facts(), side.describe(), side.objects()]);
  return { facts, catalog, objects };
}

export function sameHashes(live: SideFacts, other: SideFacts): boolean {
  return live.hashProbe === other.hashProbe;
}

export type CompareOptions = Pick<
  VerifyOptions,
  'live' | 'other' | 'signal' | 'readers' | 'keep' | 'values' | 'onProgress'
>;

/** The comparison alone, of two snapshots that are known to belong together. */
export async function comparePairs(
  pairs: readonly TablePair[],
  snapshots: { readonly live: HeldSnapshot; readonly other: HeldSnapshot },
  quickIsComparable: boolean,
  options: CompareOptions,
): Promise<readonly TableOutcome[]> {
  // A side that fails ends the statements of the other: no one waits for an answer that nobody will read.
  const failing = new AbortController();
  const signal = AbortSignal.any([options.signal, failing.signal]);
  await using opened = new AsyncDisposableStack();
  const open = (snapshot: HeldSnapshot): readonly Promise<DigestReader>[] =>
    Array.from({ length: options.readers ?? 2 }, async () => opened.use(await snapshot.reader(signal)));
  const [live, other] = [open(snapshots.live), open(snapshots.other)];
  // Each is there or has failed before any error ends what is opened.
  await Promise.allSettled([...live, ...other]);
  const sides = {
    live: { snapshot: snapshots.live, readers: await Promise.all(live) },
    other: { snapshot: snapshots.other, readers: await Promise.all(other) },
  };
  const onFailure = (error: unknown): void => failing.abort(error);
  return await compareAll(pairs, sides, quickIsComparable ? 'quick' : 'text', { ...options, onFailure });
}

interface CompareAllOptions extends CompareOptions {
  readonly onFailure: (error: unknown) => void;
}

async function compareAll(
  pairs: readonly TablePair[],
  sides: BothReaders,
  form: DigestForm,
  options: CompareAllOptions,
): Promise<readonly TableOutcome[]> {
  const scanned = await scan(pairs, sides, form, options);
  const suspects = form === 'text' ? [] : pairs.filter((pair) => differsWidely(scanned.get(pair)));
  const again = suspects.length === 0 ? new Map() : await scan(suspects, sides, 'text', options);
  const outcomes: TableOutcome[] = [];
  for (const [index, pair] of pairs.entries()) {
    const decided = again.has(pair) ? 'text' : form;
    const result = again.get(pair) ?? scanned.get(pair);
    options.onProgress?.({ phase: 'locate', table: pair.name, done: index, total: pairs.length });
    outcomes.push(await outcomeOf(pair, result, decided, sides, options));
  }
  return outcomes;
}

function differsWidely(result: ScanResult | undefined): boolean {
  return result?.state === 'read' && result.differing.length > fewBuckets;
}

async function scan(
  pairs: readonly TablePair[],
  sides: BothReaders,
  form: DigestForm,
  options: CompareAllOptions,
): Promise<ReadonlyMap<TablePair, ScanResult>> {
  return scanTables(pairs, sides, {
    form,
    onFailure: options.onFailure,
    onProgress: ({ side, ...progress }) =>
      options.onProgress?.({ phase: 'scan', side: options[side].side, ...progress }),
  });
}

async function outcomeOf(
  pair: TablePair,
  result: ScanResult | undefined,
  form: DigestForm,
  sides: BothReaders,
  options: CompareOptions,
): Promise<TableOutcome> {
  const { name } = pair;
  if (result?.state !== 'read') {
    return { name, pair, form, outcome: 'unsettled', reason: result?.reason ?? 'not read' };
  }
  const { live: ofLive, other: ofOther, differing: buckets } = result;
  const totals = { live: ofLive, other: ofOther };
  if (buckets.length === 0) return { name, pair, form, ...totals, outcome: 'equal' };
  const [live, other] = [sides.live.readers[0], sides.other.readers[0]];
  if (live === undefined || other === undefined) {
    return { name, pair, form, outcome: 'unsettled', reason: 'no reader' };
  }
  try {
    const differences = await findDifferences(pair, live, other, {
      filter: { form, buckets },
      keep: options.keep ?? 1_000,
      values: options.values ?? false,
    });
    await Promise.all([live.release(), other.release()]);
    const decided = { name, pair, form: 'text', ...totals } as const;
    if (differences.missingOnLive + differences.missingOnOther + differences.different > 0)
      return { ...decided, outcome: 'differs', differences };
    // Where only the compact forms differed the texts decide. Where the texts' own sums did, or the counts, one of the two readings was not of the whole table.
    if (form === 'quick' && totals.live.rows === totals.other.rows) return { ...decided, outcome: 'equal' };
    return {
      ...decided,
      outcome: 'unsettled',
      reason: 'its sums differ and none of its rows: it was not read the same twice',
    };
  } catch (error) {
    if (!isTealError(error, 'TEAL-VERIFY-003')) throw error;
    return { name, pair, form, outcome: 'unsettled', reason: error.entry.summary };
  }
}
