import { must } from '../../kernel/assert.ts';
import { TealError } from '../../kernel/errors.ts';
import { tableFacts, tableKey, type Table } from '../../model/catalog.ts';
import { rangeRecords, stayingTables, type RangeRecord, type RangeRow } from '../../ports/copy-records.ts';
import type {
  CopyRange,
  CopyRun,
  CopyTarget,
  CopyWriter,
  DoneRange,
  RowStream,
  Written,
} from '../../ports/snapshot-source.ts';
import { connect, type PgConnection } from './connection.ts';
import { CopySession, rowsOfTag } from './copy-session.ts';
import { copyInSql } from './copy-sql.ts';
import { sqlStateOf } from './errors.ts';
import { quoteLiteral, quoteTable } from './quote.ts';

/** Shared by every writer's transaction, exclusive while a run begins. */
const copyLock = `1856507904, 1`;
/** How long a run that begins waits for writers of a dead one: one range of the largest size on a slow disk. */
const oldWritersTimeoutMs = 120_000;
/** Below it, making a table anew costs more than frozen rows save. */
const freezeFromBytes = 1 << 20;
const tablesPerQuery = 200;

/** SQLSTATEs by which a target says that it does not understand a value's binary form. */
const refusedBinary = new Set(['42883', '42804', '22P03']);

/**
 * The tables of a target, and the records of what was copied in `teal.chunk`.
 *
 * A process that was killed leaves servers behind that may still commit what they had received. So a run begins by an exclusive lock that waits for
 * them, and by a new attempt number without which no writer's transaction can make its record: afterwards nobody but this run adds a row.
 * `installTealSchema` must have run on this side.
 */
export function postgresCopyTarget(url: string): CopyTarget {
  return new Target(url);
}

class Target implements CopyTarget {
  readonly #url: string;
  #attempt: string | undefined;

  constructor(url: string) {
    this.#url = url;
  }

