import { readFile } from 'node:fs/promises';
import { describeError } from '../kernel/errors.ts';
import { redact } from '../kernel/redact.ts';
import type { HolderRequest } from '../systems/postgres/holder-file.ts';
import { holdSnapshot } from '../systems/postgres/holder-process.ts';

/**
 * A snapshot holder, a process of its own so that the snapshot survives the death of everything else (correctness.md §0.2). Argument: the file with the
 * request. Environment: TEAL_HOLDER_URL, the address of the source. Says why it ends on standard error, which is its log.
 */
async function main(): Promise<void> {
  const [, , requestFile] = process.argv;
  const url = process.env['TEAL_HOLDER_URL'];
  if (requestFile === undefined || url === undefined) throw new Error('started without a request or an address');
  const request = JSON.parse(await readFile(requestFile, 'utf8')) as HolderRequest;
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  // The terminal of whoever started it may close; the snapshot stays.
  process.on('SIGHUP', () => undefined);
  const end = await holdSnapshot(request, url, stop.signal);
  process.stderr.write(`holder ${process.pid} ends: ${end}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`holder ${process.pid} failed: ${redact(describeError(error))}\n`);
  process.exitCode = 1;
}
