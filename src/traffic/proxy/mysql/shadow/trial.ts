import type { Tried, Trier } from '../../shadow/writes.ts';
import type { MysqlLink } from '../link.ts';
import type { WriteOutcome } from '../../shadow/settle-write.ts';
import { ask, MysqlReader, type MysqlReaderOptions } from './reader.ts';
import type { MysqlWriteSample, MysqlWritten } from './sample.ts';
import type { ScratchAccount } from './scratch.ts';
import { outcomeOf, outcomeOfEnd } from './settle-write.ts';

export interface MysqlTrierOptions extends Pick<MysqlReaderOptions, 'limitMs' | 'answerLimitBytes' | 'signal'> {
  /** Who writes, and where: nowhere else. */
  readonly account: ScratchAccount;
  readonly database: string;
  readonly connect: MysqlReaderOptions['connect'];
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

/** What is tried beside another try does not wait for it. */
const lockWaitSeconds = 1;

/** Tries writes in a copy of green, and commits them there. Inserts take the numbers that blue gave: what follows in the client's words names rows by them. */
export class MysqlTrier implements Trier<MysqlWriteSample> {
  readonly #options: MysqlTrierOptions;
  readonly #reader: MysqlReader;

  constructor(options: MysqlTrierOptions) {
    this.#options = options;
    this.#reader = new MysqlReader({ ...options, side: 'green', guards });
  }

  /** Errors: those of a reader. */
  async try({ session, statements }: MysqlWriteSample): Promise<Tried> {
    const { account, database } = this.#options;
    // Its settings are the client's; its account and its database are not.
    const facts = {
      login: { ...session.login, ...account },
      state: { ...session.state, role: '', database: Buffer.from(database, 'utf8') },
    };
    return this.#reader.with(facts, async (link) => this.#run(link, statements));
  }

  end(): void {
    this.#reader.end();
  }

  async #run(link: MysqlLink, statements: readonly MysqlWritten[]): Promise<Tried> {
    const began = await link.query('start transaction');
    if (began.error !== undefined) {
      this.#options.log('the copy begins no shadow write', { number: began.error.code });
      return { outcomes: [{ outcome: 'closed' }], ms: [] };
    }
    const outcomes: WriteOutcome[] = [];
    const ms: number[] = [];
    for (const statement of statements) {
      const { write, firstId, question } = statement;
      if (write.isInsert && firstId > 0n) await link.query(`set insert_id = ${firstId}`);
      const { answer, ms: took } = await ask(link, question, this.#options.answerLimitBytes);
      // What follows one that differed may depend on it: it is done, as on blue, and not judged.
      const isJudged = outcomes.every(({ outcome }) => outcome === 'equal');
      if (isJudged) {
        outcomes.push(outcomeOf(statement, answer));
        ms.push(took);
      }
      if (answer.error === undefined) continue;
      await link.query('rollback');
      return { outcomes, ms };
    }
    return { outcomes: await ended(link, outcomes), ms };
  }
}

async function ended(link: MysqlLink, outcomes: readonly WriteOutcome[]): Promise<readonly WriteOutcome[]> {
  const { error } = await link.query('commit');
  const atEnd = outcomeOfEnd(error === undefined ? {} : { error: String(error.code) });
  if (atEnd === undefined || outcomes.at(-1)?.outcome !== 'equal') return outcomes;
  return [...outcomes.slice(0, -1), atEnd];
}

/** After the session's own settings. In no log: the flow back reads that of the whole server, and a row of another database in it is nobody's but a stranger's. */
function guards({ greeted }: MysqlLink, limitMs: number): readonly string[] {
  const limit = greeted.flavour === 'mysql' ? '' : `, @@session.max_statement_time = ${limitMs / 1e3}`;
  return [
    `set @@session.autocommit = 1, @@session.wait_timeout = 28800, @@session.sql_log_bin = 0, @@session.lock_wait_timeout = ${lockWaitSeconds}, @@session.innodb_lock_wait_timeout = ${lockWaitSeconds}${limit}`,
    'set session transaction read write',
  ];
}