  async begin(run: CopyRun, signal: AbortSignal): Promise<readonly DoneRange[]> {
    await using connection = await connect({ url: this.#url, applicationName: 'teal copy', signal });
    return await connection.transaction(async () => {
      await connection.query(
        `set local lock_timeout = ${oldWritersTimeoutMs}; select pg_advisory_xact_lock(${copyLock})`,
      );
      this.#attempt = await beginAttempt(connection, run);
      const found = Map.groupBy(await readRecords(connection, run.tables), ({ table }) => tableKey(table));
      const staying = stayingTables((table) => found.get(tableKey(table)) ?? [], run);
      const keeps = (table: Table): boolean => staying.has(table);
      await makeEmpty(
        connection,
        run.tables.filter((table) => !keeps(table)),
      );
      return run.tables.filter(keeps).flatMap((table) => found.get(tableKey(table)) ?? []);
    });
  }

  async done(tables: readonly Table[]): Promise<readonly DoneRange[]> {
    await using connection = await connect({ url: this.#url, applicationName: 'teal copy' });
    return (await isThere(connection, 'teal.chunk')) ? await readRecords(connection, tables) : [];
  }

  async epoch(): Promise<number> {
    await using connection = await connect({ url: this.#url, applicationName: 'teal copy' });
    if (!(await isThere(connection, 'teal.copy_run'))) return 0;
    const { rows } = await connection.query('select coalesce(max(epoch), 0)::text as epoch from teal.copy_run');
    return Number(rows[0]?.['epoch']);
  }

  async open(run: CopyRun, signal: AbortSignal): Promise<CopyWriter> {
    const attempt = must(this.#attempt, 'the attempt of a run that has begun');
    const session = await CopySession.open({
      url: this.#url,
      applicationName: 'teal copy writer',
      signal,
      asReplica: true,
      extraOptions: { row_security: 'off' },
    });
    return new Writer(session, run, attempt);
  }
}

async function beginAttempt(connection: PgConnection, run: CopyRun): Promise<string> {
  await connection.query(
    'create table if not exists teal.copy_run (epoch int primary key, snapshot text not null, attempt int not null)',
  );
  const newer = await connection.query('select from teal.copy_run where epoch > $1', [run.epoch]);
  if (newer.rowCount > 0) throw new TealError('TEAL-SYNC-206', 'a later epoch has begun', { epoch: run.epoch });
  const { rows } = await connection.query(
    `insert into teal.copy_run as r (epoch, snapshot, attempt) values ($1, $2, 1)
     on conflict (epoch) do update set attempt = r.attempt + 1 returning attempt::text, snapshot`,
    [run.epoch, run.snapshot],
  );
  const row = must(rows[0], 'the run of a copy');
  if (row['snapshot'] !== run.snapshot) {
    throw new TealError('TEAL-SYNC-202', 'this epoch was copied from another snapshot', {
      epoch: run.epoch,
      was: row['snapshot'] ?? '',
      is: run.snapshot,
    });
  }
  return must(row['attempt'], 'the attempt of a copy');
}

async function isThere(connection: PgConnection, name: string): Promise<boolean> {
  const { rows } = await connection.query('select to_regclass($1) is not null as there', [name]);
  return rows[0]?.['there'] === 't';
}

async function readRecords(connection: PgConnection, tables: readonly Table[]): Promise<readonly RangeRecord[]> {
  const { rows } = await connection.query<RangeRow>(
    'select run::text as run, rel::text as rel, lo, hi, snap, rows::text as rows from teal.chunk order by rel, lo::int8',
  );
  return rangeRecords(rows, tables);
}

/** Rows that a copy has brought go, with the records of them; rows of anybody else stop the copy. */
async function makeEmpty(connection: PgConnection, tables: readonly Table[]): Promise<void> {
  const withRows = await tablesWithRows(connection, tables);
  const { rows } = await connection.query(
    'delete from teal.chunk where rel = any($1::oid[]) returning rel::text as rel',
    [tables.map((table) => String(table.oid))],
  );
  if (withRows.length === 0) return;
  const copiedBefore = new Set(rows.map((row) => row['rel']));
  const foreign = withRows.filter((table) => !copiedBefore.has(String(table.oid)));
  if (foreign.length > 0) {
    throw new TealError('TEAL-SYNC-201', `${foreign.length} tables of the target are not empty`, {
      tables: foreign.slice(0, 20).map(tableKey),
    });
  }
  await connection.query(`truncate ${withRows.map((table) => `only ${quoteTable(table)}`).join(', ')}`);
}

async function tablesWithRows(connection: PgConnection, tables: readonly Table[]): Promise<readonly Table[]> {
  const found: Table[] = [];
  for (let at = 0; at < tables.length; at += tablesPerQuery) {
    const some = tables.slice(at, at + tablesPerQuery);
    const selects = some.map(
      (table, index) => `select ${index} as place where exists (select from only ${quoteTable(table)})`,
    );
    const { rows } = await connection.query(selects.join(' union all '));
    for (const row of rows) found.push(must(some[Number(row['place'])], 'a table of the batch'));
  }
  return found;
}

class Writer implements CopyWriter {
  readonly #session: CopySession;
  readonly #run: CopyRun;
  readonly #attempt: string;

  constructor(session: CopySession, run: CopyRun, attempt: string) {
    this.#session = session;
    this.#run = run;
    this.#attempt = attempt;
  }

  async write(range: CopyRange, rows: RowStream): Promise<Written> {
    if (!(await this.#beginRange(range))) return { state: 'already there' };
    const whole = range.from === 0 && range.to === undefined;
    const freeze = whole && range.table.heapBytes >= freezeFromBytes;
    const written = await this.#copyIn(range, rows, freeze);
    const sent = rows.rowCount();
    if (sent !== written) {
      throw new TealError('TEAL-SYNC-205', 'source and target count different numbers of rows', {
        ...tableFacts(range.table),
        sent,
        written,
      });
    }
    const tags = await this.#session.execute(
      `update teal.chunk set rows = ${written} where ${this.#recordOf(range)}; commit`,
    );
    if (tags.at(-1) !== 'COMMIT') throw new TealError('TEAL-SYSTEMS-007', 'the server rolled back at COMMIT');
    return { state: 'written', rows: written };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }

  /** Opens the transaction and makes the record in it; false when an earlier attempt's record is there. Waits for one that is just committing. */
  async #beginRange(range: CopyRange): Promise<boolean> {
    const { epoch, snapshot } = this.#run;
    const hi = range.to === undefined ? 'null' : `'${range.to}'`;
    const kind = range.from === 0 && range.to === undefined ? 'whole' : 'ctid';
    const tags = await this.#session.execute(
      `begin; select pg_advisory_xact_lock_shared(${copyLock});
       insert into teal.chunk (run, rel, chunk, kind, lo, hi, snap)
       select ${epoch}, ${range.table.oid}, ${chunkNumber(range)}, '${kind}', '${range.from}', ${hi}, ${quoteLiteral(snapshot)}
       from teal.copy_run r where r.epoch = ${epoch} and r.attempt = ${this.#attempt}
       and not exists (select from teal.copy_run later where later.epoch > ${epoch})
       on conflict (run, rel, chunk) do nothing`,
    );
    if (tags.at(-1) === 'INSERT 0 1') return true;
    const found = await this.#session.execute(
      `update teal.chunk set rows = rows where ${this.#recordOf(range)}; rollback`,
    );
    if (found[0] === 'UPDATE 1') return false;
    throw new TealError('TEAL-SYNC-206', 'a later run of this copy has begun', { epoch, attempt: this.#attempt });
  }

  async #copyIn(range: CopyRange, rows: RowStream, freeze: boolean): Promise<bigint> {
    try {
      return rowsOfTag(await this.#session.copyIn(copyInSql(range.table, rows.format, freeze), rows.spans));
    } catch (error) {
      if (rows.format !== 'binary' || !refusedBinary.has(sqlStateOf(error) ?? '')) throw error;
      throw new TealError(
        'TEAL-SYNC-204',
        'the target does not read this table in binary form',
        tableFacts(range.table),
      );
    }
  }

  #recordOf(range: CopyRange): string {
    return `run = ${this.#run.epoch} and rel = ${range.table.oid} and chunk = ${chunkNumber(range)}`;
  }
}

/** The first page as the key of the record: unsigned on the source, signed in the column; the same page is the same number. */
function chunkNumber(range: CopyRange): number {
  return range.from | 0;
}
