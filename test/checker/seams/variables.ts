/** Names a mutant (`mutants/mutants.ts`): the sources that it names are changed as they are loaded. */
export const mutantVariable = 'TEAL_MUTANT';
/** A file: what each sync has made durable is written there (`sync-ledger.ts`). */
export const ledgerVariable = 'TEAL_SYNC_LEDGER';
/** A folder: what it holds a flag for has no room (`disk-full.ts`). */
export const diskFullVariable = 'TEAL_DISK_FULL';
