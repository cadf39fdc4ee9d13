import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { schemaParts } from '../../src/ports/schema-driver.ts';
import { copyTables } from '../../src/sync/copy.ts';
import { postgresCopyTarget } from '../../src/systems/postgres/copy-target.ts';
import { postgresSchemaDriver } from '../../src/systems/postgres/schema.ts';
import { heldSource, openSnapshot } from '../../src/systems/postgres/snapshot.ts';
import { pgTools } from '../../tools/servers/pg-tools.ts';
import { runProgram } from '../../tools/servers/run-program.ts';
import { allRowsOf, catalogOf, makeSides } from './sides.ts';

/** A real database that is kept beside the checkout; see its README there. */
const folder = resolve(import.meta.dirname, '../../../shared/data/sakila');
const isThere = existsSync(folder);
if (!isThere) process.stderr.write(`SKIPPED: the Sakila test, because ${folder} is not there\n`);

test.skipIf(!isThere)(
  'Sakila moves from 15 to 18: enum, domain, rules that redirect inserts, inheritance, triggers',
  async () => {
    await using sides = await makeSides(15, 18);
    const tools = await pgTools(15, 18);
    for (const file of ['postgres-sakila-schema.sql', 'postgres-sakila-insert-data-using-copy.sql']) {
      await runProgram(tools.psql, ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', join(folder, file), sides.blue.url]);
    }
    const driver = postgresSchemaDriver({
      sourceUrl: sides.blue.url,
      targetUrl: sides.green.url,
      stateDir: sides.stateDir,
      tools,
    });
    const work = { signal: sides.signal };
    await driver.apply(['tables'], work);
    const tables = await sides.tables();
    const options = sides.snapshotOptions(tables);
    const opened = await openSnapshot(options, sides.signal);
    const gates = new Map(tables.map((table) => [table.name, Promise.withResolvers<void>()]));
    const [report] = await Promise.all([
      copyTables({
        source: heldSource(options, opened),
        target: postgresCopyTarget(sides.green.url),
        tables,
        epoch: 1,
        signal: sides.signal,
        onTableDone: (table) => gates.get(table.name)?.resolve(),
      }),
      // Indexes of a table are built while others are still copied.
      driver.apply(['keys', 'indexes'], { ...work, workers: 2, ready: async ({ name }) => gates.get(name)?.promise }),
    ]);
    await driver.apply(schemaParts, work);

    expect(await allRowsOf(sides.green, tables)).toEqual(await allRowsOf(sides.blue, tables));
    expect(report.rows).toBeGreaterThan(40_000n);
    const shape = async (side: typeof sides.blue): Promise<unknown> =>
      (await catalogOf(side)).tables.map(({ schema, name, columns, triggers, uniqueKeys, foreignKeys, hasRules }) => ({
        schema,
        name,
        columns: columns.map((column) => `${column.name} ${column.type}`),
        triggers,
        uniqueKeys,
        foreignKeys,
        hasRules,
      }));
    expect(await shape(sides.green)).toEqual(await shape(sides.blue));
  },
);
