import fc from 'fast-check';
import { expect, test } from 'vitest';
import { asPosition, type Position } from '../model/position.ts';
import type { DigestTable, ProbedRow, RowProbe } from '../ports/digester.ts';
import type { TablePair } from './pair-tables.ts';
import { recheck } from './recheck.ts';

const table: DigestTable = {
  schema: 's',
  name: 't',
  oid: 1,
  columns: [{ name: 'id', sameType: true, type: 'integer', generated: false }],
  key: ['id'],
  buckets: 1,
};
const pair: TablePair = {
  name: table,
  live: table,
  other: table,
  leftOut: [],
  differentTypes: [],
  estimatedRows: 1,
  pages: 1,
};

type Value = string | null;
/** What the other side makes of a row of the live one. */
type Copy = (history: readonly Value[]) => Value;

const exact: Copy = (history) => history.at(-1) ?? null;
const copies: Readonly<Record<string, Copy>> = {
  'another value': () => 'spoilt',
  'never there': () => null,
  'never deleted': (history) => history.findLast((value) => value !== null) ?? null,
  'never updated': (history) => (history.at(-1) === null ? null : (history.find((value) => value !== null) ?? null)),
};

/** A live row that changes between any two looks as `writes` says, and a copy of it that is applied in order but late. */
class World {
  readonly history: Value[] = ['start'];
  readonly #writes: readonly (readonly Value[])[];
  readonly #copy: Copy;
  #applied = 0;
  #asked = 0;

  constructor(writes: readonly (readonly Value[])[], copy: Copy) {
    this.#writes = writes;
    this.#copy = copy;
  }

  /** Since the end of the log was last asked for there was a moment at which both sides showed the same, had all that was written until then been applied. */
  get wasEqual(): boolean {
    return this.history.some((value, at) => at >= this.#asked && this.#copy(this.history.slice(0, at + 1)) === value);
  }

  get isEqual(): boolean {
    return this.#copy(this.history) === (this.history.at(-1) ?? null);
  }

  probes(): { live: RowProbe; other: RowProbe; waitApplied: (position: Position) => Promise<void> } {
    let looks = 0;
    // Time passes at every look.
    const tick = (): void => {
      looks += 1;
      this.history.push(...(this.#writes[looks] ?? []));
    };
    const row = (value: Value, version: number): ProbedRow | null =>
      value === null ? null : { version: String(version), values: [value] };
    const position = async (): Promise<Position> => {
      tick();
      this.#asked = this.history.length - 1;
      return asPosition(String(this.#asked).padStart(16, '0'));
    };
    return {
      live: {
        row: async () => {
          tick();
          return row(this.history.at(-1) ?? null, this.history.length - 1);
        },
        position,
      },
      other: {
        row: async () => {
          tick();
          return row(this.#copy(this.history.slice(0, this.#applied + 1)), this.#applied);
        },
        position,
      },
      waitApplied: async (until) => {
        tick();
        // At least so far; now and then further.
        this.#applied = Math.max(this.#applied, Number(until) + (looks % 3 === 0 ? 1 : 0));
        this.#applied = Math.min(this.#applied, this.history.length - 1);
      },
    };
  }
}

const writes = fc.array(fc.array(fc.constantFrom<Value>('a', 'b', 'start', null), { maxLength: 3 }), { maxLength: 16 });
const signal = new AbortController().signal;
const quick = { pair, key: ['1'], pauseMs: 0, signal };

/** As of a system that tells nothing of a row but what it holds. */
function byValues({ live, ...probes }: ReturnType<World['probes']>): ReturnType<World['probes']> {
  const row: RowProbe['row'] = async (...asked) => {
    const found = await live.row(...asked);
    return found === null ? null : { ...found, version: found.values.join() };
  };
  return { ...probes, live: { ...live, row, tellsByValues: true } };
}

test('a copy that is only late is never called different', async () => {
  await fc.assert(
    fc.asyncProperty(writes, async (changes) => {
      const said = await recheck({ ...quick, ...new World(changes, exact).probes(), rounds: 4 });
      expect(said).not.toBe('different');
    }),
    { numRuns: 1_500 },
  );
});

test('nor where the live side tells versions by values, whatever they were meanwhile', async () => {
  const there = fc.array(fc.array(fc.constantFrom<Value>('a', 'b', 'start'), { maxLength: 3 }), { maxLength: 16 });
  await fc.assert(
    fc.asyncProperty(there, async (changes) => {
      const said = await recheck({ ...quick, ...byValues(new World(changes, exact).probes()), rounds: 4 });
      expect(said).not.toBe('different');
    }),
    { numRuns: 3_000 },
  );
  const rests = byValues(new World([], () => 'spoilt').probes());
  expect(await recheck({ ...quick, ...rests, rounds: 4 })).toBe('different');
});

test.each(Object.entries(copies))('a copy that is %s is called equal only where it is', async (_, copy) => {
  const said: Record<string, number> = {};
  await fc.assert(
    fc.asyncProperty(writes, async (changes) => {
      const world = new World(changes, copy);
      const answer = await recheck({ ...quick, ...world.probes(), rounds: 4 });
      said[answer] = (said[answer] ?? 0) + 1;
      if (answer === 'equal') expect(world.wasEqual).toBe(true);
    }),
    { numRuns: 1_000 },
  );
  expect(said['different']).toBeGreaterThan(50);
});

test.each(Object.entries(copies))('a copy that is %s is called so once the row rests', async (_, copy) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.constantFrom<Value>('a', 'b', null), { maxLength: 2 }), { maxLength: 4 }),
      async (changes) => {
        const world = new World(changes, copy);
        const answer = await recheck({ ...quick, ...world.probes(), rounds: 6 });
        // An answer that came while writes went on was about that time.
        if (answer !== 'equal') expect(answer).toBe('different');
        if (world.history.length === 1) expect(answer).toBe(world.isEqual ? 'equal' : 'different');
      },
    ),
    { numRuns: 500 },
  );
});

test('a row that never rests stays unsettled', async () => {
  const busy = Array.from({ length: 40 }, (_, index) => [String(index)]);
  const spoilt: Copy = () => 'spoilt';
  expect(await recheck({ ...quick, ...new World(busy, spoilt).probes(), rounds: 3 })).toBe('unsettled');
});
