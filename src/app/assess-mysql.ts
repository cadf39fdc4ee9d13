import { isTealError } from '../kernel/errors.ts';
import { tableKey, type Side } from '../model/catalog.ts';
import type { MysqlCatalog } from '../model/mysql-catalog.ts';
import { isSelected, type TableSelection } from '../model/table-selection.ts';
import { mappingJson, mappingMarkdown } from '../mapping/document.ts';
import { mapCatalog } from '../mapping/map-catalog.ts';
import type { Mapping } from '../mapping/mapping.ts';
import type { MappingOptions, Offence } from '../mapping/options.ts';
import { findingsOf, offencesOf, profileOf, type Finding as DataFinding } from '../mapping/profile.ts';
import { obstaclesOf } from '../mapping/obstacles.ts';
import type { Spec } from '../spec/spec.ts';
import { inOrder, type Assessment } from '../stages/assess/assess.ts';
import { finding, type Finding, type SideView } from '../stages/assess/finding.ts';
import { assessMysql } from '../stages/assess/mysql/assess-mysql.ts';
import { checkData, type UnfitRows } from '../stages/assess/mysql/data.ts';
import { checkPostgresGreen } from '../stages/assess/mysql/postgres-green.ts';
import { capital } from '../stages/assess/text.ts';
import type { MysqlAssessOptions as AssessFacts, MysqlSideView } from '../stages/assess/mysql/situation.ts';
import { parseAddress } from '../systems/mysql/address.ts';
import { connect, type MysqlConnection } from '../systems/mysql/connection.ts';
import { createIntrospector } from '../systems/mysql/inspect/introspector.ts';
import { measurePolled } from '../systems/mysql/polling/measure.ts';
import { readUnfit } from '../systems/mysql/schema-fit.ts';
import { isKnownType } from '../systems/mysql/inspect/known-type.ts';
import { readsCharacterSet } from '../systems/mysql/values/charset.ts';
import { addressOf } from './address.ts';
import { assessMysqlConnect } from './assess-mysql-connect.ts';
import { selectedCatalog } from './kept-catalog.ts';
import { lookAt } from './look.ts';
import { checkRouter } from './routers.ts';

