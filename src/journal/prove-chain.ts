import { guarded } from './database.ts';
import { openStore } from './journal.ts';
import type { JournalPlace } from './place.ts';
import { faultOfLink, genesis, type ChainEnd } from './record.ts';

export type ChainProof = ChainUnbroken | ChainBroken;

export interface ChainUnbroken {
  readonly unbroken: true;
  /** The last record; 0 and zeros where there is none. */
  readonly head: ChainEnd;
  /** Where a hash was kept elsewhere: its record; null when no record has it. */
  readonly kept?: { readonly seq: number | null };
}

export interface ChainBroken {
  readonly unbroken: false;
  /** The first that does not continue what stands before it. */
  readonly firstBad: number;
  readonly why: string;
  /** Up to here it is what was written. */
  readonly whole: ChainEnd;
}

/**
 * Reads a journal and follows its chain of hashes, also beside a running controller, and also where this version does not know what a record says. A chain
 * cannot show that its newest records were cut off, nor that all of it was written anew: a hash that was kept elsewhere can (`keptHash`, of any record).
 * TEAL-JOURNAL-008 when there is no journal, -005 when its file is damaged, -002 when its format is newer.
 */
export function proveChain(place: JournalPlace, keptHash?: string): ChainProof {
  using store = openStore(place);
  return guarded(store.name, () => {
    let end: ChainEnd = genesis;
    let keptSeq: number | null = null;
    for (const raw of store.read(0)) {
      const why = faultOfLink(end, raw);
      if (why !== undefined) return { unbroken: false, firstBad: end.seq + 1, why, whole: end };
      end = { seq: raw.seq, hash: raw.hash };
      if (raw.hash === keptHash) keptSeq = raw.seq;
    }
    return { unbroken: true, head: end, ...(keptHash === undefined ? {} : { kept: { seq: keptSeq } }) };
  });
}
