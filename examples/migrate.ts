import { cutover, migrate, status, type MigrationEvent, type Run, type Outcome } from 'teal';

/**
 * Moves a database as `teal up` and `teal cutover` do, from a program of one's own: `node examples/migrate.ts <teal.yaml>`. Prints what happens, and at the
 * end where the migration is. Ctrl-C stops between two steps; started again it goes on from there.
 */
const [, , file = 'teal.yaml'] = process.argv;
const stop = new AbortController();
process.once('SIGINT', () => stop.abort(new Error('interrupted')));
const options = { file, signal: stop.signal };

function line(event: MigrationEvent): string | undefined {
  switch (event.kind) {
    case 'stage':
      return `${event.title}: ${event.state}`;
    case 'step done':
      return `  ${event.step}: ${event.evidence}`;
    case 'gate':
      return `gate ${event.asks} ${event.answer.answer}`;
    case 'verified':
      return `compared ${event.rows} rows of ${event.tables} tables: ${event.equal ? 'equal' : 'different'}`;
    case 'cut':
      return `${event.to} is live; clients waited ${event.pauseMs ?? 'unknown'} ms`;
    default:
      return undefined;
  }
}

async function told(run: Run<Outcome>): Promise<Outcome> {
  for await (const event of run) {
    const text = line(event);
    if (text !== undefined) console.log(text);
  }
  return run.outcome;
}

const first = await told(migrate(options));
console.log(first.outcome === 'waiting' ? `asked: ${first.asks}` : first.outcome);
// Here a person would look. This program says yes at once.
const last = first.outcome === 'waiting' ? await told(cutover(options)) : first;
console.log(`${last.outcome}: ${last.live} is live, ${status(options).certificate?.rows ?? 'no'} rows certified`);
