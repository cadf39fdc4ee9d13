import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { readIfThere } from './generated-page.ts';
import { sectionOf, withSection } from './page-sections.ts';
import type { MatrixValue } from './type-matrix-page.ts';

const page = 'docs/reference/connect-types.md';

/** Set where the tests write what they see onto the page instead of comparing it. */
export const writeVariable = 'TEAL_CONNECT_TYPES';

/** The pairs of systems on the page, in its order. */
export const connectTitles = Object.freeze([
  'PostgreSQL 14 → PostgreSQL 18',
  'MySQL 8.0 → PostgreSQL 18',
  'MariaDB 11.4 → PostgreSQL 18',
] as const);
export type ConnectTitle = (typeof connectTitles)[number];

/** What was seen of one type on the way of `carrier: connect`. */
export interface ConnectTypeRow {
  /** As blue has it. */
  readonly type: string;
  /** As green has it, where that is another one. */
  readonly targetType?: string;
  /** What `teal assess` says of a column that holds the values. */
  readonly assessed: 'carried' | 'refused';
  /** As the server writes them, or as they stand in SQL. */
  readonly same: readonly MatrixValue[];
  readonly changed: readonly { readonly value: MatrixValue; readonly becomes: string }[];
  /** Values, and the class of the error with which a task ends. */
  readonly stops: readonly { readonly value: MatrixValue; readonly error: string }[];
}

const head = `# What Kafka Connect makes of every type

Written by \`node tools/connect-types-page.ts --write\` from runs on real servers; do not edit. Each run of the tests does it all again and compares: a migration of each pair of systems with \`carrier: connect\`
(Kafka 4.3.1, Debezium 3.5.0), one table for each type. Every value is there before the copy, is inserted after it, and takes the place of a NULL after it. Types of the schema \`odd\` are users' own: an enum, domains, a
composite, a range.

- **assess**: \`refused\` where \`teal assess\` refuses a column that holds all of these values (ASSESS-CONNECT-VALUES), unless \`connect.acceptUnfaithful\` names it. \`carried\`: it says nothing, and every value arrived as it is.
- **others**: they were accepted, and arrived as what stands beside them. The certificate that was made then says of each of these columns that it differs, and in how many rows; no other column does.
- **stop**: such a row ends a task, there before the copy or, where it says so, once it is written later; nothing behind it arrives, until it is changed on blue and the migration is begun anew (TEAL-CARRIERS-014).

From MySQL and MariaDB the tables of green are as Teal makes them ([mysql-types.md](mysql-types.md)), the file chooses \`mapping.values: { zeroDate: null, invalidEnum: null, nulByte: remove }\`, and values are as they stand in SQL, each backslash doubled: what such a choice makes of a
value is what counts as the same.

What Teal's own carrier makes of the same values: [type-matrix.md](type-matrix.md).
`;

const columns = ['type', 'assess', 'arrive as they are', 'arrive as others', 'stop the path'] as const;

/** The part of the page about one pair. Pure. */
export function renderConnectTypes(title: ConnectTitle, rows: readonly ConnectTypeRow[]): string {
  const lines = rows.map(({ type, targetType, assessed, same, changed, stops }) => [
    targetType === undefined ? code(type) : `${code(type)} → ${code(targetType)}`,
    assessed,
    listed(same.map(words), ', '),
    listed(
      changed.map(({ value, becomes }) => `${words(value)} → ${becomes}`),
      '<br>',
    ),
    listed(
      stops.map(({ value, error }) => `${words(value)}: ${error}`),
      '<br>',
    ),
  ]);
  const table = [columns, columns.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`);
  return [`## ${title}`, '', ...table, ''].join('\n');
}

function listed(texts: readonly string[], between: string): string {
  return texts.length === 0 ? 'none' : texts.join(between);
}

function words(value: MatrixValue): string {
  return typeof value === 'string' ? code(value) : value[1];
}

/** As Markdown takes it within a table, in one line; an empty text would be no code at all. */
export function code(text: string): string {
  if (text === '') return 'the empty text';
  const shown = JSON.stringify(text)
    .slice(1, -1)
    .replaceAll(String.raw`\"`, '"')
    .replaceAll('|', '\\|');
  return text.includes('`') ? `\`\` ${shown} \`\`` : `\`${shown}\``;
}

/** What is wrong with the page. Pure. */
export function mistakesIn(text: string): readonly string[] {
  return [
    ...(text.startsWith(head) ? [] : ['its head is another one']),
    ...connectTitles.flatMap((title) => mistakesOf(title, sectionOf(text, title) ?? '')),
  ];
}

function mistakesOf(title: ConnectTitle, section: string): readonly string[] {
  const rows = section.split('\n').filter((line) => line.startsWith('| `'));
  if (rows.length === 0) return [`it tells of no type of ${title}`];
  const short = rows.filter((row) => {
    const cells = row.split(/(?<!\\)\|/).slice(1, -1);
    return cells.length !== columns.length || cells.some((cell) => cell.trim() === '');
  });
  return short.map((row) => `${title}: a row tells too little: ${row.slice(0, 60)}`);
}

export function readConnectTypes(): string {
  return readIfThere(page) ?? '';
}

export function writeConnectTypes(title: ConnectTitle, section: string): void {
  writeFileSync(page, withSections([[title, section]], readConnectTypes()));
}

/** The page with these sections in the places of their titles. Pure. */
export function withSections(
  sections: readonly (readonly [title: ConnectTitle, section: string])[],
  text = '',
): string {
  return sections.reduce(
    (whole, [title, section]) => withSection({ head, titles: connectTitles }, whole, title, section),
    text,
  );
}

if (import.meta.main) {
  if (process.argv.includes('--write')) {
    const run = spawnSync('vitest', ['run', '--project', 'kafka', 'test/types/'], {
      stdio: 'inherit',
      env: { ...process.env, [writeVariable]: 'write' },
    });
    if (run.status !== 0) process.exitCode = 1;
  }
  const mistakes = mistakesIn(readConnectTypes());
  for (const mistake of mistakes) process.stdout.write(`${page}: ${mistake}\n`);
  if (mistakes.length > 0) process.exitCode = 1;
}
