import type { DriverConnection } from '../drivers/driver.ts';
import type { MicroOp } from '../../../src/testing/checker/history.ts';
import type { Random } from '../random.ts';
import type { Schedule } from '../schedule.ts';

/** Numbers that no other client of the run uses: a million of them for each client. */
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

type Maker = (make: Making) => MicroOp;

interface Making {
  readonly random: Random;
  readonly numbers: Numbers;
  readonly sizes: Schedule['sizes'];
}

/** The loader's rows, and a few that are not there in the beginning. */
const anyRow = ({ random, sizes }: Making): number => random.between(1, Math.ceil(sizes.rows * 1.1));

/** What may be asked without knowing what is there; what is to be replaced `fill` looks up. */
const makers: Readonly<Record<MicroOp['f'], Maker>> = {
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
  insert: (make) => {
    const [row, version] = [anyRow(make), make.numbers.next()];
    return { f: 'insert', row, was: null, version, key: row, toast: version };
  },
  touch: (make) => ({ f: 'touch', row: anyRow(make), was: 0, version: make.numbers.next() }),
  move: (make) => {
    const version = make.numbers.next();
    return { f: 'move', row: anyRow(make), was: 0, version, key: version };
  },
  delete: (make) => ({ f: 'delete', row: anyRow(make), was: 0, version: make.numbers.next() }),
  row: (make) => ({ f: 'row', row: anyRow(make) }),
  bag: ({ random, sizes }) => ({ f: 'bag', v: random.between(1, sizes.values) }),
  unbag: ({ random, sizes }) => ({ f: 'unbag', v: random.between(1, sizes.values) }),
  side: ({ numbers }) => ({ f: 'side', v: numbers.next() }),
  sweep: () => ({ f: 'sweep' }),
};

/** The micro-operations of one transaction, by the schedule's weights. */
export function plan(schedule: Schedule, random: Random, numbers: Numbers): MicroOp[] {
  const { weights, sizes, longest } = schedule;
  const whole = weights.reduce((sum, [, weight]) => sum + weight, 0);
  const one = (): MicroOp[] => {
    let at = (random.next() / 2 ** 32) * whole;
    const chosen = weights.find(([, weight]) => {
      at -= weight;
      return at < 0;
    });
    return chosen === undefined ? [] : [makers[chosen[0]]({ random, numbers, sizes })];
  };
  return Array.from({ length: random.between(1, longest) }, one).flat();
}

/**
 * All accounts are read before anything is written: where a transaction reads one snapshot and writes over what is newest, its own writes would stand beside what others had before theirs.
 */
export function readsOfAllFirst(ops: readonly MicroOp[]): readonly MicroOp[] {
  return ops.toSorted((a, b) => Number(b.f === 'balances') - Number(a.f === 'balances'));
}

/** Micro-operations that are asked for and taken back within the transaction: nothing of them may ever be seen. They need no look-up. */
export function planInVain(schedule: Schedule, random: Random, numbers: Numbers): MicroOp {
  return makers[random.pick(['append', 'transfer', 'id', 'bag', 'side'] as const)]({
    random,
    numbers,
    sizes: schedule.sizes,
  });
}

/** Of a row, as far as this transaction knows: what is there, or what lay there last; `version` null: nothing ever did. */
interface Row {
  readonly isThere: boolean;
  readonly version: number | null;
  readonly key: number;
}

/**
 * Looks up what each write replaces, before the transaction is invoked: the statement's condition then says whether it is still so. What the transaction itself
 * writes counts as there already. Operations that make no sense where it is otherwise are left out.
 */
export async function fill(connection: DriverConnection, ops: readonly MicroOp[]): Promise<MicroOp[]> {
  const rows = new Map<number, Row>();
  const owners = new Map<number, number>();
  const filled: MicroOp[] = [];
  for (const op of ops) {
    switch (op.f) {
      case 'touch':
      case 'move':
      case 'delete':
      case 'insert': {
        const now = rows.get(op.row) ?? (await rowOf(connection, op.row));
        const done = onRow(op, now);
        rows.set(op.row, done === undefined ? now : after(done, now));
        if (done !== undefined) filled.push(done);
        break;
      }
      case 'claim': {
        const was = owners.get(op.value) ?? (await ownerOf(connection, op.value));
        owners.set(op.value, op.by);
        filled.push({ ...op, was });
        break;
      }
      default:
        filled.push(op);
    }
  }
  return filled;
}

type OnRow = Extract<MicroOp, { readonly f: 'touch' | 'move' | 'delete' | 'insert' }>;

/** A row that was deleted comes again under the key that it had. */
function onRow(op: OnRow, { isThere, version, key }: Row): OnRow | undefined {
  if (op.f === 'insert') return isThere ? undefined : { ...op, was: version, key };
  return isThere && version !== null ? { ...op, was: version } : undefined;
}

function after(op: OnRow, { key }: Row): Row {
  return { isThere: op.f !== 'delete', version: op.version, key: op.f === 'move' || op.f === 'insert' ? op.key : key };
}

async function rowOf(connection: DriverConnection, row: number): Promise<Row> {
  const [answer] = await connection.run([connection.dialect.rowOf(row)]);
  const [found] = answer?.rows ?? [];
  if (found === undefined) return { isThere: false, version: null, key: row };
  const [where, version, key] = found;
  return { isThere: where === 'there', version: Number(version), key: Number(key) };
}

async function ownerOf(connection: DriverConnection, value: number): Promise<number | null> {
  const [answer] = await connection.run([connection.dialect.ownerOf(value)]);
  const by = answer?.rows[0]?.[0];
  return by === undefined || by === null ? null : Number(by);
}
