import { postgresSchemaDriver } from '../../src/systems/postgres/schema.ts';
import { schemaParts } from '../../src/ports/schema-driver.ts';
import { findPgTools } from '../../src/systems/postgres/schema-tools.ts';

/** One that brings the schema over, to be killed: `schema-process.ts <stateDir> <folder of pg_dump>`, addresses in the environment. */
const [, , stateDir = '', binDir = ''] = process.argv;
const { BLUE = '', GREEN = '' } = process.env;
const tools = await findPgTools({ blueMajor: 14, greenMajor: 18, binDir });
const driver = postgresSchemaDriver({ sourceUrl: BLUE, targetUrl: GREEN, stateDir, tools });
await driver.apply(schemaParts, { signal: new AbortController().signal, workers: 2 });
