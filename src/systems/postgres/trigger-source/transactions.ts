import { TealError } from '../../../kernel/errors.ts';
import type { PgConnection, PgRow } from '../connection.ts';
import { orderOfChanges, type NotedChange } from './order.ts';
import { transactionBytes, type Tick } from './ticks.ts';

/** A transaction as its last note tells it. */
export interface NotedTransaction {
  readonly xid: string;
  readonly number: bigint;
  readonly atUs: bigint;
  readonly origin: string | undefined;
  readonly bytes: number;
  readonly changes: number;
  /** A row was changed that may be the transaction's own. */
  readonly again: boolean;
}

/** A change with its rows as PostgreSQL writes them. */
export interface RecordedChange {
  readonly xid: string;
  readonly number: bigint;
  readonly relation: number;
  readonly shape: string | null;
  readonly operation: string;
  readonly oldRow: string | null;
  readonly newRow: string | null;
}

const transactionsAtOnce = 500;
/** Of rows that are fetched by one question; a single row may be longer. */
const pageBytes = 4 << 20;
const changesAtOnce = 5_000;
/** Of a transaction whose changes must be put in order: they are held at once, without their values. */
const orderedLimit = 1_000_000;

/** The next transactions of a tick, in order; none when it is over. */
export async function transactionsOf(
  connection: PgConnection,
  tick: Tick,
  afterNumber: bigint,
): Promise<readonly NotedTransaction[]> {
  const { rows } = await connection.query(
    `select e.xid, e.number, (extract(epoch from e.at) * 1000000)::int8 as at, e.origin,
            ${transactionBytes} + coalesce(c.bytes, 0) as bytes, c.changes, coalesce(c.again, false) as again
       from teal.ended e
       cross join lateral (select sum(c.size) as bytes, count(*) as changes, bool_or(c.again) as again from teal.changes c where c.xid = e.xid) c
      where e.number > $1 and e.number between $2 and $3 and (e.xid = any ($4::text[]::xid8[]) or (e.xid >= $5::text::xid8 and e.xid < $6::text::xid8))
        and pg_visible_in_snapshot(e.xid, $7::text::pg_snapshot)
        and not exists (select from teal.ended l where l.xid = e.xid and l.number > e.number)
      order by e.number limit ${transactionsAtOnce}`,
    [afterNumber, tick.first, tick.last, tick.late, tick.from, tick.until, tick.snapshot],
  );
  return rows.map((row) => ({
    xid: row['xid'] ?? '',
    number: BigInt(row['number'] ?? 0),
    atUs: BigInt(row['at'] ?? 0),
    origin: row['origin'] ?? undefined,
    bytes: Number(row['bytes']),
    changes: Number(row['changes']),
    again: row['again'] === 't',
  }));
}

/** Neighbours of which each is small are read together; a large one alone. */
export function groupsOf(transactions: readonly NotedTransaction[]): readonly (readonly NotedTransaction[])[] {
  const groups: NotedTransaction[][] = [];
  let bytes = pageBytes;
  for (const transaction of transactions) {
    bytes += transaction.bytes;
    if (bytes <= pageBytes) groups.at(-1)?.push(transaction);
    else {
      groups.push([transaction]);
      bytes = transaction.bytes;
    }
  }
  return groups;
}

/** A transaction has one or several, in order; one may be empty. */
export interface Piece {
  readonly transaction: NotedTransaction;
  readonly changes: readonly RecordedChange[];
}

/** All changes of a group, each transaction's in the order in which they were made. */
export async function* piecesOf(connection: PgConnection, group: readonly NotedTransaction[]): AsyncGenerator<Piece> {
  const turned = await turnedAmong(connection, group);
  const orderOf = async (transaction: NotedTransaction): Promise<readonly bigint[] | undefined> =>
    turned.has(transaction.xid) ? changedOrder(connection, transaction) : undefined;
  const [only] = group;
  if (group.length === 1 && only !== undefined && only.bytes > pageBytes) {
    for await (const changes of changesOfLarge(connection, only, await orderOf(only)))
      yield { transaction: only, changes };
    return;
  }
  const { rows } = await connection.query(
    `select ${changeColumns} from teal.changes c where c.xid = any ($1::text[]::xid8[]) order by c.xid, c.number`,
    [group.map(({ xid }) => xid)],
  );
  const byXid = Map.groupBy(rows.map(changeOf), ({ xid }) => xid);
  for (const transaction of group) {
    const changes = byXid.get(transaction.xid) ?? [];
    const order = await orderOf(transaction);
    yield { transaction, changes: order === undefined ? changes : inOrder(changes, order) };
  }
}

