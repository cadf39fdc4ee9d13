import { assert, must } from '../../../kernel/assert.ts';
import { monotonicMs } from '../../../kernel/clock.ts';
import { TealError, isTealError, type ErrorFacts } from '../../../kernel/errors.ts';
import { failpoint } from '../../../kernel/failpoints.ts';
import { tableKey } from '../../../model/catalog.ts';
import type { Relation } from '../../../model/change.ts';
import { asPosition, type Position } from '../../../model/position.ts';
import type {
  ApplySlice,
  KeptMode,
  Sink,
  SinkCommit,
  SinkProgress,
  SinkStep,
  TableFit,
  TargetTable,
} from '../../../ports/sink.ts';
import { cascade, type CascadeHands } from '../../../ports/cascade.ts';
import { connect, type MysqlConnection, type MysqlParameter } from '../connection.ts';
import { lockHolder, lockName, tryLock } from '../named-lock.ts';
import { originOf } from '../teal-schema.ts';
import { originVariable } from '../trigger-source/names.ts';
import { cascadeHands } from './cascades.ts';
import { fit, readServerTable, type FittedTable } from './describe.ts';
import { Durability } from '../durability.ts';
import { refusalOf } from './refusals.ts';
import { packets, statementsOf, type PlainStep, type SinkStatement, type StatementLimits } from './statements.ts';

export interface MysqlSinkOptions {
  readonly url: string;
  /** `<migration>_fwd` or `<migration>_rev`; its transactions are named `originOf(stream)` in the log. */
  readonly stream: string;
  readonly signal?: AbortSignal;
}

/** From this many changes on, folding saves more than a savepoint and its round trips cost. */
const savepointFromChanges = 48;
/** A statement of many rows is no longer than this: more saves nothing, and both sides hold it whole. */
const statementBytes = 1 << 20;
/** How often commits of a server that does not tell where its log is are forced to the disk. */
const forceEveryMs = 10_000;

/**
 * The sink of MySQL 8 and MariaDB: one session, ordered. `installTealSchema` must have run on this side. Every transaction begins with a write of the stream's row in `teal.stream`, so
 * that the flow in the other direction can tell it from a client's; triggers that record know it by a variable.
 * Errors: TEAL-SYNC-119 when another session applies this stream, and those of `connect`.
 */
export async function openMysqlSink(options: MysqlSinkOptions): Promise<Sink> {
  const connection = await connect({
    url: options.url,
    applicationName: `teal apply ${options.stream}`,
    signal: options.signal,
    // What foreign keys of the source have done comes as changes, or as a step of its own.
    settings: { foreign_key_checks: '0' },
    manyStatements: true,
  });
  try {
    // Fewer locks on gaps, and each statement sees what is committed.
    await connection.query('set session transaction isolation level read committed');
    await connection.query(`set ${originVariable} = ?`, [originOf(options.stream)]);
    await takeStream(connection, options.stream);
    return new MysqlSink(connection, options.stream, await readLimits(connection));
  } catch (error) {
    await connection.close();
    throw error;
  }
}

async function takeStream(connection: MysqlConnection, stream: string): Promise<void> {
  const name = lockName('apply', stream);
  // A moment: the session before may have ended here and not yet on the server.
  if (await tryLock(connection, name, 1)) return;
  const pid = await lockHolder(connection, name);
  throw new TealError('TEAL-SYNC-119', 'another session applies this stream', { stream, pid });
}

async function readLimits(connection: MysqlConnection): Promise<StatementLimits> {
  const { rows } = await connection.query('select @@session.max_allowed_packet as most');
  const mostBytes = Number(must(rows[0]?.['most'], 'max_allowed_packet'));
  return { mostBytes, bytes: Math.min(statementBytes, Math.floor(mostBytes / 2)) };
}

const selectProgress = `
select position, mode, epoch, rogue_transactions, rogue_first from teal.stream where name = ? and position is not null`;
const insertProgress = `
insert into teal.stream (name, position, mode, epoch, rogue_transactions, rogue_first) values (?, ?, ?, ?, ?, ?)
on duplicate key update mode = if(position is null, values(mode), mode), epoch = if(position is null, values(epoch), epoch),
  rogue_transactions = if(position is null, values(rogue_transactions), rogue_transactions),
  rogue_first = if(position is null, values(rogue_first), rogue_first), position = coalesce(position, values(position)), writes = writes + 1`;
const updateProgress = `
update teal.stream set position = ?, mode = ?, epoch = ?, rogue_transactions = ?, rogue_first = ?, committed_at = ?,
  writes = writes + 1, updated_at = current_timestamp(6) where name = ?`;
const touchProgress = 'update teal.stream set writes = writes + 1 where name = ?';

