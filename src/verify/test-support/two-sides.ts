import type { TableName } from '../../model/catalog.ts';
import { storedTables } from '../../model/catalog.ts';
import type { SideAccess } from '../../ports/digester.ts';
import { postgresSide } from '../../systems/postgres/digest/side.ts';
import { blueMajor, greenMajor, testDatabase, type TestDatabase } from '../../../test/support/postgres.ts';
import { verifySamePosition, type VerifyOptions, type VerifyResult } from '../same-position.ts';

/** Two databases of different majors, filled by the test itself: nothing carries changes between them, so a stand-still is always true. */
export interface TwoSides extends AsyncDisposable {
  readonly blue: TestDatabase;
  readonly green: TestDatabase;
  readonly blueSide: SideAccess;
  readonly greenSide: SideAccess;
  /** The same statements on both sides. */
  both(sql: string): Promise<void>;
  verify(options?: Partial<VerifyOptions>): Promise<VerifyResult>;
}

export async function twoSides(): Promise<TwoSides> {
  await using opened = new AsyncDisposableStack();
  const blue = opened.use(await testDatabase(blueMajor()));
  const green = opened.use(await testDatabase(greenMajor()));
  const blueSide = postgresSide({ side: 'blue', url: blue.url });
  const greenSide = postgresSide({ side: 'green', url: green.url });
  const kept = opened.move();
  return {
    blue,
    green,
    blueSide,
    greenSide,
    async both(sql) {
      await Promise.all([blue.query(sql), green.query(sql)]);
    },
    async verify(options = {}) {
      return verifySamePosition({
        migration: 'test',
        flow: 'forward',
        live: blueSide,
        other: greenSide,
        tables: await namesOf(blueSide),
        stopAt: async (position) => position,
        resume: async () => undefined,
        signal: new AbortController().signal,
        values: true,
        ...options,
      });
    },
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  };
}

export async function namesOf(side: SideAccess): Promise<readonly TableName[]> {
  return storedTables(await side.describe()).map(({ schema, name }) => ({ schema, name }));
}
