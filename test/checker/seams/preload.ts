import { diskFullVariable, ledgerVariable, mutantVariable } from './variables.ts';

/**
 * Loaded before everything else into every process and thread of Teal in a run (`NODE_OPTIONS=--import`, which children and threads inherit): a place for faults of
 * which the product itself has no trace. Each part is there only when its variable is set. It must load nothing of `src/`: a mutant is made when that is loaded.
 */
const { [mutantVariable]: mutant, [ledgerVariable]: ledger, [diskFullVariable]: flags } = process.env;

if (mutant !== undefined) (await import('./mutate.ts')).mutateSources(mutant);
if (ledger !== undefined) await (await import('./sync-ledger.ts')).recordSyncs(ledger);
if (flags !== undefined) await (await import('./disk-full.ts')).fillDisks(flags);
