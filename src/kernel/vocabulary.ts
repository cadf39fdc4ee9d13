/** What a migration moves: tables of a database, or topics of a log. */
export type Moved = 'tables' | 'topics';

/** What people are told of the same things, in the words of each kind of system. */
export interface Words {
  /** What is made, carried and compared one by one. */
  readonly thing: string;
  readonly things: string;
  /** What it holds, and what a flow carries. */
  readonly part: string;
  readonly parts: string;
  readonly changes: string;
  /** Where a side was when it was compared. */
  readonly place: string;
  /** How a comparison goes. */
  readonly compared: string;
  /** What a comparison looks at beside them. */
  readonly others: string;
}

const vocabulary: Readonly<Record<Moved, Words>> = Object.freeze({
  tables: Object.freeze({
    thing: 'table',
    things: 'tables',
    part: 'row',
    parts: 'rows',
    changes: 'changes',
    place: 'position',
    compared: 'row by row, at one position',
    others: 'Other objects',
  }),
  topics: Object.freeze({
    thing: 'topic',
    things: 'topics',
    part: 'record',
    parts: 'records',
    changes: 'records',
    place: 'offsets',
    compared: 'record by record, as far as the mirror has come',
    others: 'Configuration',
  }),
});

export function wordsOf(moved: Moved = 'tables'): Words {
  return vocabulary[moved];
}

/** How much was compared, or is known to be equal. */
export interface Amount {
  readonly tables: number;
  /** As it is to be told. */
  readonly rows: string;
  /** Of topics, where it is known. */
  readonly partitions?: number;
}

/** Of what grows: `1.5 GB`, `20.0 MB`, in powers of 1000. */
export function sizeText(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** `3 tables, 1,000 rows`; `2 topics of 5 partitions, 1,000 records`. */
export function amountText({ tables, rows, partitions }: Amount, moved?: Moved): string {
  const { thing, things, part, parts } = wordsOf(moved);
  const divided = partitions === undefined ? '' : ` of ${partitions} partition${partitions === 1 ? '' : 's'}`;
  return `${tables} ${tables === 1 ? thing : things}${divided}, ${rows} ${rows === '1' ? part : parts}`;
}
