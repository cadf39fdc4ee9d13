import type { Latencies } from '../../model/latencies.ts';

export interface RankTest {
  /** How likely the ranks of green would be as high as they are, or higher, if its reads took as long as those of blue. */
  readonly p: number;
  /** How likely a read of green takes longer than one of blue; 0.5 where neither is slower. */
  readonly superiority: number;
}

/**
 * Whether green is slower: the rank sum test of Mann and Whitney (Annals of Mathematical Statistics 18, 1947), one-sided, of durations in classes. What lies in one class is a tie and
 * has the middle of its ranks; the variance is corrected for ties, and the continuity of the normal distribution for the steps of ranks (Lehmann, Nonparametrics, 1975, chapter 1). It
 * looks at which is longer only, not at how much: neither an outlier nor the shape of the distribution matters. Good from about ten of each. `p` is 1 where there is nothing to compare.
 */
export function rankTest(blue: Latencies, green: Latencies): RankTest {
  const classes = [...new Set([...Object.keys(blue), ...Object.keys(green)])].toSorted((a, b) => Number(a) - Number(b));
  let [below, wins, ties] = [0, 0, 0];
  for (const at of classes) {
    const [ofBlue, ofGreen] = [blue[at] ?? 0, green[at] ?? 0];
    wins += ofGreen * (below + ofBlue / 2);
    below += ofBlue;
    const tied = ofBlue + ofGreen;
    ties += tied ** 3 - tied;
  }
  const [n, m] = [count(blue), count(green)];
  if (n === 0 || m === 0) return { p: 1, superiority: 0.5 };
  const all = n + m;
  const variance = ((n * m) / 12) * (all + 1 - ties / (all * (all - 1)));
  const superiority = wins / (n * m);
  if (!(variance > 0)) return { p: 1, superiority };
  return { p: above((wins - (n * m) / 2 - 0.5) / Math.sqrt(variance)), superiority };
}

export function count(counts: Latencies): number {
  return Object.values(counts).reduce((sum, each) => sum + each, 0);
}

const terms = 200;

/** The share of the standard normal distribution above `z`: its series near the middle, Laplace's continued fraction in the tail. */
function above(z: number): number {
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  if (z < -3) return 1 - above(-z);
  if (z > 3) {
    let fraction = z;
    for (let term = terms; term > 0; term -= 1) fraction = z + term / fraction;
    return density / fraction;
  }
  let [term, sum] = [z, z];
  for (let odd = 3; odd < 2 * terms; odd += 2) {
    term *= (z * z) / odd;
    sum += term;
  }
  return 0.5 - density * sum;
}
