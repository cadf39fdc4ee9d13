import { must } from '../../../kernel/assert.ts';
import { TealError } from '../../../kernel/errors.ts';
import type { PgConnection } from '../connection.ts';

/**
 * Names what positions mean something in: the server, its timeline, and this making of the record. Errors: TEAL-SYSTEMS-040 there is no record, or another one than before, -023 another
 * server, -024 another timeline: the new primary may lack what was read, and have made other ticks in its place.
 */
export async function historyOf(connection: PgConnection, expected?: string): Promise<string> {
  const { rows: there } = await connection.query(`select to_regclass('teal.history') is not null as there`);
  if (there[0]?.['there'] !== 't') throw new TealError('TEAL-SYSTEMS-040', 'there is no record of changes');
  const { rows } = await connection.query(
    `select ${await systemSql(connection)} as system, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline,
            (select name from teal.history limit 1) as name`,
  );
  const [system, timeline, name] = ['system', 'timeline', 'name'].map((each) => must(rows[0]?.[each], each));
  const identity = `${system}/${timeline}/${name}`;
  if (expected === undefined || expected === identity) return identity;
  const [expectedSystem, expectedTimeline] = expected.split('/');
  if (system !== expectedSystem) throw new TealError('TEAL-SYSTEMS-023', 'the source is another server than before');
  if (timeline !== expectedTimeline) {
    throw new TealError('TEAL-SYSTEMS-024', 'the source is on another timeline than before', {
      timeline,
      expectedTimeline,
    });
  }
  throw new TealError('TEAL-SYSTEMS-040', 'the record of changes was made anew since');
}

/** A role that may not ask for it knows a server by its record alone: that of a copy of the server is the same. */
async function systemSql(connection: PgConnection): Promise<string> {
  const { rows } = await connection.query(
    `select has_function_privilege('pg_catalog.pg_control_system()', 'execute') as may`,
  );
  return rows[0]?.['may'] === 't' ? '(select system_identifier from pg_control_system())' : "'-'";
}
