import { sleep } from '../../../src/kernel/clock.ts';
import { must } from '../../../src/kernel/assert.ts';
import { DriverError, type DriverConnection, type OpenDriver } from '../drivers/driver.ts';
import type { Statement } from '../statement.ts';
import type { Isolation, MicroOp } from '../../../src/testing/checker/history.ts';
import type { Random } from '../random.ts';
import type { ClientGroup, Schedule } from '../schedule.ts';
import { doneBy, isUnconditional } from './operations.ts';
import { planInVain, type Numbers } from './transactions.ts';

/**
 * What an error says of the outcome. `working`: the transaction was taken back. `ending`: so it was where the server said it; silence says nothing. `prepared`: nobody
 * knows.
 */
export type Step = 'working' | 'ending' | 'prepared';

export interface Work {
  readonly ops: readonly MicroOp[];
  /** Gets each operation when it is done. */
  readonly done: MicroOp[];
  readonly step: { at: Step };
  /** It is rolled back at its end. */
  readonly takesBack: boolean;
  readonly isolation: Isolation;
}

/** How a client does its transactions. Every method throws what the driver throws, and `Stale`. */
export interface Manner {
  /** What becomes of the operations that were planned, before they are looked up. */
  plan(ops: readonly MicroOp[]): readonly MicroOp[];
  /** Ends what former connections left open on the server. */
  settle(connection: DriverConnection): Promise<void>;
  transact(connection: DriverConnection, work: Work): Promise<void>;
  /** After an error that left the transaction open. */
  takeBack(connection: DriverConnection): Promise<void>;
}

export interface MannerOptions {
  readonly driver: OpenDriver;
  readonly group: ClientGroup;
  readonly schedule: Schedule;
  readonly client: number;
  readonly numbers: Numbers;
  readonly random: Random;
}

export function mannerOf(options: MannerOptions): Manner {
  switch (options.group.session) {
    case 'copy in':
      return new CopyingManner(options);
    case 'long transactions':
      return new LongManner(options);
    case 'savepoints':
      return new SavepointManner(options);
    case 'two-phase':
      return new TwoPhaseManner(options);
    default:
      return new PlainManner(options);
  }
}

class PlainManner implements Manner {
  protected readonly options: MannerOptions;

  constructor(options: MannerOptions) {
    this.options = options;
  }

  plan(ops: readonly MicroOp[]): readonly MicroOp[] {
    return ops;
  }

  async settle(_connection: DriverConnection): Promise<void> {}

  async transact(connection: DriverConnection, work: Work): Promise<void> {
    await connection.begin(work.isolation);
    const isCommitted = await this.work(connection, work);
    if (isCommitted) return;
    await this.end(connection, work);
  }

  async takeBack(connection: DriverConnection): Promise<void> {
    await connection.rollback();
  }

  protected async end(connection: DriverConnection, { step, takesBack }: Work): Promise<void> {
    step.at = 'ending';
    await (takesBack ? connection.rollback() : connection.commit());
  }

  /** True when COMMIT went with it. */
  protected async work(connection: DriverConnection, work: Work): Promise<boolean> {
    const { pipelines } = this.options.driver;
    if (pipelines === 'no') {
      await this.oneByOne(connection, work.ops, work.done);
      return false;
    }
    const commits = pipelines === 'commit too' && !work.takesBack && this.options.random.chance(0.5);
    const isCommitted = commits && work.ops.every(isUnconditional);
    if (isCommitted) work.step.at = 'ending';
    await this.atOnce(connection, work, isCommitted);
    return isCommitted;
  }

  protected async oneByOne(connection: DriverConnection, ops: readonly MicroOp[], done: MicroOp[]): Promise<void> {
    for (const op of ops) done.push(doneBy(op, await connection.run(this.statements(connection, op))));
  }

  private async atOnce(connection: DriverConnection, { ops, done }: Work, isCommitted: boolean): Promise<void> {
    const each = ops.map((op) => this.statements(connection, op));
    const answers = await connection.run(each.flat(), isCommitted ? 'commit' : undefined);
    let at = 0;
    for (const [index, op] of ops.entries()) {
      const count = must(each[index], 'its statements').length;
      done.push(doneBy(op, answers.slice(at, at + count)));
      at += count;
    }
  }

  protected statements({ dialect }: DriverConnection, op: MicroOp): readonly Statement[] {
    const { group, schedule } = this.options;
    const statements = dialect.statementsOf(op, schedule.sizes);
    if (group.session !== 'named statements') return statements;
    const variant = 'was' in op && op.was === null ? 'new' : 'old';
    return statements.map((each, at) => ({ ...each, name: `teal_check_${op.f}_${variant}_${at}` }));
  }
}

/** Rows of the side table that follow one another come by COPY. */
class CopyingManner extends PlainManner {
  override plan(ops: readonly MicroOp[]): readonly MicroOp[] {
    const { random, numbers } = this.options;
    if (!random.chance(0.5)) return ops;
    const lines = Array.from({ length: random.between(2, 50) }, (): MicroOp => ({ f: 'side', v: numbers.next() }));
    return [...ops.slice(0, 1), ...lines, ...ops.slice(1)];
  }

