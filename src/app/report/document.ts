import type { JournalEvent } from '../../journal/events.ts';
import { amountText, wordsOf } from '../../kernel/vocabulary.ts';
import { countPartitions } from '../../model/log-offsets.ts';
import type { Report } from './report.ts';
import type { Story, ToldCut } from './story.ts';

/** What a report shows, as plain texts: every form (Markdown, HTML) is made of this, so that none says more than another. */
export interface ReportDocument {
  readonly title: string;
  /** The verdict, one sentence each. */
  readonly summary: readonly string[];
  readonly sections: readonly ReportSection[];
}

export interface ReportSection {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Said where there are no rows. */
  readonly none: string;
}

export function documentOf(report: Report): ReportDocument {
  const { status } = report;
  return {
    title: `Migration ${status.name}`,
    summary: summaryOf(report),
    sections: [...storySections(report), recordsSection(report)],
  };
}

function summaryOf({ status, records, head }: Report): readonly string[] {
  const { certificate } = status;
  const first = records[0];
  return [
    `${status.live} is live (${status.phase}).`,
    certificate === undefined
      ? 'No certificate was issued.'
      : `Last certificate: ${amountText(certificate, status.moves)}, equal (${certificate.atIso}).`,
    ...(first === undefined
      ? ['The journal has no record.']
      : [
          `The journal has ${records.length} records, from ${first.at} to ${records.at(-1)?.at ?? ''}; the chain of hashes is unbroken and ends with ${head.hash}.`,
          `Kept elsewhere, this hash shows later that no record was changed or cut off: teal report --verify --head ${head.hash}`,
        ]),
    'All times are UTC.',
  ];
}

function storySections({ story, status }: Report): readonly ReportSection[] {
  return [
    {
      title: 'Cuts',
      columns: [
        'cut',
        'direction',
        'began',
        'decided',
        'ended',
        'end',
        'clients waited, or writes were refused, at most',
        'why',
      ],
      rows: story.cuts.map((cut) => [
        cut.cut,
        `${cut.from} → ${cut.to}${cut.topics === undefined ? '' : `: ${cut.topics.join(', ')}`}`,
        cut.began,
        cut.decided ?? '',
        cut.ended ?? '',
        cut.end,
        pauseText(cut),
        whyText(cut),
      ]),
      none: 'No cut was begun.',
    },
    ...(status.moves === 'topics' ? [groupsSection(story)] : []),
    {
      title: 'Gates and approvals',
      columns: ['at', 'gate', 'question', 'answer', 'evidence'],
      rows: story.gates.map(({ at, gate, asks, answer, evidence }) => [at, gate, asks, answer, evidence]),
      none: 'No gate was asked.',
    },
    certificatesSection(story, status),
    {
      title: 'Stages',
      columns: ['stage', 'began', 'ended', 'end'],
      rows: story.stages.map(({ stage, began, ended = '', end }) => [stage, began, ended, end]),
      none: 'No stage was begun.',
    },
    {
      title: 'Failures',
      columns: ['at', 'step', 'doing', 'error'],
      rows: story.failures.map(({ at, step, doing, failure }) => [at, step, doing, messageOf(failure)]),
      none: 'No step has failed.',
    },
    {
      title: 'Commands',
      columns: ['at', 'command', 'machine', 'process', 'version of Teal', 'digest of the file'],
      rows: story.runs.map((it) => [it.at, it.command, it.host, String(it.pid), it.teal, it.specDigest]),
      none: 'No command was run.',
    },
    {
      title: 'Notes',
      columns: ['at', 'note'],
      rows: story.notes.map(({ at, text, facts }) => [at, facts === undefined ? text : `${text} ${factsText(facts)}`]),
      none: 'There are none.',
    },
    {
      title: 'End',
      columns: ['at', 'how', 'by', 'what'],
      rows: story.ends.map(({ at, how, by, what }) => [at, how, by, what]),
      none: 'It has not ended.',
    },
  ];
}

function groupsSection({ groups }: Story): ReportSection {
  return {
    title: 'Groups of consumers',
    columns: ['group', 'direction', 'began', 'ended', 'end', 'went on at'],
    rows: groups.map(({ group, from, to, began, ended = '', end, place = '' }) => [
      group,
      `${from} → ${to}`,
      began,
      ended,
      end,
      place,
    ]),
    none: 'No group was moved.',
  };
}

function certificatesSection({ certificates }: Story, { moves }: Report['status']): ReportSection {
  const { things, parts, place } = wordsOf(moves);
  const divided = (blue: string): readonly string[] =>
    moves === 'topics' ? [String(countPartitions(blue) ?? '')] : [];
  return {
    title: 'Certificates',
    columns: [
      'at',
      'certificate',
      things,
      ...(moves === 'topics' ? ['partitions'] : []),
      parts,
      `${place} of blue`,
      `${place} of green`,
      'digest',
    ],
    rows: certificates.map(({ at, certificate, tables, rows, blue, green, digest }) => [
      at,
      certificate,
      String(tables),
      ...divided(blue),
      rows,
      blue,
      green,
      digest,
    ]),
    none: 'No certificate was issued.',
  };
}

function recordsSection({ records }: Report): ReportSection {
  return {
    title: 'Journal',
    columns: ['#', 'at', 'what', '', 'hash'],
    rows: records.map(({ seq, at, event, hash }) => [String(seq), at, event.type, textOf(event), hash]),
    none: 'It is empty.',
  };
}

function pauseText({ pauseMs, held }: ToldCut): string {
  if (pauseMs === undefined) return '';
  return held ? `${pauseMs} ms` : `${pauseMs} ms, writes refused`;
}

function whyText({ why, rollback }: ToldCut): string {
  const wanted = rollback === undefined ? [] : [`rolled back by ${rollback.by}: ${rollback.reason}`];
  return [...wanted, ...(why === undefined ? [] : [why])].join('; ');
}

/** The code stands in front of most messages already. */
function messageOf({ code, message }: { readonly code: string; readonly message: string }): string {
  return message.startsWith(code) ? message : `${code}: ${message}`;
}

function textOf(event: JournalEvent): string {
  const { type: _, ...rest } = event;
  return factsText(rest);
}

function factsText(facts: object): string {
  return Object.entries(facts)
    .map(([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
    .join(', ');
}
