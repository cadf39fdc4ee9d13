import { must } from '../../kernel/assert.ts';
import { monotonicMs } from '../../kernel/clock.ts';
import type { Side } from '../../model/catalog.ts';
import type { Sequences } from '../../ports/sequences.ts';
import type { PgConnection } from './connection.ts';
import type { KeptSession } from './kept-session.ts';
import { quoteTable } from './quote.ts';
import { aheadOf, isBehind, nextAfter, type SequenceRange, type SequenceState } from './sequence-values.ts';

const uncalledAtOnce = 64;

/** So long a look at both sides is worth another. */
const freshMs = 500;

interface Look {
  readonly from: Side;
  readonly to: Side;
  readonly source: ReadonlyMap<string, Sequence>;
  readonly target: ReadonlyMap<string, Sequence>;
  readonly atMs: number;
}

export interface Sequence extends SequenceRange {
  readonly schema: string;
  readonly name: string;
  readonly state: SequenceState;
}

/**
 * Sequences of PostgreSQL, all of the database but Teal's own: the log does not carry them (manual, "Logical Replication Restrictions"), and one that is left
 * behind gives out numbers twice (pgstream #1203). One query a side, and before 18 one more for each 64 of which one was never called.
 */
export function postgresSequences(sessions: Readonly<Record<Side, KeptSession>>, headroom: number): Sequences {
  const read = async (side: Side, signal: AbortSignal | undefined): Promise<ReadonlyMap<string, Sequence>> =>
    sessions[side].use(readSequences, signal);
  const look = async (from: Side, to: Side, signal: AbortSignal | undefined): Promise<Look> => {
    const [source, target] = await Promise.all([read(from, signal), read(to, signal)]);
    return { from, to, source, target, atMs: monotonicMs() };
  };
  // What `behind` has just seen is what is to be done: clients wait, and whether it was right the next `behind` tells.
  let seen: Look | undefined;
  return {
    async handOver(from, to, signal) {
      const known = seen;
      seen = undefined;
      const isFresh = known?.from === from && known.to === to && monotonicMs() - known.atMs < freshMs;
      const { source, target } = isFresh ? known : await look(from, to, signal);
      const moves: { readonly sequence: Sequence; readonly state: SequenceState }[] = [];
      for (const [key, sequence] of target) {
        const given = source.get(key);
        const state = given && nextAfter(given.state, sequence.state, sequence, BigInt(headroom));
        if (state !== undefined) moves.push({ sequence, state });
      }
      if (moves.length > 0) await sessions[to].use(async (connection) => setSequences(connection, moves), signal);
      return { sequences: target.size, moved: moves.length };
    },
    async behind(from, to, signal) {
      seen = await look(from, to, signal);
      const { source, target } = seen;
      return [...target].filter(([key, sequence]) => {
        const given = source.get(key);
        return given !== undefined && isBehind(given.state, sequence.state, sequence) && !isUsedUp(given, sequence);
      }).length;
    },
  };
}

/** Moves sequences of `to` ahead of those of `from`, which go on meanwhile; see `aheadOf`. One that moves at the very moment stays, until the next call. */
export async function leadSequences(
  sessions: Readonly<Record<Side, KeptSession>>,
  from: Side,
  to: Side,
  lead: number,
): Promise<void> {
  const [source, target] = await Promise.all([sessions[from].use(readSequences), sessions[to].use(readSequences)]);
  const moves = [...target].flatMap(([key, sequence]) => {
    const given = source.get(key);
    const state = given && aheadOf(given.state, sequence.state, sequence, BigInt(lead));
    return state === undefined ? [] : [{ sequence, state }];
  });
  if (moves.length > 0) await sessions[to].use(async (connection) => setSequences(connection, moves));
}

/** Both have given their last number: the target cannot be moved further, and need not be. */
function isUsedUp(source: Sequence, target: Sequence): boolean {
  return nextAfter(source.state, target.state, target, 0n) === undefined;
}

/** The sequences that give columns their numbers, identity columns' among them, each with its column, by `columnKey`. */
export async function readColumnSequences(connection: PgConnection): Promise<ReadonlyMap<string, Sequence>> {
  const { rows } = await connection.query(`
    select n.nspname as schema, c.relname as "table", a.attname as "column", sn.nspname as own_schema, s.relname as own_name
    from pg_catalog.pg_depend d
    join pg_catalog.pg_class s on s.oid = d.objid and s.relkind = 'S'
    join pg_catalog.pg_namespace sn on sn.oid = s.relnamespace
    join pg_catalog.pg_class c on c.oid = d.refobjid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = d.refobjsubid
    where d.classid = 'pg_catalog.pg_class'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass and d.deptype in ('a', 'i')
      and sn.nspname <> 'teal'`);
  const sequences = await readSequences(connection);
  return new Map(
    rows.flatMap((row) => {
      const sequence = sequences.get(keyOf({ schema: row['own_schema'] ?? '', name: row['own_name'] ?? '' }));
      const table = { schema: row['schema'] ?? '', name: row['table'] ?? '' };
      return sequence === undefined ? [] : [[columnKey(table, row['column'] ?? ''), sequence] as const];
    }),
  );
}

