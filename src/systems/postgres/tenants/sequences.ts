import { TealError } from '../../../kernel/errors.ts';
import type { PgConnection } from '../connection.ts';
import { keyOf, readSequences, type Sequence } from '../sequences.ts';
import { isBehind, nextAfter, type SequenceState } from '../sequence-values.ts';
import { apart, usedOf, type Apart } from './apart.ts';

type Sequences = ReadonlyMap<string, Sequence>;
/** Row of teal.meta on green: where the numbers of both sides were parted. */
const partedName = 'sequences parted';
/** Past what green has given: whose numbers a session of it kept for itself (CACHE) are counted already. */
const headroom = 32n;

interface Move {
  readonly sequence: Sequence;
  readonly state: SequenceState;
}

/** Errors: TEAL-SYSTEMS-703. */
export async function partSequences(blue: PgConnection, green: PgConnection): Promise<void> {
  const [source, target] = await bothOf(blue, green);
  const parted = [...target].flatMap(([key, sequence]): readonly (Apart & { sequence: Sequence; key: string })[] => {
    const given = source.get(key);
    if (given === undefined) return [];
    const place = apart(given.state, sequence.state, sequence);
    if (place === undefined) throw noRoom(sequence);
    return [{ ...place, sequence, key }];
  });
  const kept = parted.map(({ key, from, start }) => [key, String(from), String(start)]);
  await green.transaction(async () => {
    await setForward(
      green,
      parted.map(({ sequence, to }) => ({ sequence, state: to })),
    );
    await green.query(
      'insert into teal.meta (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value',
      [partedName, JSON.stringify(kept)],
    );
  });
}

export async function sequencesUsed(blue: PgConnection, green: PgConnection): Promise<number> {
  const { rows } = await green.query('select value from teal.meta where name = $1', [partedName]);
  const parted = JSON.parse(rows[0]?.['value'] ?? '[]') as readonly [string, string, string][];
  const given = await readSequences(blue);
  const used = parted.map(([key, from, start]) => {
    const sequence = given.get(key);
    if (sequence === undefined) return 0;
    return usedOf({ from: BigInt(from), start: BigInt(start) }, sequence.state, sequence.increment);
  });
  return Math.max(0, ...used);
}

/** Clients of blue use its sequences meanwhile: they are only ever moved forward, past numbers of which blue is far before. */
export async function joinSequences(blue: PgConnection, green: PgConnection): Promise<void> {
  const [own, given] = await bothOf(blue, green);
  const moves = [...own].flatMap(([key, sequence]): readonly Move[] => {
    const there = given.get(key);
    if (there === undefined || !isBehind(there.state, sequence.state, sequence)) return [];
    const state = nextAfter(there.state, sequence.state, sequence, headroom);
    return state === undefined ? [] : [{ sequence, state }];
  });
  await setForward(blue, moves);
}

async function bothOf(blue: PgConnection, green: PgConnection): Promise<readonly [Sequences, Sequences]> {
  return Promise.all([readSequences(blue), readSequences(green)]);
}

async function setForward(connection: PgConnection, moves: readonly Move[]): Promise<void> {
  if (moves.length === 0) return;
  await connection.query(
    `select pg_catalog.setval(pg_catalog.format('%I.%I', m.schema, m.name)::regclass, m.value::bigint, m.called::boolean)
     from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as m (schema, name, value, called)`,
    [
      moves.map(({ sequence }) => sequence.schema),
      moves.map(({ sequence }) => sequence.name),
      moves.map(({ state }) => String(state.last)),
      moves.map(({ state }) => String(state.called)),
    ],
  );
}

function noRoom(sequence: Sequence): TealError {
  const name = keyOf(sequence).replace('\0', '.');
  const why = sequence.cycle ? 'goes round' : 'is near its end';
  return new TealError('TEAL-SYSTEMS-703', `${name} ${why}`, { sequence: name });
}
