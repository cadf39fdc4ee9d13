import { assert, must } from '../../../kernel/assert.ts';
import { TealError, type ErrorFacts } from '../../../kernel/errors.ts';
import { failpoint } from '../../../kernel/failpoints.ts';
import { tableKey } from '../../../model/catalog.ts';
import type { Relation } from '../../../model/change.ts';
import { asPosition, type Position } from '../../../model/position.ts';
import { parseLsn, type LSN } from '../../../model/lsn.ts';
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
import { connect, soonMissed, type PgConnection } from '../connection.ts';
import { sqlStateOf } from '../errors.ts';
import { lsnTextIfAny } from '../position.ts';
import { quoteTable } from '../quote.ts';
import { originSetting } from '../trigger-source/recorder.ts';
import { cascadeHands } from './cascades.ts';
import { fit, readCatalogTable, type FittedTable } from './describe.ts';
import { isShort, provingItself } from './one-trip.ts';
import { asksOf, stageFromRows, type Expectation, type PlainStep, type SinkAsk, type Stages } from './steps.ts';
import { PipelineFailure, TargetSession, type Answer } from './target-session.ts';

export interface PostgresSinkOptions {
  readonly url: string;
  /** `<migration>_fwd` or `<migration>_rev`; the origin of its transactions is `teal_<stream>`. */
  readonly stream: string;
  readonly signal?: AbortSignal;
}

/**
 * As a replica: neither triggers nor foreign keys nor rules of the target act, and its fence lets the session through. `synchronous_commit=off`: durability is
 * tracked by `durable`. The planner has one way left to join a batch: a loop that looks each row up in the key's index. It knows nothing of the batch's
 * table and would now and then read the whole target instead, two to three times slower.
 */
const sessionSettings: Readonly<Record<string, string>> = Object.freeze({
  synchronous_commit: 'off',
  row_security: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_material: 'off',
  jit: 'off',
  max_parallel_workers_per_gather: '0',
});

/**
 * The sink of PostgreSQL 14 to 18: one session, ordered. `installTealSchema` must have run on this side. Every transaction is marked with the origin
 * `teal_<stream>`, so that the flow in the other direction can tell it from a client's (correctness.md §3.1); triggers that record changes are told by a setting.
 * Errors: TEAL-SYNC-119 when another session applies this stream, and those of `connect`.
 */
export async function openPostgresSink(options: PostgresSinkOptions): Promise<Sink> {
  const connection = await connect({
    url: options.url,
    applicationName: `teal apply ${options.stream}`,
    signal: options.signal,
    asReplica: true,
    extraOptions: { ...soonMissed, ...sessionSettings, [originSetting]: `teal_${options.stream}` },
  });
  try {
    await setUpOrigin(connection, `teal_${options.stream}`);
  } catch (error) {
    await connection.close();
    throw error;
  }
  return new PostgresSink(new TargetSession(connection), options.stream);
}

async function setUpOrigin(connection: PgConnection, origin: string): Promise<void> {
  await connection.query(
    `select pg_replication_origin_create($1) where not exists (select from pg_replication_origin where roname = $1)`,
    [origin],
  );
  try {
    await connection.query('select pg_replication_origin_session_setup($1)', [origin]);
  } catch (error) {
    if (sqlStateOf(error) !== '55006') throw error;
    throw new TealError('TEAL-SYNC-119', 'the origin is in use by another session', { origin }, error);
  }
}

const selectProgress = `
select position, mode, epoch::text, rogue_transactions::text, rogue_first from teal.progress where stream = $1`;
const insertProgress = `
insert into teal.progress (stream, position, mode, epoch, rogue_transactions, rogue_first)
values ($1, $2, $3, $4::int, $5::int8, $6) on conflict (stream) do nothing`;
const updateProgress = `
update teal.progress set position = $2, mode = $3, epoch = $4::int, rogue_transactions = $5::int8, rogue_first = $6,
       committed_at = timestamptz 'epoch' + $7::int8 * interval '1 microsecond', updated_at = now()
where stream = $1`;
/**
 * Writes the position into the commit record itself, where the source's positions are PostgreSQL's: nothing of Teal reads it there. The row in teal.progress gives the
 * transaction its id, without which this would not be recorded.
 */
