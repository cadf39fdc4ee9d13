import type { DifferentRow } from '../app/different-row.ts';
import type { ComparedTable } from '../app/differences.ts';
import type { Verification } from '../app/comparison.ts';
import type { ToldCause } from '../app/told-causes.ts';
import { wordsOf } from '../kernel/vocabulary.ts';
import { tone, wrap } from './print.ts';

/** What `teal verify` has to tell. */
export interface Verified {
  readonly verification: Verification;
  /** The repair's statements; empty when there are none. */
  readonly sql: readonly string[];
  /** More rows differ than a repair may hold. */
  readonly tooMany?: boolean;
  /** Where the statements were written, in place of the terminal. */
  readonly out?: string;
  /** How many rows `--fix` changed, and the comparison after it. */
  readonly repaired?: number;
  readonly after?: Verification;
}

const rowsShown = 20;
const causesShown = 3;
const statementsShown = 40;

export function renderVerified(verified: Verified): string {
  const { verification, repaired, after } = verified;
  if (verification.verified.equal) return equalText(verification);
  const other = verification.live === 'blue' ? 'green' : 'blue';
  const found = verification.tables.filter(({ outcome }) => outcome !== 'equal');
  const head = wrap(
    `${other} differs from ${verification.live}, which is live, in ${found.length} of ${verification.tables.length} ${wordsOf(verification.of).things} (certificate: ${verification.file})`,
    80,
  );
  const tables = found.map((table) => renderTable(table).join('\n'));
  if (repaired === undefined || after === undefined) {
    return [tone('red', head), ...tables, ...repairText(verified, other)].join('\n\n');
  }
  const text = `${repaired} rows of ${other} were made equal to ${verification.live}'s.`;
  const end = after.verified.equal
    ? `${text} ${equalText(after)}`
    : [wrap(`${text} It still differs:`, 80), ...stillDifferent(after)].join('\n\n');
  return [head, ...tables, end].join('\n\n');
}

function equalText(verification: Verification): string {
  return tone('bold', wrap(`Both sides are equal: ${verification.verified.evidence}`, 80));
}

function stillDifferent(after: Verification): readonly string[] {
  return after.tables.filter(({ outcome }) => outcome !== 'equal').map((table) => renderTable(table).join('\n'));
}

function renderTable(table: ComparedTable): readonly string[] {
  if (table.outcome !== 'differs' || table.reason !== undefined)
    return [`${tone('bold', table.table)}: ${table.reason ?? table.outcome}`];
  const counts: readonly (readonly [number, string])[] = [
    [table.missing.blue, 'missing on blue'],
    [table.missing.green, 'missing on green'],
    [table.different, 'different'],
  ];
  const told = counts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  const shown = table.rows.slice(0, rowsShown);
  const rest = table.missing.blue + table.missing.green + table.different - shown.length;
  return [
    `${tone('bold', table.table)}: ${told.join(', ')}`,
    ...shown.map(renderRow),
    ...(rest > 0 ? [`  … and ${rest} more`] : []),
    ...table.causes.slice(0, causesShown).flatMap((cause) => renderCause(cause)),
  ];
}

/** What probably happened, and what to look at on either side to see it. */
function renderCause({ cause, what, columns, says, count, of, confidence, sql }: ToldCause): readonly string[] {
  const sure = `${Math.floor(confidence * 100)}%`;
  const text = `probably ${cause} (${columns.join(', ')}): ${says}; ${count} of ${of} ${what}, ${sure} sure`;
  const look = sql.blue === sql.green ? [sql.blue] : [`on blue: ${sql.blue}`, `on green: ${sql.green}`];
  return [tone('yellow', wrap(text, 78, '  ')), ...look.map((line) => `      ${oneLine(line, 2_000)}`)];
}

/** On one line, to be searched for; keys are as long as they are. */
function renderRow({ key, what, columns }: DifferentRow): string {
  const names = Object.entries(key).map(([name, value]) => `${name} = ${value === null ? 'NULL' : oneLine(value)}`);
  return `  ${names.join(', ')}: ${what === 'different' ? `${columns.join(', ')} differ${columns.length === 1 ? 's' : ''}` : what}`;
}

/** A key may hold control characters: none of them reaches the terminal. */
function oneLine(value: string, longest = 60): string {
  const plain = /[^\p{L}\p{N}\p{P}\p{S} ]/u.test(value) ? JSON.stringify(value).replaceAll(/\p{C}/gu, '?') : value;
  return plain.length > longest ? `${plain.slice(0, longest - 1)}…` : plain;
}

const notRepaired = Object.freeze({
  tables: 'Nothing of it can be repaired row by row.',
  topics:
    'Records of a log are not repaired one by one. While blue is live `teal abort` and `teal up` mirror everything anew; while green is, take what blue lacks over by hand.',
});

function repairText({ verification, sql, tooMany, out }: Verified, other: string): readonly string[] {
  if (tooMany === true) {
    return [wrap(`Too many rows differ to repair them one by one. Find the cause, then copy the tables again.`, 80)];
  }
  if (sql.length === 0) return [wrap(notRepaired[verification.of ?? 'tables'], 80)];
  const fix = `\`teal verify --fix\` makes ${other} equal while the flow stands still at one position`;
  if (out !== undefined) {
    return [wrap(`${fix}. The same as SQL is in ${out}; it holds rows' values.`, 80)];
  }
  if (sql.length > statementsShown) {
    return [wrap(`${fix}. As SQL it has ${sql.length} statements: --out <path> writes them.`, 80)];
  }
  return [`${wrap(`${fix}. As SQL, for ${other}, as long as nobody writes these rows:`, 80)}\n\n${sql.join('\n')}`];
}
