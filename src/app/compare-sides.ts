import { must } from '../kernel/assert.ts';
import { isTealError } from '../kernel/errors.ts';
import { otherSide, tableKey, type Side } from '../model/catalog.ts';
import type { Carrier, Flow, FlowStatus } from '../ports/carrier.ts';
import type { RowProbe } from '../ports/digester.ts';
import { flowFrom, type Equalizer } from '../stages/cutover/cut-steps.ts';
import { failureOfFlow } from '../stages/follow/follow-steps.ts';
import { verifyMoving } from '../verify/moving.ts';
import { planRepair, repairSamePosition } from '../verify/repair.ts';
import {
  verifySamePosition,
  type VerifyOptions,
  type VerifyProgress,
  type VerifyResult,
} from '../verify/same-position.ts';
import type { Comparison, ComparisonPorts, Verification } from './comparison.ts';
import { comparedTables } from './differences.ts';
import { keepCertificate } from './keep-certificate.ts';
import { keepDifferences } from './keep-differences.ts';
import { keepRepair } from './kept-repair.ts';
import type { DatabasePair } from './pair.ts';

/** Most rows of one table that are repaired one by one: past it a table is better copied again. */
const repairLimit = 10_000;

/** Fact of a side: how many transactions that are not Teal's were there when it was last found equal to the live one. */
const settledFact = 'settledTransactions';

export interface SideComparisonOptions extends ComparisonPorts {
  readonly pair: DatabasePair;
}

/** Both sides of one migration under comparison and repair, and what the journal is told of it. */
export class SideComparison implements Comparison {
  readonly #options: SideComparisonOptions;

  constructor(options: SideComparisonOptions) {
    this.#options = options;
  }

  /** How many of the transactions on a side that are not Teal's were there already when the sides were last found equal. */
  settled(side: Side): number {
    return Number(this.#options.journal.state.sides[side][settledFact] ?? 0);
  }

  /**
   * Compares both sides at one position of the live side's log, and keeps the certificate. `values` keeps the rows that differ in memory, so that
   * `repairScript` can be asked.
   */
  async verify(live: Side, values: boolean, signal = this.#options.signal): Promise<Verification> {
    const other = otherSide(live);
    const strays = await this.#straysOf(other);
    // What was written there while it was not live, which a cut could not see any more, is data of the live side now.
    const { rogueTransactions: adopted, standsStill } = await this.#options.carrier.status(flowFrom(live));
    const options: VerifyOptions = {
      ...this.#sides(live, signal),
      migration: this.#options.loaded.spec.name,
      flow: flowFrom(live),
      tables: this.#options.pair.storedTables,
      ...(values ? { keep: repairLimit } : {}),
      values: values ? true : 'shown',
    };
    const result = standsStill === false ? await this.#verifyMoving(live, options) : await verifySamePosition(options);
    if (result.certificate.result === 'equal') {
      if (strays !== undefined) this.#settle(other, strays);
      if (adopted > this.settled(live)) this.#settle(live, adopted);
    }
    return await this.#told(live, result);
  }

  async #verifyMoving(live: Side, options: VerifyOptions): Promise<VerifyResult> {
    const { pair, carrier } = this.#options;
    const open = async (side: Side): Promise<RowProbe & AsyncDisposable> =>
      must(await pair.openRowProbe?.(side, options.signal), 'a side that tells single rows');
    await using probeOfLive = await open(live);
    await using probeOfOther = await open(otherSide(live));
    return await verifyMoving({
      ...options,
      probes: { live: probeOfLive, other: probeOfOther },
      waitApplied: async (_, signal) => {
        const { now } = await carrier.caughtUp(flowFrom(live), signal);
        if ('reason' in now) throw failureOfFlow(flowFrom(live), now);
      },
    });
  }

