import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { readIfThere } from './generated-page.ts';

const page = 'docs/reference/connect-types.md';

/** Set where the test writes what it sees onto the page instead of comparing it. */
export const writeVariable = 'TEAL_CONNECT_TYPES';

/** What was seen of one type on the way of `carrier: connect`. */
export interface ConnectTypeRow {
  /** Of PostgreSQL. */
  readonly type: string;
  /** What `teal assess` says of a column that holds the values. */
  readonly assessed: 'carried' | 'refused';
  /** As the server writes them. */
  readonly same: readonly string[];
  readonly changed: readonly { readonly value: string; readonly becomes: string }[];
  /** Values, and the class of the error with which a task ends. */
  readonly stops: readonly { readonly value: string; readonly error: string }[];
}

const head = `# What Kafka Connect makes of every type

Written by \`node tools/connect-types-page.ts --write\` from a run on real servers; do not edit. Each run of the tests does it all again and compares: a migration from PostgreSQL 14 to 18 with \`carrier: connect\`
(Kafka 4.3.1, Debezium 3.5.0), one table for each type. Every value is there before the copy, is inserted after it, and takes the place of a NULL after it. Types of the schema \`odd\` are users' own: an enum, domains, a
composite, a range.

- **assess**: \`refused\` where \`teal assess\` refuses a column that holds all of these values (ASSESS-CONNECT-VALUES), unless \`connect.acceptUnfaithful\` names it. \`carried\`: it says nothing, and every value arrived as it is.
- **others**: they were accepted, and arrived as what stands beside them. The certificate that was made then says of each of these columns that it differs, and in how many rows; no other column does.
- **stop**: such a row, there before the copy, ends a task, and nothing behind it arrives, until it is changed on blue and the migration is begun anew (TEAL-CARRIERS-014).

What Teal's own carrier makes of the same values: [type-matrix.md](type-matrix.md), the last section.
`;

const columns = ['type', 'assess', 'arrive as they are', 'arrive as others', 'stop the path'] as const;

/** Pure. */
export function renderConnectTypes(rows: readonly ConnectTypeRow[]): string {
  const lines = rows.map(({ type, assessed, same, changed, stops }) => [
    code(type),
    assessed,
    listed(same.map(code), ', '),
    listed(
      changed.map(({ value, becomes }) => `${code(value)} → ${becomes}`),
      '<br>',
    ),
    listed(
      stops.map(({ value, error }) => `${code(value)}: ${error}`),
      '<br>',
    ),
  ]);
  const table = [columns, columns.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`);
  return [head, ...table, ''].join('\n');
}

function listed(texts: readonly string[], between: string): string {
  return texts.length === 0 ? 'none' : texts.join(between);
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
  const rows = text.split('\n').filter((line) => line.startsWith('| `'));
  const short = rows.filter((row) => {
    const cells = row.split(/(?<!\\)\|/).slice(1, -1);
    return cells.length !== columns.length || cells.some((cell) => cell.trim() === '');
  });
  return [
    ...(text.startsWith(head) ? [] : ['its head is another one']),
    ...(rows.length === 0 ? ['it tells of no type'] : []),
    ...short.map((row) => `a row tells too little: ${row.slice(0, 60)}`),
  ];
}

export function readConnectTypes(): string {
  return readIfThere(page) ?? '';
}

export function writeConnectTypes(text: string): void {
  writeFileSync(page, text);
}

if (import.meta.main) {
  if (process.argv.includes('--write')) {
    const run = spawnSync('vitest', ['run', '--project', 'kafka', 'test/types/connect-types.kafka.test.ts'], {
      stdio: 'inherit',
      env: { ...process.env, [writeVariable]: 'write' },
    });
    if (run.status !== 0) process.exitCode = 1;
  }
  const mistakes = mistakesIn(readConnectTypes());
  for (const mistake of mistakes) process.stdout.write(`${page}: ${mistake}\n`);
  if (mistakes.length > 0) process.exitCode = 1;
}
