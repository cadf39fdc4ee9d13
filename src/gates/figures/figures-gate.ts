import { percentileMs } from '../../model/latencies.ts';
import { failureShare, servedSince, type Served } from '../../model/served.ts';
import type { Gate, GateAnswer } from '../../ports/gate.ts';

/** What green's figures may be, beside blue's before the cut. */
export type FigureRule =
  /** Of all that clients asked, the share that failed is larger by at most so much (0 to 1). */
  | { readonly kind: 'errors'; readonly above: number }
  /** A percentile (0.99) is at most so many times what it was; a millisecond more is nothing. */
  | { readonly kind: 'latency'; readonly percentile: number; readonly times: number };

export interface FiguresGateOptions {
  readonly id: string;
  readonly rule: FigureRule;
  /** Fewer answers between two looks say nothing: the next look takes them with it. */
  readonly atLeast: number;
  /** Of blue, before the cut; undefined where it was not measured. */
  readonly baseline: Served | undefined;
  /** What green has served since its counting began; undefined where nobody can tell. */
  readonly look: () => Promise<Served | undefined>;
}

/** Yes while what clients met since the last look is as good as it was on blue. */
export function figuresGate(options: FiguresGateOptions): Gate {
  const { id, rule, atLeast, baseline, look } = options;
  let before: Served | undefined;
  return {
    id,
    asks: asked(rule),
    person: false,
    async ask() {
      const now = await look();
      if (now === undefined) return { answer: 'cannot tell', evidence: 'no proxy tells what it has served' };
      const seen = before === undefined ? undefined : servedSince(now, before);
      if (seen === undefined) {
        before = now;
        return { answer: 'cannot tell', evidence: 'counted from now on' };
      }
      const tried = triesOf(seen);
      if (tried < atLeast) return { answer: 'cannot tell', evidence: `${tried} of ${atLeast} answers so far` };
      before = now;
      return judge(rule, seen, baseline, atLeast);
    },
  };
}

function asked(rule: FigureRule): string {
  return rule.kind === 'errors'
    ? `do at most ${percent(rule.above)} more fail than before the cut?`
    : `is the p${rule.percentile * 100} at most ${rule.times} times what it was before the cut?`;
}

function judge(rule: FigureRule, seen: Served, baseline: Served | undefined, atLeast: number): GateAnswer {
  const isKnown = baseline !== undefined && triesOf(baseline) >= atLeast;
  if (rule.kind === 'errors') {
    const [share, was] = [failureShare(seen), isKnown ? failureShare(baseline) : 0];
    const evidence = `${percent(share)} of ${triesOf(seen)} failed${codesOf(seen)}, ${percent(was)} before`;
    return { answer: share > was + rule.above ? 'no' : 'yes', evidence };
  }
  if (!isKnown) return { answer: 'cannot tell', evidence: 'blue was not measured for long enough before the cut' };
  const was = percentileMs(baseline.latencies, rule.percentile) ?? 0;
  const ms = percentileMs(seen.latencies, rule.percentile) ?? 0;
  const evidence = `${rounded(ms)} ms of ${seen.answers} answers, ${rounded(was)} ms before`;
  return { answer: ms > rule.times * was && ms - was > 1 ? 'no' : 'yes', evidence };
}

function triesOf({ answers, failures }: Served): number {
  return answers + (failures['lost'] ?? 0) + (failures['unreachable'] ?? 0);
}

function codesOf({ failures }: Served): string {
  const told = Object.entries(failures)
    .filter(([, count]) => count > 0)
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, 5)
    .map(([what, count]) => `${/^\w{2}$/.test(what) ? `class ${what}` : what}: ${count}`);
  return told.length === 0 ? '' : ` (${told.join(', ')})`;
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))}%`;
}

function rounded(ms: number): number {
  return Number(ms.toPrecision(3));
}