  #settle(side: Side, count: number): void {
    this.#options.journal.append({ type: 'sideFacts', side, facts: { [settledFact]: count } });
  }

  /**
   * How many transactions on a side that is not live were not Teal's, all of which any later snapshot of it shows. Undefined when there was none, or when transactions
   * that run there did not end in time.
   */
  async #straysOf(side: Side): Promise<number | undefined> {
    const { carrier, signal } = this.#options;
    const seen = await readToEnd(carrier, flowFrom(side), signal);
    if (seen === undefined || seen.rogueTransactions === 0) return undefined;
    const { rogueTransactions } = seen;
    return (await this.#options.pair.outlastWriters(side, signal)) ? rogueTransactions : undefined;
  }

  /** For a cut from a side whose flow does not tell all. */
  equalizer(live: Side): Equalizer {
    const both = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, this.#options.signal]);
    let found: Verification | undefined;
    const compare = async (signal: AbortSignal): Promise<Verification> =>
      (found = await this.verify(live, false, both(signal)));
    return {
      compare: async (signal) => (await compare(signal)).verified,
      repair: async (signal) => this.repair(live, found ?? (await compare(signal)), both(signal)),
    };
  }

  /** The SQL that would make the other side equal to the live one as they were compared. It holds rows' values. TEAL-VERIFY-006 when it would be too much. */
  async repairScript({ live, result }: Verification): Promise<readonly string[]> {
    const other = otherSide(live);
    const repairs = planRepair(result.tables, await this.#options.pair.access[other].describe());
    return repairs.length === 0 ? [] : this.#options.pair.repairer(other).render(repairs);
  }

  /**
   * Makes the rows that differ equal to the live side's, on the side that is not live, at a new position while the flow stands still there. Returns how many
   * were changed. Proves nothing: verify again. TEAL-VERIFY-005 and -006, with nothing changed.
   */
  async repair(live: Side, { result }: Pick<Verification, 'result'>, signal = this.#options.signal): Promise<number> {
    const other = otherSide(live);
    const tables = result.tables.filter(({ outcome }) => outcome === 'differs').map(({ name }) => name);
    if (tables.length === 0) return 0;
    const names = tables.map(tableKey).join(', ').slice(0, 3_000);
    const { by } = this.#options;
    this.#options.journal.append({ type: 'note', text: `${by} has ${other} repaired: ${names}` });
    const changed = await repairSamePosition({
      ...this.#sides(live, signal),
      tables,
      repairer: this.#options.pair.repairer(other),
      maxRows: repairLimit,
    });
    this.#options.journal.append({
      type: 'note',
      text: `${other} is repaired`,
      facts: { tables: tables.length, rows: changed },
    });
    return changed;
  }

  /** What a comparison and a repair have in common: the sides, and the flow that stands still between them. */
  #sides(
    live: Side,
    signal: AbortSignal,
  ): Pick<VerifyOptions, 'live' | 'other' | 'stopAt' | 'resume' | 'signal' | 'onProgress' | 'excludeColumns'> {
    const flow = flowFrom(live);
    const { pair, carrier, onEvent } = this.#options;
    return {
      live: pair.access[live],
      other: pair.access[otherSide(live)],
      stopAt: async (position, leaseMs, stop) => carrier.stopAt(flow, position, leaseMs, stop),
      resume: async () => carrier.resume(flow),
      signal,
      ...(pair.unlikeColumns === undefined ? {} : { excludeColumns: pair.unlikeColumns }),
      onProgress: (progress) => onEvent({ kind: 'verify progress', ...verifyText(progress) }),
    };
  }

  /** By table; of none where nothing differs. */
  async #uniqueKeys(side: Side, { tables }: VerifyResult): Promise<ReadonlyMap<string, number>> {
    if (tables.every(({ outcome }) => outcome !== 'differs')) return new Map();
    const catalog = await this.#options.pair.access[side].describe();
    return new Map(catalog.tables.map((table) => [tableKey(table), table.uniqueKeys.length] as const));
  }

  async #told(live: Side, result: VerifyResult): Promise<Verification> {
    const { certificate } = result;
    const { name, file } = keepCertificate(this.#options.loaded.stateDir, certificate);
    const uniqueKeys = await this.#uniqueKeys(otherSide(live), result);
    const compared = comparedTables(result.tables, live, {
      repairer: (side) => this.#options.pair.repairer(side),
      uniqueKeys: (table) => uniqueKeys.get(table) ?? 0,
    });
    keepDifferences(this.#options.loaded.stateDir, name, compared);
    keepRepair(this.#options.loaded.stateDir, name, compared);
    const equal = certificate.result === 'equal';
    const rows = certificate.tables.reduce((sum, table) => sum + BigInt(table.rows?.[live] ?? 0), 0n);
    const different = certificate.tables.filter((table) => table.outcome !== 'equal').length;
    const positions = {
      [certificate.live.side]: certificate.live.position,
      [certificate.other.side]: certificate.other.position,
    };
    if (equal) {
      this.#options.journal.append({
        type: 'certificateIssued',
        certificate: name,
        blue: must(positions['blue'], 'the position of blue'),
        green: must(positions['green'], 'the position of green'),
        tables: certificate.tables.length,
        rows: String(rows),
        digest: certificate.sha256,
      });
    }
    const tables = certificate.tables.length;
    this.#options.onEvent({ kind: 'verified', equal, tables, rows: String(rows), different, file });
    const evidence = equal
      ? `${tables} tables, ${rows} rows, equal (${file})`
      : `${different} of ${tables} tables differ (${file})`;
    return { verified: { equal, evidence }, live, tables: compared, result, file };
  }
}

const phaseTexts = { snapshot: 'waits for one position on both', locate: 'looks for rows that differ' } as const;

function verifyText(progress: VerifyProgress): { text: string; done?: number; total?: number } {
  if (progress.phase === 'snapshot') return { text: phaseTexts.snapshot };
  const { done, total } = progress;
  if (progress.phase === 'locate') return { text: `${phaseTexts.locate} in ${tableKey(progress.table)}`, done, total };
  return { text: `${done} of ${total} tables of the ${progress.side} side`, done, total };
}

/** Undefined when the flow did not read all that there is in time: a comparison of the sides does not need it. */
async function readToEnd(carrier: Carrier, flow: Flow, signal: AbortSignal): Promise<FlowStatus | undefined> {
  try {
    return await carrier.caughtUp(flow, signal);
  } catch (error) {
    if (isTealError(error, 'TEAL-KERNEL-002') || isTealError(error, 'TEAL-CARRIERS-003')) return undefined;
    throw error;
  }
}
