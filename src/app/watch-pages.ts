import { dirname, resolve } from 'node:path';
import { liveSide, type MigrationState } from '../journal/state.ts';
import { storedTables, tableKey, type ReplicaIdentity, type Table } from '../model/catalog.ts';
import { isSelected } from '../model/table-selection.ts';
import { familyOf, movedIn } from '../spec/families.ts';
import type { GatesAnswer, CanaryAnswer, ShadowAnswer, TablesAnswer } from '../server/page-schemas.ts';
import type { Certificate, CertificateTable } from '../verify/certificate.ts';
import { personGates } from './approve.ts';
import { connectCarrier } from './connect-carrier.ts';
import { gatesOf } from './gates-of.ts';
import { keptCatalog, keptMapping, keptTopics } from './kept-catalog.ts';
import { certificateNames, readCertificate } from './kept-certificates.ts';
import { readProgress } from './kept-progress.ts';
import type { LoadedSpec } from './load-spec.ts';
import { readCanary } from './read-canary.ts';
import { readShadow } from './read-shadow.ts';

/** What moves, from what was written down when the migration began, and the newest certificate. Asks no system. */
export async function tablesTold({ spec, stateDir }: LoadedSpec, state: MigrationState): Promise<TablesAnswer> {
  const [newest] = await certificateNames(stateDir);
  const certificate = newest === undefined ? undefined : await readCertificate(stateDir, newest);
  const compared = new Map<string, ComparedTable>();
  if (newest !== undefined && certificate !== undefined) {
    for (const table of certificate.tables) compared.set(tableKey(table), comparedOf(newest, certificate, table));
  }
  const topics = keptTopics(stateDir);
  const kept = (keptMapping(stateDir)?.catalog ?? keptCatalog(stateDir))?.tables ?? [];
  const managed = storedTables({ tables: kept }).filter((table) => isSelected(table, spec.tables));
  const rows = topics === undefined ? managed.toSorted(largestFirst).map(tableRow) : topics.map((table) => ({ table }));
  const progress = readProgress(stateDir);
  return {
    moves: movedIn(familyOf(spec.blue.system)),
    copied: copiedOf(state),
    copying: progress?.parts?.map(({ name, share }) => ({ table: name, share })) ?? [],
    tables: rows.map((row) => withCompared(row, compared.get(row.table))),
  };
}

type TableRow = TablesAnswer['tables'][number];
type ComparedTable = NonNullable<TableRow['compared']>;

function tableRow(table: Table): TableRow {
  return {
    table: tableKey(table),
    rows: Math.max(0, Math.round(table.estimatedRows)),
    bytes: Number(table.totalBytes),
    columns: table.columns.length,
    toldApartBy: identityOf(table.replicaIdentity),
  };
}

function withCompared(row: TableRow, compared: ComparedTable | undefined): TableRow {
  return compared === undefined ? row : { ...row, compared };
}

function identityOf(identity: ReplicaIdentity): string {
  if (identity.kind === 'key') return identity.columns.join(', ');
  return identity.kind === 'full' ? 'all columns' : 'nothing';
}

function largestFirst(a: Table, b: Table): number {
  return Number(b.totalBytes - a.totalBytes) || (tableKey(a) < tableKey(b) ? -1 : 1);
}

function comparedOf(
  certificate: string,
  { startedAt }: Certificate,
  { outcome, reason, rows }: CertificateTable,
): ComparedTable {
  return {
    certificate,
    atIso: startedAt,
    outcome,
    ...(reason === undefined ? {} : { reason }),
    ...(rows === undefined ? {} : { rows }),
  };
}

function copiedOf({ stages }: MigrationState): TablesAnswer['copied'] {
  switch (stages['copy']?.state) {
    case undefined:
      return 'not yet';
    case 'running':
      return 'now';
    case 'finished':
      return 'yes';
    case 'undone':
      return 'undone';
  }
}

/** The gates of the file as it is now, with what the journal says of each. A gate of that number that asks something else by now has no answer. */
export function gatesTold(loaded: LoadedSpec, state: MigrationState): GatesAnswer {
  const { spec, stateDir, file } = loaded;
  const unasked = async (): Promise<never> => Promise.reject(new Error('nothing is asked here'));
  const gates = gatesOf(spec, {
    folder: dirname(resolve(file)),
    stateDir,
    live: liveSide(state),
    carrier: connectCarrier({ migration: spec.name, stateDir, urls: { blue: spec.blue.url, green: spec.green.url } }),
    ask: unasked,
    verify: unasked,
    approval: () => undefined,
  });
  const persons = new Map(personGates(loaded, state).map((each) => [each.gate, each]));
  return {
    gates: gates.map(({ id, asks }) => {
      const person = persons.get(id);
      const kept = state.gates[id];
      const said = kept?.asks === asks ? kept.answer : undefined;
      return {
        gate: id,
        asks,
        ...(person === undefined ? {} : { person: person.person }),
        answer: said?.answer ?? 'not asked yet',
        evidence: said?.evidence ?? '',
        ...(said === undefined ? {} : { atIso: said.atIso }),
        ...(person?.given === undefined ? {} : { given: person.given }),
      };
    }),
  };
}

export async function shadowTold(loaded: LoadedSpec): Promise<ShadowAnswer> {
  const found = await readShadow(loaded);
  return { asked: loaded.spec.shadow !== undefined, ...(found === undefined ? {} : { found }) };
}

export async function canaryTold(loaded: LoadedSpec): Promise<CanaryAnswer> {
  const found = await readCanary(loaded);
  return { asked: loaded.spec.canary !== undefined, ...(found === undefined ? {} : { found }) };
}
