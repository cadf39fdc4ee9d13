import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { tableKey } from '../model/catalog.ts';
import { openCertificate, type Certificate, type CertificateTable } from '../verify/certificate.ts';
import { certificatesFolder } from './keep-certificate.ts';
import type { KeptDifferences } from './keep-differences.ts';
import type { KeptRepair } from './kept-repair.ts';
import type { ToldCause } from './told-causes.ts';
import type { ToldRepair } from './told-repair.ts';
import { absent } from './wanted.ts';

/** Newest first, by name: it begins with the time. Empty where none was kept. */
export async function certificateNames(stateDir: string): Promise<readonly string[]> {
  const files = await readdir(certificatesFolder(stateDir)).catch(absent);
  return (files ?? [])
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .sort()
    .toReversed();
}

/** One that is kept under the name, after its sum was verified (TEAL-VERIFY-004); undefined when there is none. The name may come from anywhere. */
export async function readCertificate(stateDir: string, name: string): Promise<Certificate | undefined> {
  if (!(await certificateNames(stateDir)).includes(name)) return undefined;
  return openCertificate(await readFile(join(certificatesFolder(stateDir), `${name}.json`), 'utf8'));
}

/** What tables of a certificate are not equal in: counts and columns, by the names of the sides. */
export interface TableDifference {
  readonly table: string;
  readonly outcome: 'differs' | 'absent' | 'unsettled';
  readonly reason?: string;
  readonly missing?: { readonly blue: number; readonly green: number };
  readonly different?: number;
  readonly columns?: Readonly<Record<string, number>>;
  readonly causes?: readonly (Omit<ToldCause, 'examples' | 'sql'> & Partial<ToldCause>)[];
  readonly repair?: ToldRepair;
}

/** What was kept beside a certificate of what it found. */
export interface KeptBeside {
  readonly differences: KeptDifferences | undefined;
  readonly repair: KeptRepair | undefined;
  /** For who may see rows: causes with the keys and the statements that show them, and what would make some rows equal. */
  readonly withRows: boolean;
}

export function tableDifferences({ tables }: Certificate, beside: KeptBeside): readonly TableDifference[] {
  const causesOf = new Map(beside.differences?.tables.map((each) => [each.table, each.causes] as const));
  const repairOf = new Map(beside.repair?.tables.map((each) => [each.table, each.repair] as const));
  return tables.flatMap((table) =>
    differenceOf(table).map((difference): TableDifference => {
      const causes = causesOf.get(difference.table);
      const repair = beside.withRows ? repairOf.get(difference.table) : undefined;
      const told = causes === undefined || beside.withRows ? causes : causes.map(withoutRows);
      return {
        ...difference,
        ...(told === undefined ? {} : { causes: told }),
        ...(repair === undefined ? {} : { repair }),
      };
    }),
  );
}

function withoutRows({
  cause,
  what,
  says,
  confidence,
  count,
  of,
  columns,
}: ToldCause): Omit<ToldCause, 'examples' | 'sql'> {
  return { cause, what, says, confidence, count, of, columns };
}

function differenceOf(table: CertificateTable): readonly TableDifference[] {
  const { outcome, reason, differences } = table;
  if (outcome === 'equal') return [];
  const counts =
    differences === undefined
      ? {}
      : { missing: differences.missing, different: differences.different, columns: differences.columns };
  return [{ table: tableKey(table), outcome, ...(reason === undefined ? {} : { reason }), ...counts }];
}
