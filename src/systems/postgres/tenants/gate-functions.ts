import type { TableName } from '../../../model/catalog.ts';
import { tenantSigns } from '../../../ports/tenants.ts';
import { quoteIdent, quoteLiteral } from '../quote.ts';

/** Fires for each row of a table that has the tenant's column, after the row has all of its values. */
export const rowTrigger = 'teal_tenants';
/** Of blue: for statements that would take away rows which green has in use: TRUNCATE, and the end of rows of others to which rows of tenants lead. */
export const keptTrigger = 'teal_kept';

const open = 'begin return null; end';

const functionOf = (name: string, body: string): string =>
  `create or replace function teal.${name}() returns trigger language plpgsql as ${quoteLiteral(body)}`;

const refuse = (why: string): string => `raise exception using
    errcode = ${quoteLiteral(tenantSigns.sqlState)},
    message = pg_catalog.format(${quoteLiteral(`${tenantSigns.message}: ${why}`)}, tg_table_schema, tg_table_name)`;

const namesOf = (texts: readonly string[]): string => `array[${texts.map(quoteLiteral).join(', ')}]::pg_catalog.text[]`;

export const openRows = functionOf('tenants', open);
export const openKept = functionOf('kept', open);

/** Of blue: refuses rows of these tenants, also one that was theirs or becomes so. */
export function closedRows(column: string, tenants: readonly string[]): string {
  const isTheirs = (row: string): string =>
    `${row}.${quoteIdent(column)}::pg_catalog.text operator(pg_catalog.=) any (${namesOf(tenants)})`;
  return functionOf(
    'tenants',
    `declare is_away boolean := false;
begin
  if tg_op <> 'DELETE' then is_away := ${isTheirs('new')}; end if;
  if tg_op <> 'INSERT' and is_away is not true then is_away := ${isTheirs('old')}; end if;
  if is_away then ${refuse('rows of this tenant in %I.%I are written on green until the canary is over')}; end if;
  return null;
end`,
  );
}

export const closedKept = functionOf(
  'kept',
  `begin ${refuse('%I.%I is not emptied, and loses no row to which rows of tenants lead, until the canary is over')}; end`,
);

/** Of green: takes rows of these tenants, and of nobody else. */
export function lentRows(column: string, tenants: readonly string[]): string {
  const isTheirs = (row: string): string =>
    `${row}.${quoteIdent(column)}::pg_catalog.text operator(pg_catalog.=) any (${namesOf(tenants)})`;
  return functionOf(
    'tenants',
    `declare is_here boolean := true;
begin
  if tg_op <> 'DELETE' then is_here := ${isTheirs('new')}; end if;
  if tg_op <> 'INSERT' and is_here then is_here := ${isTheirs('old')}; end if;
  if is_here is not true then ${refuse('rows of this tenant in %I.%I are written on blue')}; end if;
  return null;
end`,
  );
}

/** Between the two parts of a table's name: in no name that anybody gives. */
const between = '\u0001';

/** The fence of green while it takes rows of tenants: closed as before for tables without their column, and for TRUNCATE. */
export function lentFence(tables: readonly TableName[]): string {
  const names = namesOf(tables.map(({ schema, name }) => `${schema}${between}${name}`));
  return functionOf(
    'fence',
    `begin
  if tg_op <> 'TRUNCATE' and pg_catalog.concat(tg_table_schema, ${quoteLiteral(between)}, tg_table_name) operator(pg_catalog.=) any (${names}) then return null; end if;
  ${refuse('%I.%I takes no writes on green, and no table is emptied there')};
end`,
  );
}
