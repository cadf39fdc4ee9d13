import type { JournalEvent } from '../journal/events.ts';
import { openJournalReader } from '../journal/journal.ts';
import type { LoadedSpec } from './load-spec.ts';
import { statusOf, type Status } from './status.ts';

export interface Report {
  readonly status: Status;
  readonly records: readonly {
    readonly seq: number;
    readonly at: string;
    readonly hash: string;
    readonly event: JournalEvent;
  }[];
}

/** The migration's story. Opening the journal verifies its hash chain: a report of an altered journal cannot be had (TEAL-JOURNAL-001). */
export function readReport({ spec, stateDir }: LoadedSpec): Report {
  using reader = openJournalReader(stateDir);
  const state = reader.refresh();
  const records = reader.records().map(({ seq, at, hash, event }) => ({ seq, at, hash, event }));
  return { status: statusOf(spec, state, reader.holder), records };
}

/** For an auditor: who did what when, the cuts, and every record in order. */
export function renderReport({ status, records }: Report): string {
  const cuts = status.cuts.map(
    (cut) =>
      `| ${cut.cut} | ${cut.from} → ${cut.to} | ${cut.end} | ${cut.pauseMs === undefined ? '' : `${cut.pauseMs} ms${cut.held === false ? ', writes refused' : ''}`} |`,
  );
  const lines = records.map(({ seq, at, event }) => `| ${seq} | ${at} | ${event.type} | ${cell(summary(event))} |`);
  const last = records.at(-1);
  return [
    `# Migration ${status.name}`,
    '',
    `${status.live} is live (${status.phase}). ${records.length} records; the chain of hashes is unbroken and ends with \`${last?.hash ?? ''}\`.`,
    '',
    ...(status.certificate === undefined
      ? ['No certificate was issued.', '']
      : [
          `Last certificate: ${status.certificate.tables} tables, ${status.certificate.rows} rows, equal (${status.certificate.atIso}).`,
          '',
        ]),
    '## Cuts',
    '',
    '| cut | direction | end | clients waited, or writes were refused, at most |',
    '|---|---|---|---|',
    ...cuts,
    '',
    '## Journal',
    '',
    '| # | at | what | |',
    '|---|---|---|---|',
    ...lines,
    '',
  ].join('\n');
}

function summary(event: JournalEvent): string {
  const { type: _, ...rest } = event;
  return Object.entries(rest)
    .map(([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
    .join(', ');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
