import { openJournalReader } from '../../journal/journal.ts';
import { proveChain, type ChainProof } from '../../journal/prove-chain.ts';
import type { LoadedSpec } from '../load-spec.ts';
import { statusOf } from '../status.ts';
import { documentOf } from './document.ts';
import { renderHtml } from './html.ts';
import { renderMarkdown } from './markdown.ts';
import type { Report } from './report.ts';
import { storyOf } from './story.ts';

export type { ChainProof } from '../../journal/prove-chain.ts';

/** The migration's story. Opening the journal verifies its hash chain: a report of an altered journal cannot be had (TEAL-JOURNAL-001). */
export function readReport({ spec, journal }: LoadedSpec): Report {
  using reader = openJournalReader(journal);
  const state = reader.refresh();
  const { head } = reader;
  // A controller may write on meanwhile.
  const records = reader.records().filter(({ seq }) => seq <= head.seq);
  return { status: { ...statusOf(spec, state, reader.holder), head }, head, story: storyOf(records), records };
}

/** For an auditor: the cuts, gates, certificates, failures, who did what when, and every record in order. The same content in every form. */
export function renderReport(report: Report, format: 'markdown' | 'html' = 'markdown'): string {
  const document = documentOf(report);
  return format === 'html' ? renderHtml(document) : renderMarkdown(document);
}

/** Whether the journal is what was written: `keptHash`, of any record, was kept elsewhere. Errors: see `proveChain`. */
export function proveJournalOf({ journal }: LoadedSpec, keptHash?: string): ChainProof {
  return proveChain(journal, keptHash);
}
