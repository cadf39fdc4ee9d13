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

/** A live row that changes between any two looks as `writes` says, and a copy of it that is applied in order but late, and spoilt from `spoiltFrom` on. */
class World {
  readonly #writes: readonly (string | null)[][];
  readonly #spoilt: boolean;
  readonly #history: (string | null)[] = ['start'];
  #applied = 0;

  constructor(writes: readonly (string | null)[][], spoilt: boolean) {
    this.#writes = writes;
    this.#spoilt = spoilt;
  }

  /** Time passes at every look. */
  #tick(look: number): void {
    this.#history.push(...(this.#writes[look] ?? []));
  }

  #row(at: number): ProbedRow | null {
    const value = this.#history[at] ?? null;
    return value === null ? null : { version: String(at), values: [value] };
  }

  probes(): { live: RowProbe; other: RowProbe; waitApplied: (position: Position) => Promise<void> } {
    let looks = 0;
    const position = async (): Promise<Position> => asPosition(String(this.#history.length - 1).padStart(16, '0'));
    return {
      live: {
        row: async () => {
          this.#tick((looks += 1));
          return this.#row(this.#history.length - 1);
        },
        position,
      },
      other: {
        row: async () => {
          this.#tick((looks += 1));
          const row = this.#row(this.#applied);
          return this.#spoilt ? { version: 'spoilt', values: ['spoilt'] } : row;
        },
        position,
      },
      waitApplied: async (until) => {
        this.#tick((looks += 1));
        this.#applied = Math.max(this.#applied, Number(until));
      },
    };
  }
}

const writes = fc.array(fc.array(fc.constantFrom('a', 'b', null), { maxLength: 2 }), { maxLength: 12 });
const signal = new AbortController().signal;

test('a copy that is only late is never called different', async () => {
  await fc.assert(
    fc.asyncProperty(writes, async (changes) => {
      const said = await recheck({ pair, key: ['1'], ...new World(changes, false).probes(), rounds: 3, signal });
      expect(said).not.toBe('different');
    }),
    { numRuns: 60 },
  );
});

test('a spoilt copy is never called equal, and is called different once the row rests', async () => {
  await fc.assert(
    fc.asyncProperty(writes, async (changes) => {
      const resting = [...changes.slice(0, 2), [], ['a']];
      const said = await recheck({ pair, key: ['1'], ...new World(resting, true).probes(), rounds: 5, signal });
      expect(said).toBe('different');
    }),
    { numRuns: 30 },
  );
});

test('a row that never rests stays unsettled', async () => {
  const busy = Array.from({ length: 40 }, (_, index) => [String(index)]);
  expect(await recheck({ pair, key: ['1'], ...new World(busy, true).probes(), rounds: 3, signal })).toBe('unsettled');
});
