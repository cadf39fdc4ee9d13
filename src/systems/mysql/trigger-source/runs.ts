/** Numbers that follow each other without a gap, both ends included. */
export interface NumberRun {
  readonly first: bigint;
  readonly last: bigint;
}

/** Pure: numbers in rising order as runs. */
export function runsOf(numbers: readonly bigint[]): readonly NumberRun[] {
  const runs: NumberRun[] = [];
  let first: bigint | undefined;
  let last = 0n;
  for (const number of numbers) {
    if (first !== undefined && number !== last + 1n) {
      runs.push({ first, last });
      first = number;
    }
    first ??= number;
    last = number;
  }
  return first === undefined ? runs : [...runs, { first, last }];
}

export function lengthOf({ first, last }: NumberRun): number {
  return Number(last - first) + 1;
}

/** Pure: the beginning of these runs, of at most so many numbers, and what is left. Only where nothing is given is nothing taken. */
export function takeNumbers(
  runs: readonly NumberRun[],
  most: number,
): { readonly taken: readonly NumberRun[]; readonly left: readonly NumberRun[] } {
  const taken: NumberRun[] = [];
  let room = most;
  for (const [place, run] of runs.entries()) {
    if (room === 0) return { taken, left: runs.slice(place) };
    const length = lengthOf(run);
    if (length > room) {
      const last = run.first + BigInt(room) - 1n;
      return {
        taken: [...taken, { first: run.first, last }],
        left: [{ first: last + 1n, last: run.last }, ...runs.slice(place + 1)],
      };
    }
    taken.push(run);
    room -= length;
  }
  return { taken, left: [] };
}

/** Pure: each number by itself. For runs that were taken: as many as one statement names. */
export function numbersOf(runs: readonly NumberRun[]): readonly bigint[] {
  return runs.flatMap((run) => Array.from({ length: lengthOf(run) }, (_, place) => run.first + BigInt(place)));
}
