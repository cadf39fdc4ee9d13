import { tableKey } from '../model/catalog.ts';
import { cell, code } from './document.ts';
import type { Finding } from './profile.ts';

export interface SampledFinding extends Finding {
  /** Keys of rows, as texts in the order of `check.keyColumns`; NULL as null. They are a user's data: for the screen and the user's own files alone. */
  readonly samples: readonly (readonly (string | null)[])[];
}

/** What was found in the data, for people: counts, keys, what would become of it, and how to cleanse it. The statements stand as they can be run on the source. */
export function findingsMarkdown(findings: readonly SampledFinding[]): string {
  if (findings.length === 0) return '# The data fits\n\nNothing was found that has no place on the target.\n';
  const rows = findings.map(({ check, count }) => {
    const place = `${tableKey(check.table)} (${check.columns.join(', ')})`;
    return `| ${[code(place).replaceAll('|', '\\|'), check.kind, String(count), cell(check.meaning), check.policy].join(' | ')} |`;
  });
  const lines = [
    '# What does not fit',
    '',
    '| where | check | rows | what | what becomes of it |',
    '|---|---|---|---|---|',
  ];
  return `${[...lines, ...rows, '', ...findings.flatMap(findingLines)].join('\n').trimEnd()}\n`;
}

function findingLines({ check, count, samples }: SampledFinding): readonly string[] {
  const { cleansing, keyColumns } = check;
  const keys = samples.map((sample) => code(sample.map((value) => value ?? 'NULL').join(', ')));
  const first = keys.length === 0 ? [] : [`Rows by ${keyColumns.map(code).join(', ')}: ${keys.join('; ')}`, ''];
  return [
    `## ${code(tableKey(check.table))}: ${check.columns.map(code).join(', ')} – ${check.kind}, ${count}`,
    '',
    ...first,
    `To cleanse (${cleansing.note}):`,
    '',
    ...fenced(cleansing.statement),
    '',
  ];
}

/** A block of SQL, whatever runs of backticks are in it. */
function fenced(sql: string): readonly string[] {
  const longest = Math.max(2, ...[...sql.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return [`${fence}sql`, `${sql};`, fence];
}
