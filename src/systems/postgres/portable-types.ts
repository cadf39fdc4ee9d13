import type { PgConnection } from './connection.ts';
import { quoteLiteral } from './quote.ts';

/**
 * Built-in types, by number, whose binary form means the same on every server from 14 on (source: their functions in src/backend/utils/adt, and catalog/pg_type.dat). Not among them: those that
 * write numbers of a catalog (regclass and its kin), money (its digits are a setting of the server), xml, what has no such form, and all that users or extensions made.
 */
const portable: ReadonlySet<number> = new Set([
  // bool, bytea, "char", name, int8, int2, int4, text, oid, json, jsonb, uuid
  16, 17, 18, 19, 20, 21, 23, 25, 26, 114, 3802, 2950,
  // point, lseg, path, box, polygon, line, circle
  600, 601, 602, 603, 604, 628, 718,
  // cidr, inet, macaddr, macaddr8
  650, 869, 829, 774,
  // float4, float8, numeric, bpchar, varchar, bit, varbit
  700, 701, 1700, 1042, 1043, 1560, 1562,
  // date, time, timestamp, timestamptz, timetz, interval, pg_lsn
  1082, 1083, 1114, 1184, 1266, 1186, 3220,
  // Arrays of bool, bytea, name, int2, int4, text, bpchar, varchar, int8, float4, float8, inet, timestamp, date, time, timestamptz, interval, numeric, uuid, json, jsonb
  1000,
  1001, 1003, 1005, 1007, 1009, 1014, 1015, 1016, 1021, 1022, 1041, 1115, 1182, 1183, 1185, 1187, 1231, 2951, 199, 3807,
]);

export function isPortable(typeOid: number): boolean {
  return portable.has(typeOid);
}

/** Whether every value that a publication sends is of such a type. The connection may be a walsender's. */
export async function publishesPortable(connection: PgConnection, publication: string): Promise<boolean> {
  const { rows } = await connection.query(`
    select from pg_catalog.pg_publication p
      join pg_catalog.pg_publication_rel r on r.prpubid = p.oid
      join pg_catalog.pg_attribute a on a.attrelid = r.prrelid
    where p.pubname = ${quoteLiteral(publication)} and a.attnum > 0 and not a.attisdropped
      and a.atttypid not in (${[...portable].join(', ')}) limit 1`);
  return rows.length === 0;
}
