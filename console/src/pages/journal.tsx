import { useEffect, useId, useState, type ReactNode } from 'react';
import { Quiet, Tag } from '../parts/card.tsx';
import { DataTable } from '../parts/data-table.tsx';
import { recordText, toneOf } from '../pure/record-text.ts';
import { countText, timeText } from '../pure/format.ts';
import { whyOf } from '../state/http.ts';
import { useConsole, useNow, useStore } from '../state/hooks.ts';
import type { JournalRecord } from '../types.ts';

const pageSize = 100;

/** The audit trail: who did what, when, and with what result. Its chain of hashes was verified by the server that reads it. */
export function JournalPage(): ReactNode {
  const { migration, version } = useConsole();
  const last = migration?.head?.seq ?? 0;
  const [before, setBefore] = useState<number>();
  const [find, setFind] = useState('');
  const end = Math.min(before ?? last, last);
  const { records, problem } = useRecords(Math.max(0, end - pageSize), version);
  const id = useId();
  const now = useNow();
  if (migration === undefined) return <Quiet>The journal begins with the first run.</Quiet>;
  const shown = records
    .filter((record) => record.seq <= end)
    .filter((record) => `${record.event.type} ${recordText(record)}`.toLowerCase().includes(find.toLowerCase()))
    .toReversed();
  return (
    <>
      <p className="lead">
        {countText(last)} records, each sealed with the hash of the one before. <code>teal report --verify</code> proves
        it anywhere.
      </p>
      {problem === undefined ? null : (
        <p className="banner" role="alert">
          {problem}
        </p>
      )}
      <div className="field inline">
        <label htmlFor={id}>Find on this page</label>
        <input id={id} type="search" value={find} onChange={(event) => setFind(event.target.value)} />
        <span className="buttons">
          <button
            type="button"
            disabled={before === undefined}
            onClick={() => setBefore(end + pageSize >= last ? undefined : end + pageSize)}
          >
            Newer
          </button>
          <button type="button" disabled={end - pageSize <= 0} onClick={() => setBefore(end - pageSize)}>
            Older
          </button>
        </span>
      </div>
      <DataTable
        caption="Records of the journal, the newest first"
        rows={shown}
        keyOf={({ seq }) => String(seq)}
        columns={[
          { title: 'No.', isNumber: true, cell: ({ seq, hash }) => <span title={hash}>{seq}</span> },
          { title: 'At', cell: ({ at }) => <time dateTime={at}>{timeText(at, now)}</time> },
          { title: 'Kind', cell: (record) => <Tag tone={toneOf(record)}>{kindText(record.event.type)}</Tag> },
          { title: 'What', isName: true, cell: recordText },
        ]}
      />
    </>
  );
}

/** `stepDone` as words. */
function kindText(type: string): string {
  return type.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** A page of records after a number; the page before stays until this one is there. */
function useRecords(
  after: number,
  version: number,
): { readonly records: readonly JournalRecord[]; readonly problem: string | undefined } {
  const store = useStore();
  const [seen, setSeen] = useState<{
    readonly records: readonly JournalRecord[];
    readonly problem: string | undefined;
  }>({ records: [], problem: undefined });
  useEffect(() => {
    const left = new AbortController();
    store
      .get<{ readonly records: readonly JournalRecord[] }>(
        `api/v1/journal?after=${after}&limit=${pageSize}`,
        left.signal,
      )
      .then(
        ({ records }) => setSeen({ records, problem: undefined }),
        (error: unknown) => {
          if (!left.signal.aborted) setSeen((before) => ({ ...before, problem: whyOf(error) }));
        },
      );
    return () => left.abort(new Error('another page is asked for'));
  }, [store, after, version]);
  return seen;
}
