import * as z from 'zod';

/**
 * What clients did, as they saw it. A client writes a line before it asks (`invoke`) and a line when it knows (`ok`, `fail`, `info`); one file a client process.
 * All numbers are the checker's own, chosen by the workload: a history may be shown to anybody.
 *
 * A transaction is a list of micro-operations. What a read answers is in the line of the end alone (`v`).
 */
const whole = z.int();
const natural = z.int().min(0);
/** Of a chain of versions: the one that was replaced. `null`: there was none. */
const was = natural.nullable();

const microOp = z.discriminatedUnion('f', [
  /** List `k` got `v` at its end. No value is appended to one list twice. */
  z.strictObject({ f: z.literal('append'), k: natural, v: natural }),
  /** List `k` as it was read, first element first. */
  z.strictObject({ f: z.literal('r'), k: natural, v: z.array(natural).optional() }),
  z.strictObject({ f: z.literal('transfer'), from: natural, to: natural, amount: whole }),
  /** Every account with its balance, in one statement. */
  z.strictObject({ f: z.literal('balances'), v: z.array(z.tuple([natural, whole])).optional() }),
  /** The unique value went from owner `was` to owner `by`, a number that no other claim uses. */
  z.strictObject({ f: z.literal('claim'), value: natural, was, by: natural }),
  /** What the sequence gave, as the statement returned it. */
  z.strictObject({ f: z.literal('id'), sequence: z.string().max(63), v: natural.optional() }),
  /**
   * Rows that are told apart by `row`, a column that never changes, and lie under `key`, which does. Each write brings a `version` of its own and replaces the version
   * `was`, in the statement's condition, so that it meets exactly one row. `toast` numbers the large value.
   */
  z.strictObject({ f: z.literal('insert'), row: natural, was, version: natural, key: natural, toast: natural }),
  /** Changes nothing but the version: the large value is not sent through the log. */
  z.strictObject({ f: z.literal('touch'), row: natural, was: natural, version: natural }),
  z.strictObject({ f: z.literal('move'), row: natural, was: natural, version: natural, key: natural }),
  /** The row's next insert names `version` as what it replaces. */
  z.strictObject({ f: z.literal('delete'), row: natural, was: natural, version: natural }),
  /** The row as it was read; null when there was none. */
  z.strictObject({
    f: z.literal('row'),
    row: natural,
    v: z.strictObject({ key: natural, version: natural, toast: whole }).nullable().optional(),
  }),
  /** One more row, or one less, of this value in the table without a key. */
  z.strictObject({ f: z.literal('bag'), v: natural }),
  z.strictObject({ f: z.literal('unbag'), v: natural }),
  /** A row of the side table, and the TRUNCATE of that table. */
  z.strictObject({ f: z.literal('side'), v: natural }),
  z.strictObject({ f: z.literal('sweep') }),
]);
/** One part of a transaction. */
export type MicroOp = Readonly<z.infer<typeof microOp>>;

export const isolations = ['read committed', 'repeatable read', 'serializable'] as const;
export type Isolation = (typeof isolations)[number];

const event = z.strictObject({
  /** `fail`: it certainly had no effect. `info`: nobody knows; it may even have one later. */
  type: z.enum(['invoke', 'ok', 'fail', 'info']),
  /** The process of the client; its lines are in its order. After `info` a client goes on under a new number. */
  client: natural,
  /** Counts the client's transactions from 0. */
  op: natural,
  /** The machine's monotonic clock in microseconds: comparable between the processes of one machine, and with nothing else. */
  atUs: z.int().min(0),
  /** For people: milliseconds since 1970. */
  wallMs: z.int().min(0),
  isolation: z.enum(isolations),
  ops: z.array(microOp).max(10_000),
  /** Of `fail` and `info`: SQLSTATE, the system's name for it (ECONNRESET), or the workload's own word in small letters. Never a message. */
  error: z
    .string()
    .regex(/^[A-Za-z0-9_ -]{1,40}$/)
    .optional(),
});
/** A line of a client's file. */
export type HistoryEvent = Readonly<z.infer<typeof event>>;

/** A transaction of a client, both of its lines together, as `pairEvents` makes it. */
export interface Txn {
  /** Its place in the list of all; names it in what the checker says. */
  readonly index: number;
  readonly client: number;
  readonly op: number;
  readonly isolation: Isolation;
  readonly outcome: 'ok' | 'fail' | 'info';
  /** As answered when it is `ok`; as far as known otherwise. */
  readonly ops: readonly MicroOp[];
  readonly invokedUs: number;
  /** When the client knew; Infinity for `info`: it may have an effect at any time later. */
  readonly endedUs: number;
  /** When a client saw that it will not know. Only for people, and for telling what a fault excuses. */
  readonly doubtedUs?: number;
  readonly wallMs: number;
  readonly error?: string;
}

/** The history is not one: of the workload's making, so nothing can be said about the system. */
export class HistoryFault extends Error {
  override readonly name = 'HistoryFault';
}

