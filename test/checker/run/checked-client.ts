import { isTealError } from '../../../src/kernel/errors.ts';
import { nowMs, sleep } from '../../../src/kernel/clock.ts';
import { DriverError, type DriverConnection, type OpenDriver } from '../drivers/driver.ts';
import type { HistoryEvent, MicroOp } from '../../../src/testing/checker/history.ts';
import { Random } from '../random.ts';
import { isMysql, promised, type ClientGroup, type Schedule } from '../schedule.ts';
import { Stale } from './operations.ts';
import { mysqlHoldingOf } from './mysql-sessions.ts';
import { holdingOf, LostState, type Holding } from './sessions.ts';
import { nowUs } from './tables.ts';
import { Numbers, fill, plan, readsOfAllFirst } from './transactions.ts';
import { mannerOf, type Manner, type Step, type Work } from './manners.ts';

export interface ClientOptions {
  readonly driver: OpenDriver;
  readonly schedule: Schedule;
  readonly group: ClientGroup;
  readonly number: number;
  readonly log: (event: HistoryEvent) => void;
}

/** After a connection was lost or refused. */
export const againMs = [50, 200] as const;
/** Added to a client's number when its connection is lost: the number of a process's clients stay below. */
export const nextLife = 10_000;

/** A transaction that was invoked and has no end yet. */
interface Open {
  readonly ops: readonly MicroOp[];
}

/**
 * One client, until the signal: it writes what it is going to ask before it asks, and what it heard after it did. It lives through everything that a server or a proxy
 * does to it, and every error that it sees is in the history: one outside of a transaction as a transaction without parts that failed.
 */
export class CheckedClient {
  readonly #options: ClientOptions;
  readonly #random: Random;
  readonly #numbers: Numbers;
  readonly #holding: Holding | undefined;
  readonly #manner: Manner;
  #number: number;
  #op = -1;
  #open: Open | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#number = options.number;
    this.#numbers = new Numbers(options.number);
    this.#random = new Random(options.schedule.seed).fork(`client ${options.number}`);
    const { group, schedule, driver } = options;
    const holding = isMysql(group.driver) ? mysqlHoldingOf : holdingOf;
    this.#holding = holding(group.session, options.number, this.#random.fork('holding'));
    this.#manner = mannerOf({
      driver,
      group,
      schedule,
      client: options.number,
      numbers: this.#numbers,
      random: this.#random.fork('manner'),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const connection = await this.#seen(async () => this.#options.driver.borrow());
      if (connection === undefined) {
        await this.#pauseAfterLoss(signal);
        continue;
      }
      const isWell = await this.#use(connection, signal);
      if (isWell && (await this.#giveBack(connection))) {
        await sleep(this.#options.schedule.paceMs);
        continue;
      }
      await connection.destroy();
      this.#number += nextLife;
      this.#op = -1;
      await this.#pauseAfterLoss(signal);
    }
  }

