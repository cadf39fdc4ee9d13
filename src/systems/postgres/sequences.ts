import type { Side } from '../../model/catalog.ts';
import type { Sequences } from '../../ports/sequences.ts';
import type { PgConnection } from './connection.ts';
import type { KeptSession } from './kept-session.ts';

/** A sequence and the last value that it has given out, those that a session has cached included; undefined before the first. */
export interface SequenceValue {
  readonly schema: string;
  readonly name: string;
  readonly increment: bigint;
  readonly min: bigint;
  readonly max: bigint;
  readonly cycle: boolean;
  readonly last: bigint | undefined;
}

/** Where a sequence of the target must be moved to; undefined when it is past the source already. Pure. */
export function sequenceTarget(source: SequenceValue, target: SequenceValue, headroom: number): bigint | undefined {
  if (source.last === undefined || !isBehind(source, target)) return undefined;
  // A sequence that goes round has no "past": it goes on exactly where the source was.
  if (source.cycle) return source.last;
  const ahead = source.last + source.increment * BigInt(headroom);
  if (ahead > target.max) return source.last > target.max ? target.max : source.last;
  if (ahead < target.min) return source.last < target.min ? target.min : source.last;
  return ahead;
}

/** Could the target still give out a number that the source has given? */
export function isBehind(source: SequenceValue, target: SequenceValue): boolean {
  if (source.last === undefined) return false;
  if (target.last === undefined) return true;
  if (source.cycle) return source.last !== target.last;
  return source.increment > 0n ? target.last < source.last : target.last > source.last;
}

/**
 * Sequences of PostgreSQL, all of the database but Teal's own: the log does not carry them (manual, "Logical Replication Restrictions"), and one that is left
 * behind gives out numbers twice (pgstream #1203). Two queries a side, however many there are.
 */
export function postgresSequences(sessions: Readonly<Record<Side, KeptSession>>, headroom: number): Sequences {
  const read = async (side: Side): Promise<ReadonlyMap<string, SequenceValue>> => sessions[side].use(readSequences);
  return {
    async handOver(from, to) {
      const [source, target] = await Promise.all([read(from), read(to)]);
      const moves: { readonly sequence: SequenceValue; readonly value: bigint }[] = [];
      for (const [key, sequence] of target) {
        const given = source.get(key);
        const value = given === undefined ? undefined : sequenceTarget(given, sequence, headroom);
        if (value !== undefined) moves.push({ sequence, value });
      }
      if (moves.length > 0) await sessions[to].use(async (connection) => setSequences(connection, moves));
      return { sequences: target.size, moved: moves.length };
    },
    async behind(from, to) {
      const [source, target] = await Promise.all([read(from), read(to)]);
      return [...target].filter(([key, sequence]) => {
        const given = source.get(key);
        return given !== undefined && isBehind(given, sequence);
      }).length;
    },
  };
}

async function readSequences(connection: PgConnection): Promise<ReadonlyMap<string, SequenceValue>> {
  const { rows } = await connection.query(`
    select n.nspname as schema, c.relname as name, s.seqincrement as increment, s.seqmin as min, s.seqmax as max, s.seqcycle as cycle,
           pg_catalog.pg_sequence_last_value(c.oid) as last
    from pg_catalog.pg_sequence s
    join pg_catalog.pg_class c on c.oid = s.seqrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname <> 'teal' and c.relpersistence <> 't'`);
  return new Map(
    rows.map((row) => {
      const last = row['last'] ?? null;
      const value: SequenceValue = {
        schema: row['schema'] ?? '',
        name: row['name'] ?? '',
        increment: BigInt(row['increment'] ?? 1),
        min: BigInt(row['min'] ?? 1),
        max: BigInt(row['max'] ?? 1),
        cycle: row['cycle'] === 't',
        last: last === null ? undefined : BigInt(last),
      };
      return [`${value.schema}\0${value.name}`, value] as const;
    }),
  );
}

async function setSequences(
  connection: PgConnection,
  moves: readonly { readonly sequence: SequenceValue; readonly value: bigint }[],
): Promise<void> {
  await connection.query(
    `select pg_catalog.setval(pg_catalog.format('%I.%I', m.schema, m.name)::regclass, m.value::bigint, true)
     from unnest($1::text[], $2::text[], $3::text[]) as m (schema, name, value)`,
    [
      moves.map(({ sequence }) => sequence.schema),
      moves.map(({ sequence }) => sequence.name),
      moves.map(({ value }) => String(value)),
    ],
  );
}