export function columnKey(table: { readonly schema: string; readonly name: string }, column: string): string {
  return `${keyOf(table)}\0${column}`;
}

export async function readSequences(connection: PgConnection): Promise<ReadonlyMap<string, Sequence>> {
  // From 18 on a function tells of all of them, and nothing of one that may not be read.
  const tellsAll = connection.serverMajor >= 18;
  const { rows } = await connection.query(`
    select n.nspname as schema, c.relname as name, s.seqincrement as increment, s.seqmin as min, s.seqmax as max, s.seqcycle as cycle,
           ${tellsAll ? 'd.last_value as last, d.is_called as called' : `pg_catalog.pg_sequence_last_value(c.oid) as last, 't' as called`}
    from pg_catalog.pg_sequence s
    join pg_catalog.pg_class c on c.oid = s.seqrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    ${tellsAll ? 'cross join lateral pg_catalog.pg_get_sequence_data(c.oid) d' : ''}
    where n.nspname <> 'teal' and c.relpersistence <> 't'
    order by c.oid`);
  const found = rows.map((row) => ({
    schema: row['schema'] ?? '',
    name: row['name'] ?? '',
    increment: BigInt(row['increment'] ?? 1),
    min: BigInt(row['min'] ?? 1),
    max: BigInt(row['max'] ?? 1),
    cycle: row['cycle'] === 't',
    last: row['last'] ?? null,
    called: row['called'] === 't',
  }));
  const uncalled = await readUncalled(connection, found);
  return new Map(
    found.map(({ last, called, ...sequence }) => {
      const key = keyOf(sequence);
      const state =
        last === null ? { last: uncalled.get(key) ?? sequence.min, called: false } : { last: BigInt(last), called };
      return [key, { ...sequence, state }] as const;
    }),
  );
}

export function keyOf(sequence: { readonly schema: string; readonly name: string }): string {
  return `${sequence.schema}\0${sequence.name}`;
}

/** What a session has prepared, and of which sequences: those of a session that is opened anew are none. */
const preparedBy = new WeakMap<PgConnection, { readonly of: string; readonly pieces: Set<number> }>();

/**
 * `pg_sequence_last_value` is NULL for those that were never called (`last`), and where they stand (`setval(s, n, false)`, START) is in the sequence itself only. All of a piece are asked when
 * one of them was not called, so that the same statements, which the server has planned once, are asked at each look for as long as there are the same sequences.
 */
async function readUncalled(
  connection: PgConnection,
  sequences: readonly { readonly schema: string; readonly name: string; readonly last: string | null }[],
): Promise<ReadonlyMap<string, bigint>> {
  const found = new Map<string, bigint>();
  if (sequences.every(({ last }) => last !== null)) return found;
  const prepared = await preparedFor(connection, sequences.map(keyOf).join('\n'));
  // Some at a time: the planner of 14 takes time with the square of their number.
  for (let at = 0; at < sequences.length; at += uncalledAtOnce) {
    const some = sequences.slice(at, at + uncalledAtOnce);
    if (some.every(({ last }) => last !== null)) continue;
    const name = `teal_sequences_${at}`;
    if (!prepared.has(at)) {
      const each = some.map((it, index) => `select ${index} as index, last_value as last from ${quoteTable(it)}`);
      await connection.query(`prepare ${name} as ${each.join('\nunion all\n')}`);
      prepared.add(at);
    }
    const { rows } = await connection.query(`execute ${name}`);
    for (const row of rows) found.set(keyOf(must(some[Number(row['index'])], 'sequence')), BigInt(row['last'] ?? 1));
  }
  return found;
}

/** Places of the pieces that the session has prepared of these very sequences. */
async function preparedFor(connection: PgConnection, of: string): Promise<Set<number>> {
  const known = preparedBy.get(connection);
  if (known?.of === of) return known.pieces;
  if (known !== undefined) await connection.query('deallocate all');
  const pieces = new Set<number>();
  preparedBy.set(connection, { of, pieces });
  return pieces;
}

/** Only those that stand where they were seen: a statement of which Teal gave up the answer may reach the server when clients use the sequence already. */
export async function setSequences(
  connection: PgConnection,
  moves: readonly { readonly sequence: Sequence; readonly state: SequenceState }[],
): Promise<void> {
  await connection.query(
    `select pg_catalog.setval(pg_catalog.format('%I.%I', m.schema, m.name)::regclass, m.value::bigint, m.called::boolean)
     from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) as m (schema, name, value, called, was)
     where pg_catalog.pg_sequence_last_value(pg_catalog.format('%I.%I', m.schema, m.name)::regclass) is not distinct from m.was::bigint`,
    [
      moves.map(({ sequence }) => sequence.schema),
      moves.map(({ sequence }) => sequence.name),
      moves.map(({ state }) => String(state.last)),
      moves.map(({ state }) => String(state.called)),
      moves.map(({ sequence }) => (sequence.state.called ? String(sequence.state.last) : null)),
    ],
  );
}
