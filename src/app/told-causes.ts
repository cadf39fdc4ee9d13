import { otherSide, type Side } from '../model/catalog.ts';
import type { DifferenceCause } from '../model/difference-causes.ts';
import type { Repairer } from '../ports/digester.ts';
import type { Cause } from '../verify/causes/cause.ts';
import { causesOf } from '../verify/causes/causes.ts';
import type { TableOutcome } from '../verify/outcome.ts';
import { keyRecord, type KeyRecord } from './key-record.ts';

/** A probable reason for differences of one table, by the names of the sides. */
export interface ToldCause {
  readonly cause: DifferenceCause;
  readonly what: 'missing on blue' | 'missing on green' | 'different';
  /** In words, without a value of any row. */
  readonly says: string;
  /** 0 to 1; see `Cause`. */
  readonly confidence: number;
  /** Rows that it explains, of `of` rows of this kind that were described. */
  readonly count: number;
  readonly of: number;
  readonly columns: readonly string[];
  /** Keys of some of the rows. As `sql`, for its owner's eyes. */
  readonly examples: readonly KeyRecord[];
  /** One SELECT a side, in its own words, that shows the rows there. It holds keys, or the value or the bounds that rows have in common. */
  readonly sql: Readonly<Record<Side, string>>;
}

const causesTold = 12;

/** Pure. `repairer`: how a side writes statements. */
export function toldCauses(
  outcome: TableOutcome,
  live: Side,
  repairer: (side: Side) => Pick<Repairer, 'show'>,
): readonly ToldCause[] {
  const { pair } = outcome;
  if (outcome.outcome !== 'differs' || pair === undefined) return [];
  const other = otherSide(live);
  const named = (text: string): string => text.replaceAll('{live}', live).replaceAll('{other}', other);
  const toldOf = ({ cause, kind, says, confidence, count, of, columns, look }: Cause): ToldCause => ({
    cause,
    what: kind === 'different' ? kind : kind === 'missing on live' ? `missing on ${live}` : `missing on ${other}`,
    says: named(says),
    confidence: Math.round(confidence * 1_000) / 1_000,
    count,
    of,
    columns,
    examples: pair.live.key.length === 0 ? [] : (look.keys ?? []).map((key) => keyRecord(pair.live, key)),
    sql: { blue: repairer('blue').show(pair.live, look), green: repairer('green').show(pair.live, look) },
  });
  return causesOf(pair, outcome.differences).slice(0, causesTold).map(toldOf);
}
