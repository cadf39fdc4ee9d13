import { monotonicMs, sleep } from '../../../src/kernel/clock.ts';
import type { Answer, DriverConnection } from '../drivers/driver.ts';
import type { Random } from '../random.ts';
import type { SessionKind } from '../schedule.ts';

/** What a client's session holds on to beside its transactions: it keeps its connection, and looks again and again whether all is still there. */
export interface Holding {
  /** Once, on a new connection. */
  open(connection: DriverConnection): Promise<void>;
  /** Between two transactions. Throws `LostState`. */
  between(connection: DriverConnection): Promise<void>;
}

/** What the session held is not there any more, and no connection was lost. */
export class LostState extends Error {
  readonly word: string;

  constructor(what: string) {
    super(`lost ${what}`);
    this.word = `lost ${what}`;
  }
}

/** Undefined for sessions that hold nothing: they borrow a connection for each transaction. `client`: its number, in the names of what it holds. */
export function holdingOf(kind: SessionKind, client: number, random: Random): Holding | undefined {
  switch (kind) {
    case 'settings':
      return settings(client, random);
    case 'listen':
      return listening(client, random);
    case 'temporary table':
      return new NowAndThen(temporaryTable, random);
    case 'cursor with hold':
      return new NowAndThen(holdCursor(), random);
    case 'advisory lock':
      return new NowAndThen(advisoryLock(client), random);
    case 'plain':
    case 'named statements':
    case 'copy in':
    case 'long transactions':
    case 'savepoints':
    case 'two-phase':
      return undefined;
  }
}

export async function ask(connection: DriverConnection, sql: string, ...params: string[]): Promise<Answer['rows']> {
  const [answer] = await connection.run([{ sql, params }]);
  return answer?.rows ?? [];
}

/** Set once, and there for as long as the connection is. */
function settings(client: number, random: Random): Holding {
  const wanted = [`client ${client}`, 'Pacific/Chatham', 'public, pg_catalog'];
  return {
    async open(connection) {
      await ask(connection, `set teal_check.client = 'client ${client}'`);
      await ask(connection, `set time zone 'Pacific/Chatham'`);
      await ask(connection, 'set search_path = public, pg_catalog');
    },
    async between(connection) {
      if (!random.chance(0.2)) return;
      const sql = `select current_setting('teal_check.client', true), current_setting('TimeZone'), current_setting('search_path')`;
      const [row] = await ask(connection, sql);
      if (JSON.stringify(row) !== JSON.stringify(wanted)) throw new LostState('setting');
    },
  };
}

const notificationLimitMs = 5_000;

/** Every notification that was committed arrives, once. */
function listening(client: number, random: Random): Holding {
  const channel = `teal_check_${client}`;
  let sent = 0;
  return {
    open: async (connection) => connection.listen(channel),
    async between(connection) {
      if (!random.chance(0.2)) return;
      sent += 1;
      await ask(connection, `select 'sent' from pg_notify($1, $2)`, channel, `${sent}`);
      const untilMs = monotonicMs() + notificationLimitMs;
      for (let heard = await connection.heard(); ; heard = await connection.heard()) {
        if (heard.length > 1) throw new LostState('count of notifications');
        if (heard[0] === `${sent}`) return;
        if (heard.length === 1 || monotonicMs() > untilMs) throw new LostState('notification');
        await sleep(20);
      }
    },
  };
}

/** What pins its session to its backend: no cut is made while it is held. */
export interface Pin {
  hold(connection: DriverConnection): Promise<void>;
  check(connection: DriverConnection): Promise<void>;
  letGo(connection: DriverConnection): Promise<void>;
}

/** Long enough that a cut meets it, and short enough that one which is asked for again does not. */
const pauseMs = [3_000, 8_000] as const;
const holdMs = [50, 250] as const;

/** Holds it for a short while now and then; transactions go on meanwhile. */
export class NowAndThen implements Holding {
  readonly #pin: Pin;
  readonly #random: Random;
  #isHeld = false;
  #untilMs = 0;

  constructor(pin: Pin, random: Random) {
    this.#pin = pin;
    this.#random = random;
  }

  async open(): Promise<void> {
    this.#turn(false);
    return Promise.resolve();
  }

  async between(connection: DriverConnection): Promise<void> {
    if (this.#isHeld) await this.#pin.check(connection);
    if (monotonicMs() < this.#untilMs) return;
    await (this.#isHeld ? this.#pin.letGo(connection) : this.#pin.hold(connection));
    this.#turn(!this.#isHeld);
  }

  #turn(isHeld: boolean): void {
    this.#isHeld = isHeld;
    const [least, most] = isHeld ? holdMs : pauseMs;
    this.#untilMs = monotonicMs() + this.#random.between(least, most);
  }
}

const temporaryTable: Pin = {
  async hold(connection) {
    await ask(connection, 'create temporary table teal_check_mine as select n from generate_series(1, 5) n');
  },
  async check(connection) {
    const [row] = await ask(connection, 'select sum(n)::text from teal_check_mine');
    if (row?.[0] !== '15') throw new LostState('temporary table');
  },
  async letGo(connection) {
    await ask(connection, 'drop table teal_check_mine');
  },
};

function holdCursor(): Pin {
  let next = 1;
  return {
    async hold(connection) {
      next = 1;
      const select = 'select n::text from generate_series(1, 100000) n';
      await ask(connection, `declare teal_check_cursor cursor with hold for ${select}`);
    },
    async check(connection) {
      const [row] = await ask(connection, 'fetch 1 from teal_check_cursor');
      if (row?.[0] !== `${next}`) throw new LostState('cursor');
      next += 1;
    },
    async letGo(connection) {
      await ask(connection, 'close teal_check_cursor');
    },
  };
}

/** The first of its two numbers; the second is the client. */
const lockClass = 7_041;

function advisoryLock(client: number): Pin {
  const must = async (connection: DriverConnection, sql: string, answer: string): Promise<void> => {
    const [row] = await ask(connection, sql);
    if (row?.[0] !== answer) throw new LostState('advisory lock');
  };
  const held = `from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and classid = ${lockClass}`;
  return {
    hold: async (connection) => must(connection, `select pg_try_advisory_lock(${lockClass}, ${client})::text`, 'true'),
    check: async (connection) => must(connection, `select count(*)::text ${held}`, '1'),
    letGo: async (connection) => must(connection, `select pg_advisory_unlock(${lockClass}, ${client})::text`, 'true'),
  };
}
