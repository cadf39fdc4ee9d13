import type { ChainEnd, JournalRecord } from '../../journal/record.ts';
import type { Status } from '../status.ts';
import type { Story } from './story.ts';

/** The migration's story as a value: what `teal report --json` prints, and what every form is made of. */
export interface Report {
  readonly status: Status;
  /** The last record: its hash stands for all of them. */
  readonly head: ChainEnd;
  readonly story: Story;
  readonly records: readonly JournalRecord[];
}