async function* changesOfLarge(
  connection: PgConnection,
  transaction: NotedTransaction,
  order: readonly bigint[] | undefined,
): AsyncGenerator<readonly RecordedChange[]> {
  if (order !== undefined) {
    for (let at = 0; at < order.length;) {
      const wanted = order.slice(at, at + changesAtOnce);
      const page = await pageOf(
        connection,
        { which: 'and c.number = any ($2::int8[])', order: 'array_position($2::int8[], c.number)' },
        [transaction.xid, wanted.map(String)],
      );
      yield page;
      at += page.length;
    }
    return;
  }
  for (let after = 0n; ;) {
    const page = await pageOf(connection, { which: 'and c.number > $2', order: 'c.number' }, [transaction.xid, after]);
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    after = last.number;
  }
}

const changeColumns = `c.xid, c.number, c.relation::int8 as relation, c.shape, c.operation, c.old_row, c.new_row`;

/** As many rows as fit, but at least one. */
async function pageOf(
  connection: PgConnection,
  { which, order }: { readonly which: string; readonly order: string },
  parameters: readonly (string | bigint | readonly string[])[],
): Promise<readonly RecordedChange[]> {
  const { rows } = await connection.query(
    `select ${changeColumns} from (
       select c.*, sum(c.size) over (order by ${order}) - c.size as before from teal.changes c
        where c.xid = $1::text::xid8 ${which} order by ${order} limit ${changesAtOnce}) c
     where c.before < ${pageBytes} order by ${order}`,
    parameters,
  );
  return rows.map(changeOf);
}

/** Those of which the numbers do not tell the order of changes, by their ids. Most often there is none, and one question tells it of the whole group. */
async function turnedAmong(connection: PgConnection, group: readonly NotedTransaction[]): Promise<ReadonlySet<string>> {
  const suspects = group.filter(({ again }) => again).map(({ xid }) => xid);
  if (suspects.length === 0) return new Set();
  const { rows } = await connection.query(
    // LIMIT: for each by the index, and never as a join of all that is recorded.
    `select s.xid from unnest($1::text[]) as s (xid) cross join lateral (
       select from teal.changes c join teal.changes later on later.xid = c.xid and later.relation = c.relation and later.now = c.was and later.number > c.number
        where c.xid = s.xid::xid8 and c.again limit 1) as turned`,
    [suspects],
  );
  return new Set(rows.map((row) => row['xid'] ?? ''));
}

/** Errors: TEAL-SYSTEMS-043. */
async function changedOrder(connection: PgConnection, { xid, changes }: NotedTransaction): Promise<readonly bigint[]> {
  if (changes > orderedLimit) {
    throw new TealError('TEAL-SYSTEMS-043', 'a transaction has too many changes to put them in order', { changes });
  }
  const { rows } = await connection.query(
    `select c.number, c.relation::int8 as relation, c.operation, c.was, c.now from teal.changes c where c.xid = $1::text::xid8 order by c.number`,
    [xid],
  );
  return orderOfChanges(
    rows.map((row): NotedChange => ({
      number: BigInt(row['number'] ?? 0),
      relation: Number(row['relation']),
      operation: row['operation'] ?? '',
      was: row['was'] ?? null,
      now: row['now'] ?? null,
    })),
  );
}

function inOrder(changes: readonly RecordedChange[], order: readonly bigint[]): readonly RecordedChange[] {
  const byNumber = new Map(changes.map((change) => [change.number, change]));
  return order.flatMap((number) => byNumber.get(number) ?? []);
}

function changeOf(row: PgRow): RecordedChange {
  return {
    xid: row['xid'] ?? '',
    number: BigInt(row['number'] ?? 0),
    relation: Number(row['relation']),
    shape: row['shape'] ?? null,
    operation: row['operation'] ?? '',
    oldRow: row['old_row'] ?? null,
    newRow: row['new_row'] ?? null,
  };
}
