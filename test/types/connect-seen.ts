import { expect } from 'vitest';
import type { Finding } from '../../src/stages/assess/finding.ts';
import type { Certificate } from '../../src/verify/certificate.ts';
import {
  code,
  readConnectTypes,
  renderConnectTypes,
  writeConnectTypes,
  writeVariable,
  type ConnectTitle,
  type ConnectTypeRow,
} from '../../tools/connect-types-page.ts';
import { sectionOf } from '../../tools/page-sections.ts';
import type { MatrixValue } from '../../tools/type-matrix-page.ts';

/** Rows of a table: there before the copy, inserted after it, and a NULL that is updated after it. */
export const ways = ['copied', 'inserted', 'updated'] as const;
/** Of each way: the row of value `n` is that many further. */
export const firstIds = { copied: 0, inserted: 100, updated: 200 };

export interface Seen {
  readonly same: readonly MatrixValue[];
  readonly changed: ConnectTypeRow['changed'];
  /** Of both sides together. */
  readonly differentRows: number;
}

/** What a side shows of a column, by the number of its row. */
export type ShownRows = ReadonlyMap<number, string | null>;

/** `told`: what the page says of a row of green, where that is not what is compared. */
export function compareShown(
  values: readonly MatrixValue[],
  { blue, green, told = green }: { readonly blue: ShownRows; readonly green: ShownRows; readonly told?: ShownRows },
): Seen {
  expect(green.size).toBe(blue.size);
  const same: MatrixValue[] = [];
  const changed: { value: MatrixValue; becomes: string }[] = [];
  let differentRows = 0;
  for (const [n, value] of values.entries()) {
    const differing = ways.filter((way) => blue.get(firstIds[way] + n) !== green.get(firstIds[way] + n));
    differentRows += differing.length;
    if (differing.length === 0) same.push(value);
    else
      changed.push({ value, becomes: becomesOf(differing.map((way) => [way, told.get(firstIds[way] + n) ?? null])) });
  }
  return { same, changed, differentRows };
}

function becomesOf(seen: readonly (readonly [way: string, text: string | null])[]): string {
  // A number that is another one in each run.
  const words = (text: string | null): string =>
    text === null ? 'NULL' : code(text.replaceAll(/@[0-9a-f]+\b/g, '@…'));
  const texts = new Set(seen.map(([, text]) => words(text)));
  if (texts.size === 1 && seen.length === ways.length) return [...texts].join('');
  return seen.map(([way, text]) => `${words(text)} ${way}`).join(', ');
}

/** Columns that the certificate says differ, as `table.column`, each with the number of its rows. */
export function differencesOf({ tables }: Certificate): Readonly<Record<string, number>> {
  return Object.fromEntries(
    tables.flatMap(({ name, differences }) =>
      Object.entries(differences?.columns ?? {}).map(([column, rows]) => [`${name}.${column}`, rows]),
    ),
  );
}

/** Tables of which `teal assess` refuses the column. */
export function refusedTables(findings: readonly Finding[]): ReadonlySet<string> {
  const { object = '' } = findings.find(({ code: found }) => found === 'ASSESS-CONNECT-VALUES') ?? {};
  return new Set([...object.matchAll(/\b\w+\.(t\d+)\.v /g)].map(([, table = '']) => table));
}

/** What was seen is what the page says; or becomes it, where the page is being written. */
export function compareWithConnectPage(title: ConnectTitle, rows: readonly ConnectTypeRow[]): void {
  // What assess lets through arrives as it is.
  expect(rows.filter((row) => row.assessed === 'carried' && row.changed.length + row.stops.length > 0)).toEqual([]);
  const section = renderConnectTypes(title, rows);
  if (process.env[writeVariable] === 'write') writeConnectTypes(title, section);
  expect(section.split('\n')).toEqual(sectionOf(readConnectTypes(), title)?.split('\n'));
}
