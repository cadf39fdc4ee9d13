import { otherSide, type Side } from '../model/catalog.ts';
import type { Flow } from '../ports/carrier.ts';
import type { HeldSnapshot, SideFacts } from '../ports/digester.ts';
import { sealCertificate, type Certificate, type CertificateObjects, type CertificateTable } from './certificate.ts';
import type { TableDifferences } from './differences.ts';
import type { AbsentTable } from './pair-tables.ts';
import type { TableOutcome } from './outcome.ts';

interface CertifiedSide {
  readonly side: Side;
  readonly facts: SideFacts;
  readonly snapshot: Pick<HeldSnapshot, 'position' | 'takenAt'>;
}

export interface Certified {
  readonly migration: string;
  readonly flow: Flow;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly heldMs: number;
  readonly live: CertifiedSide;
  readonly other: CertifiedSide;
  readonly tables: readonly TableOutcome[];
  readonly objects: CertificateObjects;
}

/** Pure: the certificate of what was found. Rows decide the result; other objects are listed beside, for a gate to judge. */
export function certificateOf(found: Certified): Certificate {
  const tables = found.tables.map((outcome) => tableOf(outcome, found.live.side));
  return sealCertificate({
    format: 'teal-certificate',
    version: 1,
    migration: found.migration,
    flow: found.flow,
    result: resultOf(tables),
    precision: tables.some((table) => table.leftOut.length > 0) ? 'reduced' : 'full',
    startedAt: found.startedAt,
    durationMs: found.durationMs,
    heldMs: found.heldMs,
    live: sideOf(found.live),
    other: sideOf(found.other),
    tables,
    objects: found.objects,
  });
}

function resultOf(tables: readonly CertificateTable[]): Certificate['result'] {
  if (tables.some(({ outcome }) => outcome === 'differs' || outcome === 'absent')) return 'differs';
  return tables.some(({ outcome }) => outcome === 'unsettled') ? 'unsettled' : 'equal';
}

export function outcomeOfAbsent(table: AbsentTable, liveSide: Side): TableOutcome {
  const sides = table.absentOn.map((role) => (role === 'live' ? liveSide : otherSide(liveSide)));
  return { name: table.name, outcome: 'absent', reason: `not on ${sides.join(' nor on ')}` };
}

function sideOf({ side, facts, snapshot }: CertifiedSide): Certificate['live'] {
  const { version, address } = facts;
  return { side, version, address, position: snapshot.position, snapshotAt: snapshot.takenAt };
}

function tableOf(outcome: TableOutcome, liveSide: Side): CertificateTable {
  const { pair, live, other } = outcome;
  const sums = live === undefined || other === undefined ? undefined : bySide(liveSide, live, other);
  return {
    schema: outcome.name.schema,
    name: outcome.name.name,
    outcome: outcome.outcome,
    leftOut: [...(pair?.leftOut ?? [])],
    differentTypes: [...(pair?.differentTypes ?? [])],
    ...('reason' in outcome && outcome.reason !== undefined ? { reason: outcome.reason } : {}),
    ...(outcome.form === undefined ? {} : { form: outcome.form }),
    ...(pair === undefined ? {} : { keyed: pair.live.key.length > 0 }),
    ...(sums === undefined
      ? {}
      : {
          rows: { blue: String(sums.blue.rows), green: String(sums.green.rows) },
          digest: { blue: sums.blue.digest, green: sums.green.digest },
        }),
    ...('differences' in outcome ? { differences: differencesOf(outcome.differences, liveSide) } : {}),
  };
}

function differencesOf(found: TableDifferences, liveSide: Side): NonNullable<CertificateTable['differences']> {
  return {
    missing: bySide(liveSide, found.missingOnLive, found.missingOnOther),
    different: found.different,
    columns: { ...found.columns },
    described: found.kept.length,
    truncated: found.truncated,
  };
}

function bySide<T>(liveSide: Side, live: T, other: T): { readonly blue: T; readonly green: T } {
  return liveSide === 'blue' ? { blue: live, green: other } : { blue: other, green: live };
}