const markOrigin = `
select pg_replication_origin_xact_setup($1::pg_lsn, timestamptz 'epoch' + $2::int8 * interval '1 microsecond')`;
/** So many, and short transactions go in steps too: a rule of the target's may be why each of them fails. */
const mostVainTrips = 3;
const afterCommit: Expectation = Object.freeze({ what: 'session' });
const commitAsks: readonly SinkAsk[] = [
  ask('COMMIT'),
  { ...ask('select pg_current_wal_insert_lsn()::text, pg_current_wal_flush_lsn()::text'), owner: afterCommit },
];
const forceFlush = `update teal.progress set updated_at = now() where stream = $1`;

class PostgresSink implements Sink {
  readonly #session: TargetSession;
  readonly #stream: string;
  readonly #fitted = new WeakMap<TargetTable, FittedTable>();
  /** By the table's name in SQL. */
  readonly #stages = new Map<string, { readonly name: string; readonly table: TargetTable }>();
  /** Made in the open transaction: gone if it is undone. */
  readonly #newStages = new Set<string>();
  #cascades: CascadeHands;
  #stagesEver = 0;
  /** Short transactions that had to be done again in steps. */
  #vainTrips = 0;
  #isOpen = false;
  #durable: Position | undefined;
  /** Commits that may not be on the target's disk yet, oldest first: durable once its WAL is flushed to `lsn`. */
  #undurable: { readonly applied: Position; readonly lsn: LSN }[] = [];

  constructor(session: TargetSession, stream: string) {
    this.#session = session;
    this.#stream = stream;
    this.#cascades = this.#newCascades();
  }

