import type { Side, TableName } from '../../model/catalog.ts';
import type { PgConnection } from './connection.ts';

const needed = `array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']`;

/**
 * What the role of this session may not do any more on a side, though a flow to it, or its fence, will have to; sentences. A flow in shadow applies nothing and so never
 * meets it.
 */
export async function readRefused(
  connection: PgConnection,
  tables: readonly TableName[],
  side: Side,
): Promise<readonly string[]> {
  const { rows } = await connection.query(
    `select current_user as role, n.nspname || '.' || c.relname as name,
       array_to_string(array(select p from unnest(${needed}) as p where not has_table_privilege(c.oid, p)), ', ') as missing,
       has_schema_privilege(n.oid, 'usage') as enters, pg_has_role(c.relowner, 'usage') as owns
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     join unnest($1::text[], $2::text[]) as wanted (schema, name) on wanted.schema = n.nspname and wanted.name = c.relname
     order by 2`,
    [tables.map(({ schema }) => schema), tables.map(({ name }) => name)],
  );
  return rows.flatMap(({ role, name, missing, enters, owns }) => [
    ...(enters === 't' ? [] : [`${role} may not use the schema of ${name} on ${side}`]),
    ...(missing === '' ? [] : [`${role} may not ${missing} ${name} on ${side}`]),
    ...(owns === 't' ? [] : [`${role} does not own ${name} on ${side}`]),
  ]);
}
