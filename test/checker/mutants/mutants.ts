import type { Mutant } from './mutant.ts';

/** The bugs that the checker must find. */
export const mutants: readonly Mutant[] = [
  {
    name: 'ack before flush',
    does: 'what was written to the spool is acknowledged to the source though no sync has made it durable',
    edits: [
      {
        file: 'src/sync/spool-writer.ts',
        find: `    failpoint('sync.spool.before-sync');
    await this.#makeDurable(segment);`,
        replace: `    failpoint('sync.spool.before-sync');`,
      },
    ],
  },
];
