import type { Client } from 'pg';
import type { Side } from '../../../src/model/catalog.ts';
import type { DoorMove } from '../../../src/testing/checker/invariants.ts';

/**
 * When a side began and ceased to take writes of clients: the commits of the fence's own rows, by the servers' clock, which is one on one machine. Both have
 * `track_commit_timestamp`. `origin` 0 of a commit: it was made here, not carried here.
 */
export async function doorsOf(client: Client, side: Side): Promise<readonly DoorMove[]> {
  const there = await client.query<{ there: boolean }>(`select to_regclass('teal.owner') is not null as there`);
  if (there.rows[0]?.there !== true) return [];
  const { rows } = await client.query<{ what: string; accepts: boolean; atUs: string }>(sql, [side]);
  // Blue takes writes before anything else is.
  const first: DoorMove = { side, accepts: true, notBeforeUs: 0, notAfterUs: 0, what: 'the beginning' };
  const moves = rows.map(({ what, accepts, atUs }) => ({
    side,
    accepts,
    notBeforeUs: Number(atUs),
    notAfterUs: Number(atUs),
    what,
  }));
  return side === 'blue' ? [first, ...moves] : moves;
}

const sql = `
  select what, accepts, (extract(epoch from t.timestamp) * 1000000)::bigint::text as "atUs"
  from (
    select 'fence of cut ' || cut as what, kind = 'reopened' as accepts, xmin from teal.cut
    union all
    select 'decision of cut ' || cut, true, xmin from teal.owner where owner = $1
  ) moves, lateral pg_xact_commit_timestamp_origin(xmin) t
  where t.roident = 0 order by t.timestamp`;
