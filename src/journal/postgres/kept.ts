import { TealError } from '../../kernel/errors.ts';
import type { PostgresPlace } from '../place.ts';
import { ledSince } from './leader.ts';
import { lookingAt } from './postgres-store.ts';
import { schemaSql } from './schema.ts';

/** What is kept beside the journal for a controller with another state folder, by name. Errors: TEAL-JOURNAL-021, -022. */
export function readKept(place: PostgresPlace): ReadonlyMap<string, string> {
  const { schema, migration } = place;
  const rows = lookingAt(place).ask(`select name, body from ${schemaSql(schema)}.kept where migration = $1`, [
    migration,
  ]);
  return new Map(rows.map(({ name, body }) => [name ?? '', body ?? '']));
}

/** Keeps it, or forgets it where there is no body. Errors: TEAL-JOURNAL-020 another folder's controller leads now, -007 it was refused. */
export function writeKept(place: PostgresPlace, name: string, body: string | undefined): void {
  const { schema, migration } = place;
  const at = schemaSql(schema);
  const session = lookingAt(place);
  const mine = `select from ${at}.leader where migration = $1 and folder = $2`;
  const values = [migration, place.folder(), name];
  try {
    const rows =
      body === undefined
        ? session.ask(
            `with mine as (${mine}), gone as (delete from ${at}.kept where migration = $1 and name = $3 and exists (select from mine))
             select from mine`,
            values,
          )
        : session.ask(
            `insert into ${at}.kept as kept (migration, name, body) select $1, $3, $4 where exists (${mine})
             on conflict (migration, name) do update set body = excluded.body returning 1`,
            [...values, body],
          );
    if (rows.length === 0) throw ledSince(session, place);
  } catch (error) {
    if (!(error instanceof TealError) || error.code !== 'TEAL-JOURNAL-022') throw error;
    throw new TealError('TEAL-JOURNAL-007', `${place.name} refused ${name}`, { path: place.name }, error);
  }
}
