import type { Client } from 'pg';
import type { MicroOp } from '../history.ts';
import type { Random } from '../random.ts';
import type { Schedule } from '../schedule.ts';
import { toastText } from './tables.ts';

/** Its condition met no row: the client takes the transaction back, as an application would that found the row changed. */
export class Stale extends Error {}

/** Numbers that no other client of the run uses. */
export class Numbers {
  readonly #base: number;
  #given = 0;

  constructor(client: number) {
    this.#base = client * 1_000_000;
  }

  next(): number {
    this.#given += 1;
    return this.#base + this.#given;
  }
}

type Maker = (make: Making) => MicroOp | undefined;

interface Making {
  readonly random: Random;
  readonly numbers: Numbers;
  readonly sizes: Schedule['sizes'];
}

/** What may be asked without knowing what is there; what is to be replaced `fill` looks up. */
const makers: Partial<Record<MicroOp['f'], Maker>> = {
  append: ({ random, numbers, sizes }) => ({ f: 'append', k: random.between(1, sizes.lists), v: numbers.next() }),
  r: ({ random, sizes }) => ({ f: 'r', k: random.between(1, sizes.lists) }),
  transfer: ({ random, sizes }) => ({
    f: 'transfer',
    from: random.between(1, sizes.accounts),
    to: random.between(1, sizes.accounts),
    amount: random.between(1, 50),
  }),
  balances: () => ({ f: 'balances' }),
  claim: ({ random, numbers, sizes }) => ({
    f: 'claim',
    value: random.between(1, sizes.values),
    was: null,
    by: numbers.next(),
  }),
  id: () => ({ f: 'id', sequence: 'ids' }),
  touch: ({ random, numbers, sizes }) => ({
    f: 'touch',
    row: random.between(1, sizes.rows),
    was: 0,
    version: numbers.next(),
  }),
  move: ({ random, numbers, sizes }) => {
    const version = numbers.next();
    return { f: 'move', row: random.between(1, sizes.rows), was: 0, version, key: version };
  },
  row: ({ random, sizes }) => ({ f: 'row', row: random.between(1, sizes.rows) }),
  bag: ({ random, sizes }) => ({ f: 'bag', v: random.between(1, sizes.values) }),
  side: ({ numbers }) => ({ f: 'side', v: numbers.next() }),
};

/** The micro-operations of one transaction, by the schedule's weights. Those that this runner cannot do are left out. */
export function plan(schedule: Schedule, random: Random, numbers: Numbers): MicroOp[] {
  const weights = schedule.weights.filter(([f]) => makers[f] !== undefined);
  const whole = weights.reduce((sum, [, weight]) => sum + weight, 0);
  const one = (): MicroOp | undefined => {
    let at = (random.next() / 2 ** 32) * whole;
    const chosen = weights.find(([, weight]) => {
      at -= weight;
      return at < 0;
    });
    return chosen === undefined ? undefined : makers[chosen[0]]?.({ random, numbers, sizes: schedule.sizes });
  };
  return Array.from({ length: random.between(1, schedule.longest) }, one).filter((op) => op !== undefined);
}

/** Does one micro-operation; answers it as it was done, with what was read. Throws `Stale`. */
export async function perform(client: Client, op: MicroOp, sizes: Schedule['sizes']): Promise<MicroOp> {
  switch (op.f) {
    case 'append':
      await one(client, 'update lists set elements = elements || $2::int where k = $1', [op.k, op.v]);
      return op;
    case 'r': {
      const [row] = await rows(client, 'select array_to_json(elements)::text as v from lists where k = $1', [op.k]);
      return { ...op, v: JSON.parse(row?.['v'] ?? '[]') as number[] };
    }
    case 'transfer':
      // In one order, or clients would only wait for each other.
      for (const account of [op.from, op.to].sort((a, b) => a - b)) {
        const by = (account === op.to ? op.amount : 0) - (account === op.from ? op.amount : 0);
        await one(client, 'update accounts set balance = balance + $2 where account = $1', [account, by]);
      }
      return op;
    case 'balances':
      return {
        ...op,
        v: (await rows(client, 'select account, balance from accounts', [])).map((row): [number, number] => [
          Number(row['account']),
          Number(row['balance']),
        ]),
      };
    case 'claim':
      if (op.was === null) await one(client, 'insert into claims (by, value) values ($1, $2)', [op.by, op.value]);
      else await one(client, 'update claims set by = $3 where value = $1 and by = $2', [op.value, op.was, op.by]);
      return op;
    case 'id': {
      const [row] = await rows(client, 'insert into ids default values returning id', []);
      return { ...op, v: Number(row?.['id']) };
    }
    case 'insert':
      await one(client, 'insert into rows (row, key, version, toast) values ($1, $2, $3, $4)', [
        op.row,
        op.key,
        op.version,
        toastText(op.toast, sizes.toastBytes),
      ]);
      return op;
    case 'touch':
      await one(client, 'update rows set version = $3 where row = $1 and version = $2', [op.row, op.was, op.version]);
      return op;
    case 'move':
      await one(client, 'update rows set version = $3, key = $4 where row = $1 and version = $2', [
        op.row,
        op.was,
        op.version,
        op.key,
      ]);
      return op;
    case 'row': {
      const [row] = await rows(
        client,
        `select key, version, split_part(toast, ' ', 1) as toast from rows where row = $1`,
        [op.row],
      );
      const v = row === undefined ? null : numbered(row);
      return { ...op, v };
    }
    case 'bag':
      await one(client, 'insert into bag (v) values ($1)', [op.v]);
      return op;
    case 'side':
      await one(client, 'insert into side (v) values ($1)', [op.v]);
      return op;
    case 'delete':
    case 'unbag':
    case 'sweep':
      throw new Error(`this client does not do ${op.f}`);
  }
}

function numbered(row: Row): { key: number; version: number; toast: number } {
  return { key: Number(row['key']), version: Number(row['version']), toast: Number(row['toast']) };
}

/**
 * Looks up what each write replaces, before the transaction is invoked: the statement's condition then says whether it is still so. What the transaction itself
 * writes counts as there already.
 */
export async function fill(client: Client, ops: readonly MicroOp[]): Promise<MicroOp[]> {
  const versions = new Map<number, number>();
  const owners = new Map<number, number>();
  const filled: MicroOp[] = [];
  for (const op of ops) {
    if (op.f === 'touch' || op.f === 'move') {
      const was =
        versions.get(op.row) ?? (await numberOf(client, 'select version as n from rows where row = $1', op.row));
      if (was === undefined) continue;
      versions.set(op.row, op.version);
      filled.push({ ...op, was });
    } else if (op.f === 'claim') {
      const was =
        owners.get(op.value) ?? (await numberOf(client, 'select by as n from claims where value = $1', op.value));
      owners.set(op.value, op.by);
      filled.push({ ...op, was: was ?? null });
    } else {
      filled.push(op);
    }
  }
  return filled;
}

async function numberOf(client: Client, text: string, value: number): Promise<number | undefined> {
  const [row] = await rows(client, text, [value]);
  return row === undefined ? undefined : Number(row['n']);
}

type Row = Readonly<Record<string, string>>;

async function rows(client: Client, text: string, values: readonly unknown[]): Promise<readonly Row[]> {
  return (await client.query<Row>(text, [...values])).rows;
}

async function one(client: Client, text: string, values: readonly unknown[]): Promise<void> {
  const { rowCount } = await client.query(text, [...values]);
  if (rowCount !== 1) throw new Stale();
}
