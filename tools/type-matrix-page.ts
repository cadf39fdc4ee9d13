import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { readIfThere } from './generated-page.ts';
import { sectionOf, withSection as placed } from './page-sections.ts';

export { sectionOf };

const page = 'docs/reference/type-matrix.md';

/** Set where tests write what they see onto the page instead of comparing it. */
export const writeVariable = 'TEAL_TYPE_MATRIX';

/** The pairs of systems on the page, in its order. */
export const matrixTitles = Object.freeze([
  'MySQL 8.0 → PostgreSQL 18',
  'MariaDB 11.4 → PostgreSQL 18',
  'MySQL 8.0 → MySQL 8.0',
  'MariaDB 11.4 → MariaDB 11.4',
  'PostgreSQL 14 → PostgreSQL 18',
] as const);
export type MatrixTitle = (typeof matrixTitles)[number];

/** Of a value: its SQL, or the words that stand for it. */
export type MatrixValue = string | readonly [sql: string, words: string];

/** What was seen of one type between two systems. */
export interface MatrixRow {
  readonly type: string;
  /** Empty where the source has no such type. */
  readonly targetType: string;
  readonly values: readonly MatrixValue[];
  readonly ofNull: string;
  readonly ofValues: string;
  readonly asKey: string;
  readonly malformed: readonly { readonly value: MatrixValue; readonly seen: string }[];
}

const head = `# What was seen of every type

Written by \`node tools/type-matrix-page.ts --write\` from runs on real servers; do not edit. Each run of the tests does it all again and compares: what this page says is what they saw.

Types of the schema \`odd\` are users' own: an enum, domains, a composite, a range. Every value of a type lives eight lives, each in a table with a key and in one without, where a row is found by all that it holds:

- **copied**: it is there before the copy, and stays;
- **updated after the copy**: the copied row gets it, or had it and gets another one; **deleted after the copy**: the copied row that has it goes;
- **inserted**, **updated** (to it and from it), **deleted**: by the stream alone, each in a transaction of its own.

\`equal\` stands for all of these. Then a plain SELECT of each server's own driver shows the same on both sides, and the digests of Teal's verification agree. Where ways differ, each is named. **As a key**: the value
is a part of the primary key, by which rows are updated, deleted, and moved to another key.

**Malformed** is what is none of the type's values, written by a session that is as lax as its settings let it be. \`cannot exist\` was tried as well: the server refused it, or stored a value of the type in its place.
\`stops\` is the flow or the copy that ends there, with its code, before anything wrong is on green. \`after policy …\`: with what \`mapping.values\` can
choose, in a table with a key.
`;

const columns = ['type', 'on green', 'values', 'NULL', 'the values', 'as a key', 'malformed'] as const;

/** The part of the page about one pair. Pure. */
export function renderSection(title: MatrixTitle, rows: readonly MatrixRow[]): string {
  const lines = rows.map(({ type, targetType, values, ofNull, ofValues, asKey, malformed }) => [
    code(type),
    targetType === '' ? 'none' : code(targetType),
    values.map(words).join(', '),
    ofNull,
    ofValues,
    asKey,
    malformed.map(({ value, seen }) => `${words(value)}: ${seen}`).join('<br>'),
  ]);
  const table = [columns, columns.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`);
  return [`## ${title}`, '', ...table, ''].join('\n');
}

function words(value: MatrixValue): string {
  return typeof value === 'string' ? code(value) : value[1];
}

/** As Markdown takes it within a table. */
function code(text: string): string {
  const shown = text.replaceAll('|', '\\|');
  return text.includes('`') ? `\`\` ${shown} \`\`` : `\`${shown}\``;
}

/** The page with another section, in the order of `matrixTitles`. Pure. */
export function withSection(text: string, title: MatrixTitle, section: string): string {
  return placed({ head, titles: matrixTitles }, text, title, section);
}

/** What is wrong with the page: a pair that is missing, another head, a cell in which nothing is told. Pure. */
export function mistakesIn(text: string): readonly string[] {
  const sections = matrixTitles.flatMap((title) => {
    const section = sectionOf(text, title);
    return section === undefined ? [`there is nothing of ${title}`] : mistakesOf(section, title);
  });
  return [...(text.startsWith(head) ? [] : ['its head is another one']), ...sections];
}

function mistakesOf(section: string, title: MatrixTitle): readonly string[] {
  const rows = section.split('\n').filter((line) => line.startsWith('| `'));
  return rows.flatMap((row) => {
    const cells = row.split(/(?<!\\)\|/).slice(1, -1);
    const told = cells.slice(0, -1).every((cell) => cell.trim() !== '' && !/untested|nothing seen/.test(cell));
    return told && cells.length === columns.length ? [] : [`${title}: a row tells too little: ${row.slice(0, 60)}`];
  });
}

/** Of the repository as it stands. */
export function readPage(): string {
  return readIfThere(page) ?? '';
}

export function writeSection(title: MatrixTitle, section: string): void {
  writeFileSync(page, withSection(readPage(), title, section));
}

if (import.meta.main) {
  if (process.argv.includes('--write')) {
    const run = spawnSync('vitest', ['run', '--project', 'mysql', '--project', 'pg', 'test/types/'], {
      stdio: 'inherit',
      env: { ...process.env, [writeVariable]: 'write' },
    });
    if (run.status !== 0) process.exitCode = 1;
  }
  const mistakes = mistakesIn(readFileSync(page, 'utf8'));
  for (const mistake of mistakes) process.stdout.write(`${page}: ${mistake}\n`);
  if (mistakes.length > 0) process.exitCode = 1;
}
