import { tableKey } from '../../../model/catalog.ts';
import { tenantTables } from '../../../model/tenant-tables.ts';
import { finding, type Finding, type Situation } from '../finding.ts';

/** Whether two sides can each take rows of their own tenants: no table, key or row needs both. */
export function checkTenants({ blue, managed, tenants }: Situation): readonly Finding[] {
  if (tenants === undefined) return [];
  const { by, shared, spanning } = tenants;
  const { obstacles, crossing } = tenantTables({ ...blue.catalog, tables: managed }, by, shared);
  const blocks = [
    ...obstacles.map(({ table, what }) => ({ object: tableKey(table), what: `${what}.` })),
    ...spanning.map((what) => ({ object: 'rows', what: `${what}.` })),
  ];
  return [
    ...blocks.map((about) =>
      finding('ASSESS-TENANT-SPANS', {
        side: 'blue',
        ...about,
        why: 'While some tenants are written on green and all others on blue, each side changes its own rows alone. What needs both at once would stop a flow, or be wrong on one of them.',
        mend: '-- put the column into the table and its keys, list a table that they only read in `canary.writes.shared`,\n-- mend the rows, or take `canary.writes` out of the migration file',
      }),
    ),
    ...crossing.map(({ table, key }) =>
      finding('ASSESS-TENANT-LINK', {
        side: 'blue',
        object: key.name,
        what: `${tableKey(table)} leads to ${tableKey(key.references)} without ${by} (${key.name}).`,
        why: 'No row of one tenant leads to one of another now. One that is written while some of them are on green can lead to a row that is deleted on the other side, and neither server would see it.',
      }),
    ),
  ];
}
