import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { storedTables, type Catalog, type Table } from '../../src/model/catalog.ts';
import { connect } from '../../src/systems/postgres/connection.ts';
import { createIntrospector } from '../../src/systems/postgres/inspect/introspector.ts';
import { quoteTable } from '../../src/systems/postgres/quote.ts';
import { discardSnapshot, type SnapshotOptions } from '../../src/systems/postgres/snapshot.ts';
import { installTealSchema } from '../../src/systems/postgres/teal-schema.ts';
import type { PostgresMajor } from '../../tools/servers/install-postgres.ts';
import { testDatabase, type TestDatabase, type TestServer } from '../support/postgres.ts';

/** Two databases, a folder for state, and holders that end with the test. */
export interface Sides extends AsyncDisposable {
  readonly blue: TestDatabase;
  readonly green: TestDatabase;
  readonly stateDir: string;
  readonly signal: AbortSignal;
  /** Of blue, as it is now. */
  catalog(): Promise<Catalog>;
  tables(): Promise<readonly Table[]>;
  snapshotOptions(tables: readonly Table[], epoch?: number): SnapshotOptions;
}

export const holderCommand: readonly string[] = [
  process.execPath,
  resolve(import.meta.dirname, '../../src/app/holder-main.ts'),
];

export async function makeSides(
  blueServer: PostgresMajor | TestServer,
  greenServer: PostgresMajor | TestServer,
): Promise<Sides> {
  const blue = await testDatabase(blueServer);
  const green = await testDatabase(greenServer);
  const stateDir = await mkdtemp(join(tmpdir(), 'teal-copy-'));
  await using greenSession = await connect({ url: green.url, applicationName: 'test' });
  await installTealSchema(greenSession, 'green');
  const slot = `${blue.name}_fwd`;
  const signal = new AbortController().signal;
  const catalog = async (): Promise<Catalog> => catalogOf(blue);
  return Object.freeze({
    blue,
    green,
    stateDir,
    signal,
    catalog,
    tables: async () => storedTables(await catalog()),
    snapshotOptions: (tables: readonly Table[], epoch = 1) => ({
      url: blue.url,
      stateDir,
      command: holderCommand,
      tables,
      slot,
      epoch,
    }),
    async [Symbol.asyncDispose]() {
      await discardSnapshot({ url: blue.url, stateDir, slot }, signal);
      await rm(stateDir, { recursive: true, force: true });
      await blue[Symbol.asyncDispose]();
      await green[Symbol.asyncDispose]();
    },
  });
}

export async function catalogOf(database: TestDatabase): Promise<Catalog> {
  await using connection = await connect({ url: database.url, applicationName: 'test' });
  // Awaited here: the connection is closed at the end of this block.
  const catalog = await createIntrospector(connection).describe();
  return catalog;
}

/** Rows of each table as text, in an order of their own text: equal lists are equal multisets of rows. */
export async function allRowsOf(
  database: TestDatabase,
  tables: readonly Table[],
): Promise<Record<string, readonly string[]>> {
  await database.query(`set extra_float_digits = 3; set timezone = 'UTC'; set datestyle = 'ISO'`);
  const found: Record<string, readonly string[]> = {};
  for (const table of tables) {
    const rows = await database.query(
      `select t::text as row from only ${quoteTable(table)} t order by t::text collate "C"`,
    );
    found[quoteTable(table)] = rows.map((row) => row['row'] ?? '');
  }
  return found;
}

/** Count and checksum of each table, for comparing many rows. */
export async function digestOf(database: TestDatabase, tables: readonly Table[]): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  for (const table of tables) {
    const [row] = await database.query(
      `select count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 7)), 0) as digest from only ${quoteTable(table)} t`,
    );
    digests[quoteTable(table)] = row?.['digest'] ?? '';
  }
  return digests;
}
