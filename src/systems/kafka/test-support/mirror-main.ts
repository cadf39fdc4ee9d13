import { mirrorPartition, type MirrorOptions } from '../mirror/mirror-partition.ts';

/** A mirror in a process of its own, which a test may kill. Its options are the one argument, as JSON; SIGTERM ends it in good order. */
const end = new AbortController();
process.once('SIGTERM', () => end.abort());
const options = JSON.parse(process.argv[2] ?? '{}') as MirrorOptions;
await mirrorPartition(
  {
    ...options,
    tell: ({ reached, stable }) => process.stdout.write(`${reached.source} ${reached.target} ${stable ?? ''}\n`),
  },
  end.signal,
);
