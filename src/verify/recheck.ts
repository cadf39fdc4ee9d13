import { sleep } from '../kernel/clock.ts';
import type { Position } from '../model/position.ts';
import type { ProbedRow, RowProbe, TextValues } from '../ports/digester.ts';
import type { TablePair } from './pair-tables.ts';

export interface RecheckOptions {
  readonly pair: TablePair;
  readonly key: TextValues;
  readonly live: RowProbe;
  readonly other: RowProbe;
  /** Resolves when everything before this position of the live side's log is visible on the other side. */
  readonly waitApplied: (position: Position, signal: AbortSignal) => Promise<void>;
  /** Default 10. */
  readonly rounds?: number;
  /** Before the second round, doubled before each further one up to 2 s; default 40. */
  readonly pauseMs?: number;
  readonly signal: AbortSignal;
}

/** `unsettled`: the row changes too often to tell while writes go on; a cut's pause settles it. */
export type Rechecked = 'equal' | 'different' | 'unsettled';

/**
 * Looks at one key again while writes go on, with no pause and no snapshot (correctness.md §5.2). One round: read the live row, note the end of the live log,
 * wait until that much is applied, read the other row, read the live row again. The other row equals the second live one: they are equal. The live
 * row did not change meanwhile and the other differs: they are different. Else the round says nothing.
 *
 * "Did not change" is asked of the row's version and not of its values, which may change there and back. A row that is absent has no version, and of some systems no row has: *different*
 * then needs two rounds in succession that agree. (A change before the second of them would have come to the other side meanwhile, and made another version there.)
 */
export async function recheck(options: RecheckOptions): Promise<Rechecked> {
  const { rounds = 10, pauseMs = 40 } = options;
  let before: Round | undefined;
  for (let round = 0; round < rounds; round += 1) {
    if (round > 0) await sleep(Math.min(pauseMs * 2 ** (round - 1), 2_000), options.signal);
    const now = await lookOnce(options);
    if (isSame(now.other, now.liveAfter)) return 'equal';
    if (isUnchanged(now)) {
      if (now.live !== null && options.live.tellsByValues !== true) return 'different';
      if (
        before !== undefined &&
        isUnchanged(before) &&
        isSameVersion(before.live, now.live) &&
        isSameVersion(before.other, now.other)
      ) {
        return 'different';
      }
    }
    before = now;
  }
  return 'unsettled';
}

interface Round {
  readonly live: ProbedRow | null;
  readonly other: ProbedRow | null;
  readonly liveAfter: ProbedRow | null;
}

async function lookOnce(options: RecheckOptions): Promise<Round> {
  const { pair, key, signal } = options;
  signal.throwIfAborted();
  const live = await options.live.row(pair.live, key);
  const position = await options.live.position();
  await options.waitApplied(position, signal);
  const other = await options.other.row(pair.other, key);
  const liveAfter = await options.live.row(pair.live, key);
  return { live, other, liveAfter };
}

function isUnchanged(round: Round): boolean {
  return isSameVersion(round.live, round.liveAfter);
}

function isSameVersion(a: ProbedRow | null, b: ProbedRow | null): boolean {
  return a?.version === b?.version;
}

function isSame(a: ProbedRow | null, b: ProbedRow | null): boolean {
  if (a === null || b === null) return a === b;
  return a.values.length === b.values.length && a.values.every((value, index) => value === b.values[index]);
}