export interface MysqlAssessOptions {
  /** Also read every row of blue once, to count what green cannot hold. Only where green is PostgreSQL. */
  readonly profile: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** How the schema of blue becomes one of PostgreSQL, for people and for programs. */
export interface MappingDocument {
  readonly markdown: string;
  readonly json: string;
}

export interface MysqlAssessed {
  readonly assessment: Assessment;
  readonly blue: MysqlSideView;
}

/** Where both sides are of one family nothing is translated. */
export interface TwinsAssessed extends MysqlAssessed {
  readonly green: MysqlSideView;
}

export interface TranslatedAssessed extends MysqlAssessed {
  readonly mapping: MappingDocument;
  readonly options: MappingOptions;
  readonly green: SideView;
}

async function lookAtMysql(side: Side, url: string, signal: AbortSignal | undefined): Promise<MysqlSideView> {
  await using connection = await connect({ url, applicationName: `teal look ${side}`, signal });
  const { database } = parseAddress(url);
  const introspector = createIntrospector(connection, { database, address: addressOf(url) });
  return {
    identity: await introspector.identify(),
    catalog: await introspector.describe(),
    facts: await introspector.facts(),
  };
}

/** Looks at two sides that are MySQL or MariaDB, and judges what was seen. Changes nothing. */
export async function assessMysqlTwins(spec: Spec, { signal }: MysqlAssessOptions): Promise<TwinsAssessed> {
  const blue = await lookAtMysql('blue', spec.blue.url, signal);
  const green = await lookAtMysql('green', spec.green.url, signal);
  const judged = assessMysql(blue, green, {
    ...spec.tables,
    ...(await followed(spec, blue, signal)),
    knowsType: isKnownType,
    readsCharacterSet,
  });
  const found = [...checkUnfit(await unfitOf(spec, blue.catalog, signal)), ...(await checkRouter(spec))];
  return { assessment: { ...judged, findings: inOrder([...judged.findings, ...found]) }, blue, green };
}

/** How blue is followed, and, where it is polled, what its columns are like. */
async function followed(
  { blue: { url }, follow, tables }: Spec,
  { catalog }: MysqlSideView,
  signal: AbortSignal | undefined,
): Promise<Pick<AssessFacts, 'method' | 'acceptFrozenSchema' | 'polled' | 'pollColumns' | 'pollZoneIsKnown'>> {
  const { method, acceptFrozenSchema, poll } = follow;
  if (poll === undefined) return { method, acceptFrozenSchema };
  await using connection = await connect({ url, applicationName: 'teal look blue', signal });
  const managed = catalog.tables.filter((table) => isSelected(table, tables));
  return {
    method,
    acceptFrozenSchema,
    polled: await measurePolled(connection, managed, poll),
    pollColumns: poll.columns,
    pollZoneIsKnown: poll.zoneMinutes !== undefined,
  };
}

async function unfitOf(spec: Spec, catalog: MysqlCatalog, signal: AbortSignal | undefined): Promise<readonly string[]> {
  await using blue = await connect({ url: spec.blue.url, applicationName: 'teal look blue', signal });
  await using green = await connect({ url: spec.green.url, applicationName: 'teal look green', signal });
  const { database } = parseAddress(spec.blue.url);
  const excludeTables = catalog.tables.filter((table) => !isSelected(table, spec.tables));
  try {
    return await readUnfit(blue, green, catalog, { database, excludeTables });
  } catch (error) {
    // What the account may not see is a finding of its own.
    if (isTealError(error, 'TEAL-SYSTEMS-010')) return [];
    throw error;
  }
}

function checkUnfit(sentences: readonly string[]): readonly Finding[] {
  return sentences.map((sentence) =>
    finding('ASSESS-MYSQL-UNFIT', {
      side: 'green',
      object: /^[\w ]+ (\S+):/.exec(sentence)?.[1] ?? '',
      what: `${capital(sentence)}.`,
      why: 'Nothing is replaced by something like it: rows would be refused on green, or mean something else there.',
      mend: '-- change it on blue, take a green that has it, or leave the table out (tables.exclude)',
    }),
  );
}

/** Looks at a blue that is MySQL or MariaDB and at a PostgreSQL that is to take its data, and judges what was seen. Changes nothing. */
export async function assessMysqlToPostgres(spec: Spec, options: MysqlAssessOptions): Promise<TranslatedAssessed> {
  const { signal } = options;
  const blue = await lookAtMysql('blue', spec.blue.url, signal);
  const green = await lookAt('green', spec.green.url, signal);
  const judged = assessMysql(blue, undefined, {
    ...withoutDropped(spec),
    isDropped: (table, column) => spec.mapping?.tables?.[tableKey(table)]?.columns?.[column]?.drop === true,
    ...(await followed(spec, blue, signal)),
    knowsType: isKnownType,
    readsCharacterSet,
  });
  const catalog = selectedCatalog(blue.catalog, spec.tables);
  const asked = mappingOptions(spec, green.identity.major);
  const mapped = mapCatalog(catalog, asked);
  const found = options.profile ? await profile(spec, mapped, blue.identity.kind, signal) : undefined;
  const offences = offencesOf(found?.map(({ finding: each }) => each) ?? []);
  const mappedWith = offences.length === 0 ? asked : mappingOptions(spec, green.identity.major, offences);
  const mapping = offences.length === 0 ? mapped : mapCatalog(catalog, mappedWith);
  return {
    assessment: {
      ...judged,
      findings: inOrder([
        ...judged.findings,
        ...checkPostgresGreen(green),
        ...checkMapping(mapping),
        ...checkMovable(mapping),
        ...checkData(found?.map(({ rows }) => rows)),
        ...(await assessMysqlConnect(spec, mapping, signal)),
        ...(await checkRouter(spec)),
      ]),
    },
    mapping: { markdown: mappingMarkdown(mapping), json: mappingJson(mapping) },
    options: mappedWith,
    blue,
    green,
  };
}

/** A table that the mapping drops is not moved, as one that is not selected. */
function withoutDropped({ tables, mapping }: Spec): TableSelection {
  const dropped = Object.entries(mapping?.tables ?? {}).flatMap(([key, { drop }]) =>
    // A name that reads as a pattern would hide others.
    drop === true && !key.includes('*') ? [key] : [],
  );
  return { ...tables, exclude: [...(tables.exclude ?? []), ...dropped] };
}

/** `mapping` of the file, as the translation takes it. */
export function mappingOptions(spec: Spec, postgresMajor: number, offences: readonly Offence[] = []): MappingOptions {
  const { schemas, tables, values, collations, guards } = spec.mapping ?? {};
  return {
    postgresMajor,
    ...(schemas === undefined ? {} : { schemas }),
    ...(tables === undefined ? {} : { tables: tables as NonNullable<MappingOptions['tables']> }),
    ...(values === undefined ? {} : { policy: { ...values, invalidText: 'stop' } }),
    ...(collations === undefined ? {} : { collations }),
    ...(guards === undefined ? {} : { guards }),
    ...(offences.length === 0 ? {} : { offences }),
  };
}

/** Programs and the like: the assessment of blue has a finding of its own for each kind. */
const toldElsewhere: ReadonlySet<string> = new Set(['view', 'procedure', 'function', 'event', 'trigger', 'sequence']);

function checkMapping({ mistakes, notCarried }: Mapping): readonly Finding[] {
  return [
    ...mistakes.map((mistake) =>
      finding('ASSESS-MYSQL-MAPPING', {
        what: `${mistake}.`,
        why: 'Nothing may be made on green while the file says something that cannot be done.',
      }),
    ),
    ...notCarried
      .filter(({ kind }) => !toldElsewhere.has(kind))
      .map(({ kind, name, why }) =>
        finding('ASSESS-MYSQL-NOT-CARRIED', {
          side: 'blue',
          object: name,
          what: `The ${kind} ${name} has no place on green.`,
          why: `${capital(why)}.`,
        }),
      ),
  ];
}

/** What can be translated, and not be carried. */
function checkMovable(mapping: Mapping): readonly Finding[] {
  return obstaclesOf(mapping).map(({ kind, name, what, mend }) =>
    kind === 'no way back'
      ? finding('ASSESS-MYSQL-NO-WAY-BACK', {
          side: 'blue',
          object: name,
          what: `${name} ${what}.`,
          why: 'After a cut, rows that clients write on green could not be carried back to blue.',
          mend,
        })
      : finding('ASSESS-MYSQL-NOT-MOVED', {
          side: 'blue',
          object: name,
          what: `${name} ${what}.`,
          why: 'A change of a row has to find the same row on the other side.',
          mend,
        }),
  );
}

interface Profiled {
  readonly finding: DataFinding;
  readonly rows: UnfitRows;
}

/** One statement after the other: they read whole tables. */
async function profile(
  spec: Spec,
  mapping: Mapping,
  flavour: 'mysql' | 'mariadb',
  signal: AbortSignal | undefined,
): Promise<readonly Profiled[]> {
  await using connection = await connect({ url: spec.blue.url, applicationName: 'teal look blue', signal });
  const found: Profiled[] = [];
  for (const scan of profileOf(mapping, flavour)) {
    signal?.throwIfAborted();
    const { rows } = await connection.query(scan.sql);
    for (const each of findingsOf(scan, rows[0] ?? {})) {
      const { table, columns, meaning, policy, cleansing } = each.check;
      const samples = await samplesOf(connection, each);
      found.push({ finding: each, rows: { table, columns, count: each.count, meaning, policy, cleansing, samples } });
    }
  }
  return found;
}

async function samplesOf(connection: MysqlConnection, { check }: DataFinding): Promise<readonly string[]> {
  if (check.samples === undefined) return [];
  const { rows } = await connection.query(check.samples);
  return rows.map((row) => check.keyColumns.map((name) => `${name} = ${row[name] ?? 'NULL'}`).join(', '));
}
