import { addressOf } from './address.ts';
import type { Side } from '../model/catalog.ts';
import type { ChangedColumn } from '../model/changed-values.ts';
import type { PollSettings } from '../model/follow-method.ts';
import type { PolledColumn } from '../model/polled-column.ts';
import { isSelected } from '../model/table-selection.ts';
import { tenantTables } from '../model/tenant-tables.ts';
import type { SystemIdentity } from '../ports/introspector.ts';
import type { Spec, TenantsSpec } from '../spec/spec.ts';
import { assess, blockersOf, inOrder, type Assessment } from '../stages/assess/assess.ts';
import { renderAssessment } from '../stages/assess/render.ts';
import type { AssessOptions, SideView } from '../stages/assess/finding.ts';
import { findChangedValues } from '../systems/postgres/changed-values.ts';
import { connect } from '../systems/postgres/connection.ts';
import { createIntrospector } from '../systems/postgres/inspect/introspector.ts';
import { checkRouter } from './routers.ts';
import { measurePolled } from '../systems/postgres/polling/measure.ts';
import { polledBy } from '../systems/postgres/polling/step.ts';
import { rowsThatSpan } from '../systems/postgres/tenants/spanning.ts';

/** Looks at one side and changes nothing. */
export async function lookAt(side: Side, url: string, signal?: AbortSignal): Promise<SideView> {
  await using connection = await connect({ url, applicationName: `teal look ${side}`, signal });
  const introspector = createIntrospector(connection, { address: addressOf(url) });
  return {
    identity: await introspector.identify(),
    catalog: await introspector.describe(),
    facts: await introspector.facts(),
  };
}

/** Who a side is; asks nothing else. */
export async function identify(side: Side, url: string, signal?: AbortSignal): Promise<SystemIdentity> {
  await using connection = await connect({ url, applicationName: `teal look ${side}`, signal });
  return await createIntrospector(connection, { address: addressOf(url) }).identify();
}

export interface AssessedPostgres {
  readonly assessment: Assessment;
  /** How many findings stop the migration before it begins. */
  readonly blockers: number;
  /** For a terminal of 80 columns, or the document to keep: inventory and findings. */
  render(format: 'text' | 'markdown'): string;
  readonly blue: SideView;
  readonly green: SideView;
}

/** The columns by which the tables that move are to be polled. */
async function lookAtPolled(
  { blue, tables }: Spec,
  poll: PollSettings,
  { catalog }: SideView,
  signal?: AbortSignal,
): Promise<readonly PolledColumn[]> {
  await using connection = await connect({ url: blue.url, applicationName: 'teal look blue', signal });
  const managed = catalog.tables.filter((table) => isSelected(table, tables));
  return await measurePolled(connection, polledBy(poll, managed));
}

async function lookAtChanged(
  { blue, tables }: Spec,
  { catalog }: SideView,
  signal?: AbortSignal,
): Promise<readonly ChangedColumn[]> {
  await using connection = await connect({ url: blue.url, applicationName: 'teal look blue', signal });
  return await findChangedValues(
    connection,
    catalog.tables.filter((table) => isSelected(table, tables)),
  );
}

/** Rows that lead to those of another tenant. */
async function lookAtTenants(
  { by, shared }: TenantsSpec,
  { blue, tables }: Spec,
  { catalog }: SideView,
  signal?: AbortSignal,
): Promise<NonNullable<AssessOptions['tenants']>> {
  await using connection = await connect({ url: blue.url, applicationName: 'teal look blue', signal });
  const managed = catalog.tables.filter((table) => isSelected(table, tables));
  const found = tenantTables({ ...catalog, tables: managed }, by, shared);
  return { by, shared, spanning: await rowsThatSpan(connection, found, by) };
}

/** Looks at both sides and judges what was seen. Changes nothing. */
export async function assessBoth(spec: Spec, signal?: AbortSignal): Promise<AssessedPostgres> {
  const [blue, green, found] = await Promise.all([
    lookAt('blue', spec.blue.url, signal),
    lookAt('green', spec.green.url, signal),
    checkRouter(spec),
  ]);
  const { router, clientAuth, authFile } = spec.traffic;
  const proxyReadsPasswords = router === 'proxy' && clientAuth === 'scram' && authFile === undefined;
  const { method, poll } = spec.follow;
  const judged = assess(blue, green, {
    ...spec.tables,
    proxyReadsPasswords,
    method,
    ...(spec.connect === undefined
      ? {}
      : {
          connect: {
            changed: await lookAtChanged(spec, blue, signal),
            accepted: spec.connect.acceptUnfaithful,
          },
        }),
    ...(spec.canary?.writes === undefined
      ? {}
      : { tenants: await lookAtTenants(spec.canary.writes, spec, blue, signal) }),
    ...(poll === undefined ? {} : { polled: await lookAtPolled(spec, poll, blue, signal), pollColumns: poll.columns }),
  });
  const assessment = { ...judged, findings: inOrder([...judged.findings, ...found]) };
  return {
    assessment,
    blockers: blockersOf(assessment).length,
    render: (format) => renderAssessment(assessment, format),
    blue,
    green,
  };
}
