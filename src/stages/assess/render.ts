import { findingCodes, type Severity } from './finding-codes.ts';
import type { Assessment } from './assess.ts';
import type { Estimates } from './estimate.ts';
import type { KafkaAssessment } from './kafka/assess-kafka.ts';
import type { KafkaEstimates } from './kafka/estimate.ts';
import type { Finding } from './finding.ts';
import type { InventorySection } from './inventory.ts';
import { bytesText, countText, durationText, wrap } from './text.ts';

export type AssessmentFormat = 'text' | 'markdown';

const width = 80;
const severities: readonly { readonly severity: Severity; readonly heading: string }[] = [
  { severity: 'blocker', heading: 'Blockers: the migration cannot begin before these are mended' },
  { severity: 'warning', heading: 'Warnings: for a person to weigh' },
  { severity: 'note', heading: 'Notes: what Teal takes care of, and what to know' },
];

/** `text`: the findings for a terminal of 80 columns. `markdown`: the whole document, with the inventory of state and dependencies. */
export function renderAssessment(assessment: Assessment | KafkaAssessment, format: AssessmentFormat): string {
  return format === 'text' ? renderText(assessment) : renderMarkdown(assessment);
}

function verdict({ findings }: Pick<Assessment, 'findings'>): string {
  const count = (severity: Severity): number => findings.filter((one) => one.severity === severity).length;
  const counted = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;
  const blockers = count('blocker');
  const counts = `${counted(blockers, 'blocker')}, ${counted(count('warning'), 'warning')}, ${counted(count('note'), 'note')}`;
  return blockers === 0 ? `Ready to begin (${counts}).` : `Not ready (${counts}).`;
}

function estimateLines(estimates: Estimates | KafkaEstimates): readonly string[] {
  return 'topics' in estimates ? mirrorLines(estimates) : copyLines(estimates);
}

function mirrorLines({ topics, partitions, records, bytes, mirrorSeconds }: KafkaEstimates): readonly string[] {
  const count = (number: number, noun: string): string => `${countText(number)} ${noun}${number === 1 ? '' : 's'}`;
  return [
    `${count(topics, 'topic')}, ${count(partitions, 'partition')}, at most ${countText(Number(records))} records`,
    `room needed on green: ${bytes === undefined ? 'unknown' : `${bytesText(bytes)} for each replica`}`,
    `mirror of what is there: ${mirrorSeconds === undefined ? 'unknown' : durationText(mirrorSeconds)}`,
  ];
}

function copyLines(estimates: Estimates): readonly string[] {
  const { tables, rows, bytes, copySeconds, greenWalBytes, blueWalBytes, logs } = estimates;
  return [
    `${countText(tables)} table${tables === 1 ? '' : 's'}, about ${countText(rows)} rows, ${bytesText(bytes)} with indexes`,
    `copy: ${durationText(copySeconds)}`,
    `room needed on green: ${bytesText(bytes + greenWalBytes)}, of it ${bytesText(greenWalBytes)} ${logs.green} ${logs.green === 'WAL' ? 'that may be recycled' : 'that may be purged'}`,
    `${logs.blue} that blue ${logs.blue === 'WAL' ? 'keeps' : 'must keep'} meanwhile: ${blueWalBytes === undefined ? 'unknown' : bytesText(blueWalBytes)}`,
  ];
}

function renderText(assessment: Assessment | KafkaAssessment): string {
  const lines = [...wrap(verdict(assessment), width), ''];
  for (const { severity, heading } of severities) {
    const found = assessment.findings.filter((one) => one.severity === severity);
    if (found.length === 0) continue;
    lines.push(heading, '');
    for (const one of found) lines.push(...findingText(one), '');
  }
  lines.push('Estimates');
  for (const line of estimateLines(assessment.estimates)) lines.push(...wrap(line, width, '  '));
  for (const line of assessment.estimates.assumptions) lines.push(...wrap(`assumed: ${line}`, width, '  '));
  return `${lines.join('\n')}\n`;
}

/** SQL is never wrapped: a broken line could not be pasted. */
function findingText({ code, what, why, mend }: Finding): readonly string[] {
  return [
    `  ${code}`,
    ...wrap(what, width, '    '),
    ...wrap(why, width, '    '),
    ...(mend === undefined ? [] : mend.split('\n').map((line) => `      ${line}`)),
  ];
}

function renderMarkdown(assessment: Assessment | KafkaAssessment): string {
  const lines = ['# Assessment', '', verdict(assessment), ''];
  for (const { severity, heading } of severities) {
    const found = assessment.findings.filter((one) => one.severity === severity);
    if (found.length === 0) continue;
    lines.push(`## ${heading}`, '');
    for (const one of found) lines.push(...findingMarkdown(one));
  }
  lines.push('## Estimates', '');
  lines.push(...estimateLines(assessment.estimates).map((line) => `- ${line}`), '', 'Assumed:', '');
  lines.push(...assessment.estimates.assumptions.map((line) => `- ${line}`), '', '# Inventory', '');
  for (const section of assessment.inventory.sections) lines.push(...sectionMarkdown(section));
  return `${lines.join('\n').trimEnd()}\n`;
}

function findingMarkdown({ code, what, why, mend }: Finding): readonly string[] {
  const fence = fenceFor(mend ?? '');
  return [
    `### ${findingCodes[code].summary}`,
    '',
    `\`${code}\` ${escapeMarkdown(what)} ${escapeMarkdown(why)}`,
    '',
    ...(mend === undefined ? [] : [`${fence}${code.startsWith('ASSESS-KAFKA-') ? 'sh' : 'sql'}`, mend, fence, '']),
  ];
}

function sectionMarkdown({ title, about, columns, rows }: InventorySection): readonly string[] {
  const row = (cells: readonly string[]): string => `| ${cells.map(escapeMarkdown).join(' | ')} |`;
  return [
    `## ${title}`,
    '',
    escapeMarkdown(about),
    '',
    row(columns),
    `|${columns.map(() => ' --- |').join('')}`,
    ...rows.map(row),
    '',
  ];
}

/** Names in a database may hold anything: one must not end a code block, open a tag or add a column. */
function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_[\]<>#|~]/g, '\\$&').replace(/\s*[\r\n]+\s*/g, ' ');
}

function fenceFor(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  return '`'.repeat(longest + 1);
}
