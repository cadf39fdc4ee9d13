import { describeError } from '../kernel/errors.ts';
import { redact } from '../kernel/redact.ts';
import type { HolderRequest } from '../systems/postgres/holder-file.ts';
import { connectHolder, holdSnapshot } from '../systems/postgres/holder-process.ts';

/**
 * A snapshot holder, a process of its own so that the snapshot survives the death of everything else (correctness.md §0.2). Environment: TEAL_HOLDER_URL, the address of the
 * source. Once it has a session it says so to its starter, who answers with the request; the argument, the file of its record, only tells it from other processes. Says why it ends
 * on standard error, which is its log.
 */
async function main(): Promise<void> {
  const url = process.env['TEAL_HOLDER_URL'];
  if (url === undefined) throw new Error('started without an address');
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  // The terminal of whoever started it may close; the snapshot stays.
  process.on('SIGHUP', () => undefined);
  await using connection = await connectHolder(url, stop.signal);
  const request = await requestOfStarter();
  if (request === undefined) return;
  const end = await holdSnapshot(connection, request, stop.signal);
  process.stderr.write(`holder ${process.pid} ends: ${end}\n`);
}

/** Undefined when there is nothing to hold: the starter has gone, or needs it no longer. */
async function requestOfStarter(): Promise<HolderRequest | undefined> {
  const told = Promise.withResolvers<HolderRequest | undefined>();
  process.once('message', (message) => told.resolve(message as HolderRequest));
  process.once('disconnect', () => told.resolve(undefined));
  // One that has gone meanwhile is seen by the second event, or was before there was anybody to hear it.
  if (!process.connected) return undefined;
  process.send?.('ready', undefined, {}, () => undefined);
  const request = await told.promise;
  // From here on it does not matter who started it.
  if (process.connected) process.disconnect?.();
  return request;
}

try {
  await main();
} catch (error) {
  process.stderr.write(`holder ${process.pid} failed: ${redact(describeError(error))}\n`);
  process.exitCode = 1;
}