  async progress(initial?: SinkProgress): Promise<SinkProgress> {
    await this.abandon();
    if (initial !== undefined) {
      await this.#run([
        ask('BEGIN'),
        ask('SET LOCAL synchronous_commit = on'),
        ask(insertProgress, [this.#stream, ...progressCells(initial)]),
        ask('COMMIT'),
      ]);
    }
    const { rows } = await this.#session.query(selectProgress, [Buffer.from(this.#stream)]);
    const [row] = rows;
    if (row === undefined) {
      throw new TealError('TEAL-SYNC-118', 'the target has no progress of this stream', { stream: this.#stream });
    }
    const rogueFirst = row[4] ?? undefined;
    const progress: SinkProgress = {
      applied: asPosition(row[0] ?? ''),
      mode: row[1] as KeptMode,
      epoch: Number(row[2]),
      rogueTransactions: Number(row[3]),
      ...(rogueFirst === undefined ? {} : { rogueFirst }),
    };
    this.#durable ??= await this.#flushed(progress.applied);
    return progress;
  }

  async describe(relation: Relation): Promise<TableFit> {
    const found = await this.#reading(async () => readCatalogTable(this.#session, quoteTable(relation)));
    const answer = fit(relation, found);
    if (!answer.fits) return answer;
    this.#fitted.set(answer.fitted.table, answer.fitted);
    return { fits: true, table: answer.fitted.table };
  }

  async apply(slice: ApplySlice): Promise<Position> {
    failpoint('sync.apply.before-statements');
    try {
      if (slice.commit !== undefined && (await this.#inOneTrip(slice.steps, slice.commit))) return this.#known();
      await this.#perform(slice.steps, slice.commit);
      if (slice.commit !== undefined) {
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
    const newest = this.#undurable.at(-1);
    if (newest !== undefined) {
      if (force) {
        // WAL is flushed in order: one commit that waits for the disk makes all before it durable.
        await this.#run([
          ask('BEGIN'),
          ask('SET LOCAL synchronous_commit = on'),
          ask(forceFlush, [this.#stream]),
          ask('COMMIT'),
        ]);
        this.#settle(newest.lsn);
      } else {
        const { rows } = await this.#session.query('select pg_current_wal_flush_lsn()::text');
        this.#settle(parseLsn(rows[0]?.[0] ?? ''));
      }
    }
    return this.#known();
  }

  #known(): Position {
    return must(this.#durable, 'progress, which is read before anything is applied');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }

  /** Steps in as few round trips as their `either`s allow, with the progress in the last one. */
  async #perform(steps: readonly SinkStep[], commit: SinkCommit | undefined): Promise<void> {
    let plain: PlainStep[] = [];
    for (const step of steps) {
      if (step.kind === 'cascade') {
        await this.#run(this.#statements(plain));
        plain = [];
        await cascade(step.cascade, this.#cascades);
      } else if (step.kind !== 'either') {
        plain.push(step);
      } else if (step.changes < stageFromRows) {
        // So few that a savepoint and its round trips would cost more than the folding saves.
        plain.push(...withoutChoice(step.ordered()));
      } else {
        await this.#run(this.#statements(plain));
        plain = [];
        await this.#either(step);
      }
    }
    const last = commit === undefined ? [] : this.#progressAsks(commit);
    await this.#run(chained(this.#statements(plain), last));
  }

  async #either(step: Extract<SinkStep, { kind: 'either' }>): Promise<void> {
    const quick = this.#statements(withoutChoice(step.quick));
    try {
      await this.#run(chained([ask('SAVEPOINT teal')], quick, [ask('RELEASE teal')]));
    } catch (error) {
      if (!isUniqueConflict(error)) throw error;
      await this.#run([ask('ROLLBACK TO teal'), ask('RELEASE teal')]);
      this.#forgetNewStages();
      await this.#run(this.#statements(withoutChoice(step.ordered())));
    }
  }

  *#statements(steps: readonly PlainStep[]): Generator<SinkAsk, void, void> {
    if (!this.#isOpen) {
      this.#isOpen = true;
      yield ask('BEGIN');
    }
    const fittedOf = (table: TargetTable): FittedTable => must(this.#fitted.get(table), 'a table that was described');
    for (const step of steps) yield* asksOf(step, fittedOf, { stageOf: (fitted) => this.#stageOf(fitted) });
  }

  #stageOf(fitted: FittedTable): ReturnType<Stages['stageOf']> {
    const { table, sqlName } = fitted;
    const known = this.#stages.get(sqlName);
    if (known?.table === table) return { name: known.name, isNew: false };
    this.#stagesEver += 1;
    const name = `pg_temp.teal_stage_${this.#stagesEver}`;
    this.#stages.set(sqlName, { name, table });
    this.#newStages.add(sqlName);
    return { name, isNew: true, ...(known === undefined ? {} : { replaces: known.name }) };
  }

  #progressAsks(commit: SinkCommit): SinkAsk[] {
    const at = String(commit.committedAtUs);
    return [
      {
        ...ask(updateProgress, [this.#stream, ...progressCells(commit), at]),
        owner: { what: 'session', rows: 1 },
      },
      ask(markOrigin, [lsnTextIfAny(commit.applied), at]),
    ];
  }

  /** A short transaction from its BEGIN to its COMMIT; or false, and nothing of it is done: in steps it tells by name what it met. */
  async #inOneTrip(steps: readonly SinkStep[], commit: SinkCommit): Promise<boolean> {
    if (this.#isOpen || this.#vainTrips === mostVainTrips || !isShort(steps)) return false;
    const asks = [...this.#statements(withoutChoice(steps)), ...this.#progressAsks(commit)].map(provingItself);
    failpoint('sync.apply.before-commit');
    let answers: readonly Answer<Expectation>[];
    try {
      answers = await this.#session.run([...asks, ...commitAsks]);
    } catch (error) {
      if (!(error instanceof PipelineFailure)) throw error;
      // It is committed: done again it would be there twice.
      if (error.owner === afterCommit) throw refusal(error as PipelineFailure<Expectation>);
      this.#vainTrips += 1;
      await this.#undo();
      return false;
    }
    this.#committed(commit.applied, answers.slice(-commitAsks.length));
    failpoint('sync.apply.after-commit');
    return true;
  }

  async #commit(applied: Position): Promise<void> {
    this.#committed(applied, await this.#run(commitAsks));
  }

  #committed(applied: Position, [done, lsns]: readonly Answer<Expectation>[]): void {
    this.#isOpen = false;
    this.#newStages.clear();
    if (done?.command !== 'COMMIT') {
      throw new TealError('TEAL-SYSTEMS-007', 'the target rolled back a transaction at its COMMIT', {
        command: done?.command,
      });
    }
    const [insert, flushed] = lsns?.rows[0] ?? [];
    this.#undurable.push({ applied, lsn: parseLsn(insert ?? '') });
    this.#settle(parseLsn(flushed ?? ''));
  }

  #settle(flushed: LSN): void {
    const first = this.#undurable.findIndex((each) => each.lsn > flushed);
    const settled = first === -1 ? this.#undurable.length : first;
    const newest = this.#undurable[settled - 1];
    if (newest === undefined) return;
    this.#durable = newest.applied;
    this.#undurable = this.#undurable.slice(settled);
  }

  /** What an earlier session of this stream committed may still be on its way to the disk: it is made durable before it is reported so. */
  async #flushed(applied: Position): Promise<Position> {
    await this.#run([
      ask('BEGIN'),
      ask('SET LOCAL synchronous_commit = on'),
      ask(forceFlush, [this.#stream]),
      ask('COMMIT'),
    ]);
    return applied;
  }

  async #run(asks: Iterable<SinkAsk>): Promise<readonly Answer<Expectation>[]> {
    try {
      const answers = await this.#session.run(asks);
      for (const answer of answers) prove(answer);
      return answers;
    } catch (error) {
      if (error instanceof PipelineFailure) throw refusal(error as PipelineFailure<Expectation>);
      throw error;
    }
  }

  async #reading<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (error instanceof PipelineFailure) throw refusal(error as PipelineFailure<Expectation>);
      throw error;
    }
  }

  #newCascades(): CascadeHands {
    return cascadeHands({
      run: async (asks) => this.#run(asks),
      table: async (name) => this.#reading(async () => readCatalogTable(this.#session, name)),
    });
  }

  async #undo(): Promise<void> {
    this.#isOpen = false;
    // Perhaps it was a table that is not what it was.
    this.#cascades = this.#newCascades();
    this.#forgetNewStages();
    try {
      await this.#session.query('ROLLBACK');
    } catch {
      // The session is lost, and with it the transaction. The error that led here is the one to tell; the next call meets this one.
    }
  }

