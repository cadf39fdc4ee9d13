/**
 * How likely it is by chance that rows which differ lie together among all. Exact permutation tests: if rows differed for no reason that has to do with a column, every order of
 * the `differing` rows among the `equal` ones that were looked at would be as likely as any other. All answers are probabilities, 0 to 1.
 */

/** All that differ are among those that have something in common, with only `among` of the equal ones. */
export function chanceOfSharing(differing: number, equal: number, among: number): number {
  return Math.exp(logChoose(differing + among, differing) - logChoose(differing + equal, differing));
}

/** Put in order, all that differ lie within one stretch, with at most `within` of the equal ones between the first and the last. */
export function chanceOfStretch(differing: number, equal: number, within: number): number {
  if (differing < 2) return 1;
  const all = differing + equal;
  const orders = logChoose(all, differing);
  let chance = 0;
  // A stretch of so many rows, the first and the last of which differ, begins at any place where it fits.
  for (let length = differing; length <= differing + within; length += 1) {
    chance += (all - length + 1) * Math.exp(logChoose(length - 2, differing - 2) - orders);
  }
  return Math.min(1, chance);
}

/** Natural logarithm of the binomial coefficient. */
export function logChoose(n: number, k: number): number {
  return logFactorial(n) - logFactorial(k) - logFactorial(n - k);
}

const logFactorials: number[] = [0];

/** By a table that grows: rows that are described are some thousands at most. */
function logFactorial(n: number): number {
  for (let next = logFactorials.length; next <= n; next += 1) {
    logFactorials.push((logFactorials[next - 1] ?? 0) + Math.log(next));
  }
  return logFactorials[n] ?? 0;
}