  /** What it still waits for when nobody waits any longer: a hang, which is an error that it saw. */
  abandon(): void {
    if (this.#open === undefined) this.#tellAlone(nowUs(), 'no answer');
    else this.#tell('info', this.#open.ops, 'no answer');
  }

  /** One transaction, or all of them where the session holds something. False when the connection is of no use any more. */
  async #use(connection: DriverConnection, signal: AbortSignal): Promise<boolean> {
    const holding = this.#holding;
    if (!(await this.#isWell(async () => this.#manner.settle(connection)))) return false;
    if (holding === undefined) return this.#transaction(connection);
    if (!(await this.#isWell(async () => holding.open(connection)))) return false;
    while (!signal.aborted) {
      if (!(await this.#isWell(async () => holding.between(connection)))) return false;
      if (!(await this.#transaction(connection))) return false;
      await sleep(this.#options.schedule.paceMs);
    }
    return true;
  }

  /** Another client must not get what the session held. */
  async #giveBack(connection: DriverConnection): Promise<boolean> {
    if (this.#holding === undefined) return this.#isWell(async () => connection.release());
    await connection.destroy();
    return true;
  }

  async #transaction(connection: DriverConnection): Promise<boolean> {
    const { schedule, group } = this.#options;
    const planned = this.#manner.plan(plan(schedule, this.#random, this.#numbers));
    const meant = promised(group) === group.isolation ? planned : readsOfAllFirst(planned);
    const takesBack = this.#random.chance(schedule.rolledBackShare);
    const ops = await this.#seen(async () => fill(connection, meant));
    if (ops === undefined) return false;
    if (ops.length === 0) return true;
    this.#op += 1;
    this.#tell('invoke', ops);
    this.#open = { ops };
    const done: MicroOp[] = [];
    const step: Work['step'] = { at: 'working' };
    try {
      await this.#untilTaken(connection, { ops, done, step, takesBack, isolation: group.isolation });
      if (takesBack) this.#tell('fail', done, 'rollback');
      else this.#tell('ok', done);
      return true;
    } catch (error) {
      return await this.#failed(connection, error, done, takesBack ? 'working' : step.at);
    } finally {
      this.#open = undefined;
    }
  }

  /** What a side has refused since it does not own the data any more is done again on the other one: to its client it is one transaction. */
  async #untilTaken(connection: DriverConnection, work: Work): Promise<void> {
    for (;;) {
      try {
        return await this.#manner.transact(connection, work);
      } catch (error) {
        if (!(error instanceof DriverError) || connection.follows === undefined) throw error;
        // Whatever comes of that: what was refused is certain to have had no effect.
        const before = work.step.at;
        work.step.at = 'working';
        if (!(await connection.follows(error))) {
          work.step.at = before;
          throw error;
        }
        work.done.length = 0;
      }
    }
  }

  async #failed(connection: DriverConnection, error: unknown, done: readonly MicroOp[], step: Step): Promise<boolean> {
    if (error instanceof Stale) {
      // Committed with the rest before that was known: it was not to be.
      this.#tell(step === 'working' ? 'fail' : 'info', done, 'stale');
      if (step !== 'working') return false;
    } else if (error instanceof DriverError) {
      const isInDoubt = step === 'prepared' || (step === 'ending' && error.isDoubtful);
      this.#tell(isInDoubt ? 'info' : 'fail', done, error.code);
      if (isInDoubt || error.isLost) return false;
    } else {
      throw error;
    }
    this.#open = undefined;
    return this.#isWell(async () => this.#manner.takeBack(connection));
  }

  async #isWell(work: () => Promise<void>): Promise<boolean> {
    return (await this.#seen(async () => work().then(() => true))) === true;
  }

  /** Undefined when it failed; the error is then in the history. */
  async #seen<T>(work: () => Promise<T>): Promise<T | undefined> {
    const beganUs = nowUs();
    try {
      return await work();
    } catch (error) {
      if (error instanceof DriverError) this.#tellAlone(beganUs, error.code);
      else if (error instanceof LostState) this.#tellAlone(beganUs, error.word);
      else throw error;
      return undefined;
    }
  }

  async #pauseAfterLoss(signal: AbortSignal): Promise<void> {
    try {
      await sleep(this.#random.between(...againMs), signal);
    } catch (error) {
      // Told to stop meanwhile.
      if (!isTealError(error)) throw error;
    }
  }

  #tellAlone(beganUs: number, error: string): void {
    this.#op += 1;
    this.#tell('invoke', [], undefined, beganUs);
    this.#tell('fail', [], error);
  }

  #tell(type: HistoryEvent['type'], ops: readonly MicroOp[], error?: string, atUs = nowUs()): void {
    this.#options.log({
      type,
      client: this.#number,
      op: this.#op,
      atUs,
      wallMs: nowMs(),
      isolation: promised(this.#options.group),
      ops: [...ops],
      ...(error === undefined ? {} : { error }),
    });
  }
}
