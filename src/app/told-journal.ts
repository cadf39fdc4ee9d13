import type { Journal } from '../journal/journal.ts';
import type { JournalRecord } from '../journal/record.ts';
import type { MigrationState } from '../journal/state.ts';

/** Hears each record when it is on disk, with the state after it. It must neither throw nor wait. */
export type HearsRecord = (record: JournalRecord, state: MigrationState) => void;

/** A journal that tells what is written into it. */
export function toldJournal(journal: Journal, hears: readonly HearsRecord[]): Journal {
  if (hears.length === 0) return journal;
  const tell = (records: readonly JournalRecord[]): readonly JournalRecord[] => {
    for (const record of records) for (const hear of hears) hear(record, journal.state);
    return records;
  };
  return {
    get state() {
      return journal.state;
    },
    lost: journal.lost,
    append: (...events) => tell(journal.append(...events)),
    appendUnsynced: (event) => tell(journal.appendUnsynced(event)),
    records: (afterSeq) => journal.records(afterSeq),
    [Symbol.dispose]: () => journal[Symbol.dispose](),
  };
}
