import { waitFor } from '../../src/kernel/clock.ts';
import { createApplier } from '../../src/sync/applier.ts';
import { PgoutputDecoder } from '../../src/systems/postgres/change-decoder.ts';
import { connect } from '../../src/systems/postgres/connection.ts';
import { asPosition } from '../../src/model/position.ts';
import { openPostgresSink } from '../../src/systems/postgres/sink/sink.ts';
import { Feed } from './feed.ts';

/**
 * One life of an applier that reads everything from the slot again: what it has applied in an earlier life it must pass over. Ends when all is applied, or, with
 * a number of events, by SIGKILL when it has taken so many of them and asks for more.
 */
const [sourceUrl = '', targetUrl = '', migration = '', start = '', killAfter] = process.argv.slice(2);
await using source = await connect({ url: sourceUrl, applicationName: 'teal test' });
const stream = `${migration}_fwd`;
const decoder = new PgoutputDecoder();
const { rows } = await source.query(
  `select encode(data, 'hex') as data from pg_logical_slot_peek_binary_changes($1, null, null, 'proto_version', '1', 'publication_names', 'teal_test')`,
  [`teal_${stream}`],
);
const all = rows.flatMap((row) => decoder.decode(Buffer.from(row['data'] ?? '', 'hex')) ?? []);
const events = killAfter === undefined ? all : all.slice(0, Number(killAfter));
const feed = new Feed();
for (let at = 0; at < events.length; at += 50) feed.push(events.slice(at, at + 50));
await using sink = await openPostgresSink({ url: targetUrl, stream });
const applier = createApplier({
  stream,
  flow: 'forward',
  migration,
  events: feed,
  sink,
  managed: () => true,
  initial: { applied: asPosition(start), mode: 'live', epoch: 0, rogueTransactions: 0 },
  limits: { rows: 40, bytes: 1 << 20, ms: 5 },
});
const stop = new AbortController();
const run = applier.run(stop.signal);
if (killAfter !== undefined) {
  await waitFor({ what: 'the events to be taken', timeoutMs: 60_000, everyMs: 1 }, () => feed.isDrained || undefined);
  process.kill(process.pid, 'SIGKILL');
}
const end = events.findLast((event) => event.kind === 'commit')?.end ?? '';
const done = waitFor({ what: 'everything to be durable', timeoutMs: 60_000, everyMs: 10 }, () => {
  const { durable } = applier.status();
  return durable !== undefined && durable >= end ? true : undefined;
});
await Promise.race([done, run]);
stop.abort();
await run;
