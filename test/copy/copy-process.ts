import { createIntrospector } from '../../src/systems/postgres/inspect/introspector.ts';
import { storedTables } from '../../src/model/catalog.ts';
import { copyTables } from '../../src/sync/copy.ts';
import { connect } from '../../src/systems/postgres/connection.ts';
import { postgresCopyTarget } from '../../src/systems/postgres/copy-target.ts';
import { heldSource } from '../../src/systems/postgres/snapshot.ts';

/** A copier to be killed: `copy-process.ts <stateDir> <snapshot> <epoch>`, addresses in the environment. Prints one line when it is done. */
const [, , stateDir = '', snapshot = '', epoch = '1'] = process.argv;
const { BLUE = '', GREEN = '' } = process.env;

await using connection = await connect({ url: BLUE, applicationName: 'test' });
const catalog = await createIntrospector(connection).describe();
const report = await copyTables({
  source: heldSource({ url: BLUE, stateDir }, { snapshot, epoch: Number(epoch) }),
  target: postgresCopyTarget(GREEN),
  tables: storedTables(catalog),
  epoch: Number(epoch),
  workers: 3,
  minRangeBytes: 64 << 10,
  maxRangeBytes: 128 << 10,
  signal: new AbortController().signal,
});
process.stdout.write(`done ${report.rows}\n`);