  #forgetNewStages(): void {
    for (const sqlName of this.#newStages) this.#stages.delete(sqlName);
    this.#newStages.clear();
  }
}

function ask(sql: string, parameters: readonly (string | null)[] = []): SinkAsk {
  const cells = parameters.map((value) => (value === null ? null : Buffer.from(value)));
  return { kind: 'statement', sql, cells, owner: { what: 'session' } };
}

function progressCells(progress: SinkProgress): (string | null)[] {
  return [
    progress.applied,
    progress.mode,
    String(progress.epoch),
    String(progress.rogueTransactions),
    progress.rogueFirst ?? null,
  ];
}

function* chained(...parts: readonly Iterable<SinkAsk>[]): Generator<SinkAsk, void, void> {
  for (const part of parts) yield* part;
}

/** What can be done in one of two ways has no third kind of step in it. */
function withoutChoice(steps: readonly SinkStep[]): PlainStep[] {
  return steps.flatMap((step) => {
    if (step.kind === 'either') return withoutChoice(step.ordered());
    assert(step.kind !== 'cascade', 'what foreign keys did is a step by itself');
    return [step];
  });
}

/** The exactly-one rule (correctness.md §0.4). */
function prove(answer: Answer<Expectation>): void {
  const { what, table, rows } = answer.owner;
  if (rows === undefined || rows === answer.count) return;
  throw new TealError('TEAL-SYNC-110', `an ${what} affected ${answer.count} rows where ${rows} was due`, {
    change: what,
    table: table === undefined ? undefined : tableKey(table.relation),
    affected: answer.count,
    expected: rows,
  });
}

const uniqueConflicts = new Set(['23505', '23P01']);
/** Deadlock, serialization, lock_timeout, a cancelled statement. */
const passing = new Set(['40P01', '40001', '55P03', '57014']);
/** No such table, column or type; values that the target's types and constraints do not take; a TRUNCATE that foreign keys of other tables forbid. */
function isOfSchema(sqlState: string): boolean {
  if (sqlState === '42501') return false;
  return (
    sqlState.startsWith('22') ||
    sqlState.startsWith('23') ||
    sqlState.startsWith('42') ||
    ['0A000', '428C9'].includes(sqlState)
  );
}

function isUniqueConflict(error: unknown): boolean {
  return error instanceof TealError && error.code === 'TEAL-SYNC-111';
}

/** What the refusal of a statement means for the stream. Names only: the server's own error has no value in it (see `errors.ts`). */
function refusal({ owner, error }: PipelineFailure<Expectation>): TealError {
  const sqlState = sqlStateOf(error) ?? '';
  const facts: ErrorFacts = {
    ...error.facts,
    ...(owner?.table === undefined ? {} : { table: tableKey(owner.table.relation) }),
    change: owner?.what,
  };
  if (uniqueConflicts.has(sqlState)) {
    return new TealError('TEAL-SYNC-111', 'a unique index of the target refused a row', facts, error);
  }
  if (passing.has(sqlState)) return new TealError('TEAL-SYNC-112', 'the target refused for now', facts, error);
  if (isOfSchema(sqlState) && owner?.what !== 'session') {
    return new TealError('TEAL-SYNC-113', 'the target does not take a change', facts, error);
  }
  return error;
}
