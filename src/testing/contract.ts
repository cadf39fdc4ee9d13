/**
 * One thing that a contract promises, as a test that any runner can run:
 *
 *     for (const { name, run } of fenceContract(open)) test(name, run);
 *
 * `run` makes a world of its own, breaks nothing outside of it, takes it down, and rejects with an `AssertionError` when the promise is not kept.
 */
export interface ContractCase {
  readonly name: string;
  readonly run: () => Promise<void>;
}

/** A case for each promise, each in a world of its own. */
export function casesOf<World extends AsyncDisposable>(
  open: () => Promise<World>,
  promises: Readonly<Record<string, (world: World) => Promise<void>>>,
): readonly ContractCase[] {
  return Object.entries(promises).map(([name, keep]) =>
    Object.freeze({
      name,
      async run() {
        await using world = await open();
        await keep(world);
      },
    }),
  );
}