class MysqlSink implements Sink {
  readonly #connection: MysqlConnection;
  readonly #name: string;
  readonly #stream: string;
  readonly #limits: StatementLimits;
  readonly #durability: Durability;
  readonly #fitted = new WeakMap<TargetTable, FittedTable>();
  #cascades: CascadeHands;
  #isOpen = false;
  /** The open transaction holds the progress of its end already. */
  #isMarked = false;
  #durable: Position | undefined;
  /** Commits that may not be on the target's disk yet, oldest first: durable once its log is flushed to `at`; without it, once it was forced. */
  #undurable: { readonly applied: Position; readonly at: bigint | undefined }[] = [];
  #forcedMs = monotonicMs();

  constructor(connection: MysqlConnection, stream: string, limits: StatementLimits) {
    this.#connection = connection;
    this.#stream = stream;
    this.#name = originOf(stream);
    this.#limits = limits;
    this.#durability = new Durability(connection);
    this.#cascades = cascadeHands(connection);
  }

  async progress(initial?: SinkProgress): Promise<SinkProgress> {
    await this.abandon();
    if (initial !== undefined) await this.#connection.query(insertProgress, [this.#name, ...progressValues(initial)]);
    const { rows } = await this.#connection.query(selectProgress, [this.#name]);
    const [row] = rows;
    if (row === undefined) {
      throw new TealError('TEAL-SYNC-118', 'the target has no progress of this stream', { stream: this.#stream });
    }
    const rogueFirst = row['rogue_first'] ?? undefined;
    const progress: SinkProgress = {
      applied: asPosition(row['position'] ?? ''),
      mode: row['mode'] as KeptMode,
      epoch: Number(row['epoch']),
      rogueTransactions: Number(row['rogue_transactions']),
      ...(rogueFirst === undefined ? {} : { rogueFirst }),
    };
    if (this.#durable === undefined) {
      // What an earlier session of this stream committed may still be on its way to the disk.
      if (!(await this.#durability.commitsWait())) await this.#durability.force();
      this.#durable = progress.applied;
    }
    return progress;
  }

  async describe(relation: Relation): Promise<TableFit> {
    const answer = fit(relation, await readServerTable(this.#connection, relation));
    if (!answer.fits) return answer;
    this.#fitted.set(answer.fitted.table, answer.fitted);
    return { fits: true, table: answer.fitted.table };
  }

  async apply(slice: ApplySlice): Promise<Position> {
    failpoint('sync.apply.before-statements');
    try {
      await this.#begin(slice.commit);
      await this.#perform(slice.steps);
      if (slice.commit !== undefined) {
        if (!this.#isMarked) await this.#writeProgress(slice.commit);
        failpoint('sync.apply.before-commit');
        await this.#commit(slice.commit.applied);
        failpoint('sync.apply.after-commit');
      }
      return this.#known();
    } catch (error) {
      await this.#undo();
      throw error;
    }
  }

  async abandon(): Promise<void> {
    if (this.#isOpen) await this.#undo();
  }

  async durable(force: boolean): Promise<Position> {
    assert(!this.#isOpen, 'durability is asked between transactions');
    if (this.#undurable.length === 0) return this.#known();
    const isSilent = this.#undurable.some((each) => each.at === undefined);
    if (force || (isSilent && this.#isForceDue())) {
      await this.#force();
    } else {
      const places = await this.#durability.places();
      if (places !== undefined) this.#settle(places.flushed);
    }
    return this.#known();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
  }

  #known(): Position {
    return must(this.#durable, 'progress, which is read before anything is applied');
  }

  /** The stream's row comes first, so that the log names the origin before anything else. Where the end is known it is written at once. */
  async #begin(commit: SinkCommit | undefined): Promise<void> {
    if (this.#isOpen) return;
    await this.#connection.query('start transaction');
    this.#isOpen = true;
    this.#isMarked = false;
    if (commit === undefined) await this.#writeStream(touchProgress, [this.#name]);
    else await this.#writeProgress(commit);
  }

  async #writeProgress(commit: SinkCommit): Promise<void> {
    const values = [...progressValues(commit), timestampOf(commit.committedAtUs), this.#name];
    await this.#writeStream(updateProgress, values);
    this.#isMarked = true;
  }

  async #writeStream(sql: string, values: readonly MysqlParameter[]): Promise<void> {
    try {
      const { affectedRows } = await this.#connection.execute(sql, values);
      if (affectedRows === 1) return;
    } catch (error) {
      throw refusalOf(error, { sql: '', what: 'session' });
    }
    throw new TealError('TEAL-SYNC-118', 'the target has no progress of this stream any more', {
      stream: this.#stream,
    });
  }

  async #perform(steps: readonly SinkStep[]): Promise<void> {
    for (const step of steps) {
      if (step.kind === 'cascade') await cascade(step.cascade, this.#cascades);
      else if (step.kind !== 'either') await this.#run([step]);
      else if (step.changes < savepointFromChanges) await this.#run(step.ordered());
      else await this.#either(step);
    }
  }

  async #either(step: Extract<SinkStep, { kind: 'either' }>): Promise<void> {
    await this.#connection.query('savepoint teal');
    try {
      await this.#run(step.quick);
    } catch (error) {
      if (!isTealError(error, 'TEAL-SYNC-111')) throw error;
      await this.#connection.query('rollback to savepoint teal');
      await this.#run(step.ordered());
    }
    await this.#connection.query('release savepoint teal');
  }

  async #run(steps: readonly SinkStep[]): Promise<void> {
    const fittedOf = (table: TargetTable): FittedTable => must(this.#fitted.get(table), 'a table that was described');
    let underway: Promise<void> = Promise.resolve();
    try {
      // What is sent next is made while the server does what was sent before.
      for (const some of packets(allStatements(withoutChoice(steps), fittedOf, this.#limits), this.#limits)) {
        await underway;
        underway = this.#write(some);
        // It is awaited below; until then its rejection is not lost, only late.
        underway.catch(() => undefined);
      }
    } finally {
      // Also after an error of the next one: a session takes one at a time, and what failed first is to be told.
      await underway;
    }
  }

  async #write(statements: readonly SinkStatement[]): Promise<void> {
    const affected: number[] = [];
    const proveAll = (): void =>
      statements.slice(0, affected.length).forEach((each, place) => prove(each, affected[place] ?? 0));
    try {
      await this.#connection.queryAll(
        statements.map(({ sql }) => sql),
        (rows) => affected.push(rows),
      );
    } catch (error) {
      proveAll();
      throw refusalOf(error, must(statements[affected.length], 'a statement that failed'));
    }
    proveAll();
  }

  async #commit(applied: Position): Promise<void> {
    await this.#connection.query('commit');
    this.#isOpen = false;
    if (await this.#durability.commitsWait()) {
      this.#undurable = [];
      this.#durable = applied;
      return;
    }
    const places = await this.#durability.places();
    this.#undurable.push({ applied, at: places?.written });
    if (places !== undefined) this.#settle(places.flushed);
    else if (this.#isForceDue()) await this.#force();
  }

  #isForceDue(): boolean {
    return monotonicMs() - this.#forcedMs >= forceEveryMs;
  }

  async #force(): Promise<void> {
    await this.#durability.force();
    this.#forcedMs = monotonicMs();
    this.#settleAll();
  }

  #settle(flushed: bigint): void {
    const first = this.#undurable.findIndex((each) => each.at === undefined || each.at > flushed);
    const settled = first === -1 ? this.#undurable.length : first;
    const newest = this.#undurable[settled - 1];
    if (newest === undefined) return;
    this.#durable = newest.applied;
    this.#undurable = this.#undurable.slice(settled);
  }

  #settleAll(): void {
    this.#durable = this.#undurable.at(-1)?.applied ?? this.#durable;
    this.#undurable = [];
  }

  async #undo(): Promise<void> {
    this.#isOpen = false;
    // Perhaps it was a table that is not what it was.
    this.#cascades = cascadeHands(this.#connection);
    try {
      await this.#connection.query('rollback');
    } catch {
      // The session is lost, and with it the transaction. The error that led here is the one to tell; the next call meets this one.
    }
  }
}

function progressValues(progress: SinkProgress): MysqlParameter[] {
  return [progress.applied, progress.mode, progress.epoch, progress.rogueTransactions, progress.rogueFirst ?? null];
}

/** Of microseconds since 1970, in UTC; NULL for what a TIMESTAMP does not hold. */
function timestampOf(us: bigint): string | null {
  const ms = us / 1_000n;
  if (ms < 1_000n || ms > 2_147_483_647_000n) return null;
  const iso = new Date(Number(ms)).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 23)}${String(us % 1_000n).padStart(3, '0')}`;
}

/** What can be done in one of two ways has no third kind of step in it. */
function withoutChoice(steps: readonly SinkStep[]): PlainStep[] {
  return steps.flatMap((step) => {
    if (step.kind === 'either') return withoutChoice(step.ordered());
    assert(step.kind !== 'cascade', 'what foreign keys did is a step by itself');
    return [step];
  });
}

function* allStatements(
  steps: readonly PlainStep[],
  fittedOf: (table: TargetTable) => FittedTable,
  limits: StatementLimits,
): Generator<SinkStatement, void, void> {
  for (const step of steps) yield* statementsOf(step, fittedOf, limits);
}

/** The exactly-one rule (correctness.md §0.4). */
function prove({ what, table, rows }: SinkStatement, affected: number): void {
  if (rows === undefined || rows === affected) return;
  const facts: ErrorFacts = {
    change: what,
    table: table === undefined ? undefined : tableKey(table.relation),
    affected,
    expected: rows,
  };
  throw new TealError('TEAL-SYNC-110', `an ${what} affected ${affected} rows where ${rows} was due`, facts);
}
