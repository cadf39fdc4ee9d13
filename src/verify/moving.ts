import type { Position } from '../model/position.ts';
import type { RowProbe, TextValues } from '../ports/digester.ts';
import { countColumns, type RowDifference, type TableDifferences } from './differences.ts';
import type { TableOutcome } from './outcome.ts';
import { recheck, type Rechecked } from './recheck.ts';
import { certifying, comparePairs, type CertifyOptions, type VerifyResult } from './same-position.ts';

export interface VerifyMovingOptions extends CertifyOptions {
  /** Both sides row by row; calls may overlap, they are put one after the other. */
  readonly probes: { readonly live: RowProbe; readonly other: RowProbe };
  /** As of `RecheckOptions`. */
  readonly waitApplied: (position: Position, signal: AbortSignal) => Promise<void>;
}

/** Rows of one table that are looked at again: more of them are a table that is not the same, or one in which more is written than can be told. */
const mostRows = 10_000;
/** Each waits for the flow most of its time, and all of them for the same sign. */
const atOnce = 64;

/**
 * Compares both sides where the flow cannot stand still: the other side's snapshot is later than the live one's, so that it shows at least what that shows. Rows that differ have been
 * written meanwhile, or are not the same: each is looked at again while writes go on (see `recheck`). A table in which all of them are found equal is equal, and the certificate says how
 * many were told so; it is about no single position.
 */
export async function verifyMoving(options: VerifyMovingOptions): Promise<VerifyResult> {
  const { signal, lockTimeoutMs = 60_000 } = options;
  return certifying(options, async ({ pairs, quickIsComparable }) => {
    await using live = await options.live.openNow({ signal, lockTimeoutMs });
    await options.waitApplied(live.position, signal);
    await using other = await options.other.openNow({ signal, lockTimeoutMs });
    const found = await comparePairs(pairs, { live, other }, quickIsComparable, { ...options, keep: mostRows });
    const tables: TableOutcome[] = [];
    for (const outcome of found) tables.push(await settled(outcome, options));
    return { tables, live, other, heldMs: 0 };
  });
}

async function settled(outcome: TableOutcome, options: VerifyMovingOptions): Promise<TableOutcome> {
  const { pair, name, form } = outcome;
  if (outcome.outcome !== 'differs' || pair === undefined || outcome.differences.truncated) return outcome;
  const told = { name, pair, ...(form === undefined ? {} : { form }) };
  if (pair.live.key.length === 0)
    return { ...told, outcome: 'unsettled', reason: 'it has no key by which a row could be looked at again' };
  const { kept } = outcome.differences;
  const again = await lookAgain(pair, kept, options);
  const different = kept.filter((_, index) => again[index] === 'different');
  if (different.length > 0)
    return { ...told, outcome: 'differs', differences: differencesOf(different, outcome.differences) };
  const unsettled = again.filter((each) => each === 'unsettled').length;
  if (unsettled > 0)
    return {
      ...told,
      outcome: 'unsettled',
      reason: `${unsettled} rows change too often to be told while writes go on`,
    };
  return {
    ...told,
    outcome: 'equal',
    reason: `${kept.length} rows that were written meanwhile were found equal one by one`,
  };
}

async function lookAgain(
  pair: NonNullable<TableOutcome['pair']>,
  rows: readonly RowDifference[],
  { probes, waitApplied, signal }: VerifyMovingOptions,
): Promise<readonly Rechecked[]> {
  const [live, other] = [inTurn(probes.live), inTurn(probes.other)];
  const wait = shared(waitApplied);
  const results: Rechecked[] = [];
  for (let start = 0; start < rows.length; start += atOnce) {
    const some = rows.slice(start, start + atOnce);
    results.push(
      ...(await Promise.all(
        some.map(async ({ key }) => recheck({ pair, key, live, other, waitApplied: wait, signal })),
      )),
    );
  }
  return results;
}

function inTurn(probe: RowProbe): RowProbe {
  let last: Promise<unknown> = Promise.resolve();
  const turn = async <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work);
    // The next in line waits for its end, whichever it is.
    last = mine.then(
      () => undefined,
      () => undefined,
    );
    return mine;
  };
  return {
    row: async (table, key: TextValues) => turn(async () => probe.row(table, key)),
    position: async () => turn(async () => probe.position()),
    ...(probe.tellsByValues === true ? { tellsByValues: true } : {}),
  };
}

/** Whoever comes while one waits for a sign waits for the next one together with all who have come since. */
function shared(wait: VerifyMovingOptions['waitApplied']): VerifyMovingOptions['waitApplied'] {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  return async (position, signal) => {
    next ??= (async () => {
      // Its failure is told to those who waited for it.
      await running?.catch(() => undefined);
      running = next;
      next = undefined;
      await wait(position, signal);
    })();
    return next;
  };
}

function differencesOf(kept: readonly RowDifference[], { equal }: TableDifferences): TableDifferences {
  const missingOn = (side: 'live' | 'other'): number =>
    kept.filter((row) => row.kind === 'missing' && row.on === side).length;
  return {
    missingOnLive: missingOn('live'),
    missingOnOther: missingOn('other'),
    different: kept.filter(({ kind }) => kind === 'different').length,
    columns: countColumns(kept),
    kept,
    equal,
    truncated: false,
  };
}