  protected override async work(connection: DriverConnection, { ops, done }: Work): Promise<boolean> {
    for (let at = 0; at < ops.length;) {
      const next = ops.findIndex((op, place) => place >= at && op.f !== 'side');
      const lines = ops.slice(at, next === -1 ? ops.length : next);
      if (lines.length > 0) {
        const text = lines.map((op) => (op.f === 'side' ? `${op.v}\n` : '')).join('');
        await connection.copyIn('copy side (v) from stdin', text);
        done.push(...lines);
        at += lines.length;
      } else {
        await this.oneByOne(connection, ops.slice(at, at + 1), done);
        at += 1;
      }
    }
    return false;
  }
}

/** Some last longer than a cut lets transactions drain: it may be given up for them. */
export const longMs = [1_000, 2_500] as const;

class LongManner extends PlainManner {
  protected override async end(connection: DriverConnection, work: Work): Promise<void> {
    const { random } = this.options;
    if (random.chance(0.15)) await sleep(random.between(...longMs));
    await super.end(connection, work);
  }
}

const plain = (sql: string): Statement => ({ sql, params: [] });

/** What is done after a savepoint and taken back to it leaves nothing, whether it failed or not. */
class SavepointManner extends PlainManner {
  protected override async work(connection: DriverConnection, { ops, done }: Work): Promise<boolean> {
    const { random, schedule, numbers } = this.options;
    for (const op of ops) {
      if (random.chance(0.4)) await this.#inVain(connection, planInVain(schedule, random, numbers));
      const isReleased = random.chance(0.3);
      if (isReleased) await connection.run([plain('savepoint teal_check_kept')]);
      await this.oneByOne(connection, [op], done);
      if (isReleased) await connection.run([plain('release savepoint teal_check_kept')]);
    }
    return false;
  }

  async #inVain(connection: DriverConnection, op: MicroOp): Promise<void> {
    await connection.run([plain('savepoint teal_check_vain')]);
    await this.oneByOne(connection, [op], []);
    if (this.options.random.chance(0.3)) await failAtOnce(connection);
    await connection.run([plain('rollback to savepoint teal_check_vain')]);
  }
}

async function failAtOnce(connection: DriverConnection): Promise<void> {
  const { sql, code } = connection.dialect.failing;
  try {
    await connection.run([plain(sql)]);
  } catch (error) {
    if (!(error instanceof DriverError) || error.code !== code) throw error;
  }
}

interface Prepared {
  readonly gid: string;
  readonly end: 'commit' | 'rollback';
}

/**
 * PREPARE TRANSACTION, and COMMIT PREPARED or ROLLBACK PREPARED on the same session; where its connection went away in between, the next one ends what was prepared, for
 * it holds its locks until then.
 */
class TwoPhaseManner extends PlainManner {
  readonly #left = new Map<string, Prepared>();
  #prepared = 0;

  override async settle(connection: DriverConnection): Promise<void> {
    for (const prepared of this.#left.values()) {
      try {
        await this.#end(connection, prepared);
      } catch (error) {
        // It was ended before its connection went away, or was never prepared.
        if (!(error instanceof DriverError) || error.code !== '42704') throw error;
        this.#left.delete(prepared.gid);
      }
    }
  }

  override async transact(connection: DriverConnection, work: Work): Promise<void> {
    const { client, random } = this.options;
    // By its own words: no driver has it in the way in which it does transactions.
    await connection.run([plain(`begin isolation level ${work.isolation}`)]);
    await this.oneByOne(connection, work.ops, work.done);
    this.#prepared += 1;
    const prepared: Prepared = {
      gid: `teal_check_${client}_${this.#prepared}`,
      end: work.takesBack ? 'rollback' : 'commit',
    };
    work.step.at = 'ending';
    this.#left.set(prepared.gid, { ...prepared, end: 'rollback' });
    await this.#prepare(connection, prepared.gid);
    this.#left.set(prepared.gid, prepared);
    work.step.at = 'prepared';
    if (random.chance(0.2)) await sleep(random.between(1, 50));
    await this.#end(connection, prepared);
  }

  override async takeBack(connection: DriverConnection): Promise<void> {
    await connection.run([plain('rollback')]);
  }

  /** An error of the server at PREPARE has taken the transaction back. */
  async #prepare(connection: DriverConnection, gid: string): Promise<void> {
    try {
      await connection.run([plain(`prepare transaction '${gid}'`)]);
    } catch (error) {
      if (error instanceof DriverError && !error.isDoubtful) this.#left.delete(gid);
      throw error;
    }
  }

  async #end(connection: DriverConnection, { gid, end }: Prepared): Promise<void> {
    await connection.run([plain(`${end} prepared '${gid}'`)]);
    this.#left.delete(gid);
  }
}
