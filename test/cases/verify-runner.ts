import { connectCarrier } from '../../src/app/connect-carrier.ts';
import { postgresSide } from '../../src/systems/postgres/digest/side.ts';
import { verifySamePosition } from '../../src/verify/same-position.ts';

/** One comparison in a process of its own, for tests that kill it: `verify-runner.ts <blue> <green> <migration> <state folder> <lease>`. Prints the result. */
const [blue = '', green = '', migration = '', stateDir = '', leaseMs = ''] = process.argv.slice(2);
const carrier = connectCarrier({ migration, stateDir, urls: { blue, green } });
const { certificate } = await verifySamePosition({
  migration,
  flow: 'forward',
  tables: ['account', 'entry', 'log'].map((name) => ({ schema: 'public', name })),
  live: postgresSide({ side: 'blue', url: blue }),
  other: postgresSide({ side: 'green', url: green }),
  stopAt: async (position, ms, signal) => carrier.stopAt('forward', position, ms, signal),
  resume: async () => carrier.resume('forward'),
  signal: new AbortController().signal,
  leaseMs: Number(leaseMs),
});
process.stdout.write(certificate.result);