/** One line of a client's file, with its end. Throws `HistoryFault` for what `parseEvents` would refuse, before it is written. */
export function formatEvent(each: HistoryEvent): string {
  return `${JSON.stringify(checked(each, 'an event'))}\n`;
}

function checked(value: unknown, what: string): HistoryEvent {
  const parsed = event.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new HistoryFault(`${what}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not an event'}`);
}

/**
 * Reads the file of one client process. A last line without its end is dropped: the process was killed while it wrote, and what it asks for afterwards is asked
 * after the line is whole. Throws `HistoryFault` with the line's number for anything else that is not an event.
 */
export function parseEvents(text: string): HistoryEvent[] {
  const lines = text.split('\n');
  lines.pop();
  return lines.map((line, at) => {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      throw new HistoryFault(`line ${at + 1} is not JSON`);
    }
    return checked(value, `line ${at + 1}`);
  });
}

/** Of one client, while its lines are read. */
interface Told {
  readonly last: HistoryEvent;
  /** Invoked, and its end not read yet. */
  readonly open: HistoryEvent | undefined;
}

/**
 * Puts the lines of all clients together, in the order of the invocations; a file may hold several clients. A transaction without an end is `info`: its client
 * died. Throws `HistoryFault` when a client's lines cannot be what one connection after another did.
 */
export function pairEvents(files: readonly (readonly HistoryEvent[])[]): Txn[] {
  const txns: Omit<Txn, 'index'>[] = [];
  const clients = new Map<number, Told>();
  for (const each of files.flat()) {
    const told = clients.get(each.client);
    const { open, last } = told ?? {};
    const refuse = (why: string): never => {
      throw new HistoryFault(`client ${each.client}, op ${each.op}: ${why}`);
    };
    if (last !== undefined && each.atUs < last.atUs) refuse('its clock went back');
    if (each.type === 'invoke') {
      if (open !== undefined) refuse('the one before has no end');
      if (last?.type === 'info') refuse('goes on under the same number after an end in doubt');
      if (each.op !== (last?.op ?? -1) + 1) refuse(`op ${(last?.op ?? -1) + 1} was expected`);
    } else {
      if (open?.op !== each.op) return refuse('ends and was not invoked');
      txns.push(ended(open, each));
    }
    clients.set(each.client, { last: each, open: each.type === 'invoke' ? each : undefined });
  }
  for (const { open } of clients.values()) if (open !== undefined) txns.push(inDoubt(open));
  return txns.sort((a, b) => a.invokedUs - b.invokedUs).map((txn, index) => Object.freeze({ ...txn, index }));
}

function ended(invoke: HistoryEvent, end: HistoryEvent): Omit<Txn, 'index'> {
  const { client, op, isolation, wallMs } = invoke;
  if (end.isolation !== isolation || !end.ops.every((each, at) => isAnswerOf(each, invoke.ops[at]))) {
    throw new HistoryFault(`client ${client}, op ${op}: ends as another transaction than it was invoked`);
  }
  if (end.type === 'ok' && end.ops.length !== invoke.ops.length) {
    throw new HistoryFault(`client ${client}, op ${op}: is ok with ${end.ops.length} of ${invoke.ops.length} parts`);
  }
  return {
    client,
    op,
    isolation,
    outcome: end.type === 'invoke' ? 'info' : end.type,
    // What a transaction in doubt meant to do counts, not only what it came to.
    ops: end.type === 'ok' ? end.ops : invoke.ops.map((each, at) => end.ops[at] ?? each),
    invokedUs: invoke.atUs,
    endedUs: end.type === 'info' ? Infinity : end.atUs,
    wallMs,
    ...(end.type === 'info' ? { doubtedUs: end.atUs } : {}),
    ...(end.error === undefined ? {} : { error: end.error }),
  };
}

function inDoubt({ client, op, isolation, ops, atUs, wallMs }: HistoryEvent): Omit<Txn, 'index'> {
  return { client, op, isolation, outcome: 'info', ops, invokedUs: atUs, endedUs: Infinity, wallMs };
}

const answered: ReadonlySet<MicroOp['f']> = new Set(['r', 'balances', 'id', 'row']);

function isAnswerOf(answer: MicroOp, asked: MicroOp | undefined): boolean {
  if (asked === undefined || answer.f !== asked.f) return false;
  const plain = ({ ...op }: MicroOp): string => {
    if (answered.has(op.f) && 'v' in op) delete op.v;
    return JSON.stringify(Object.entries(op).sort(([a], [b]) => (a < b ? -1 : 1)));
  };
  return plain(answer) === plain(asked);
}

/** As the checker's answers name a transaction. */
export function nameOf({ client, op, outcome }: Pick<Txn, 'client' | 'op' | 'outcome'>): string {
  return outcome === 'ok' ? `client ${client} op ${op}` : `client ${client} op ${op} (${outcome})`;
}
