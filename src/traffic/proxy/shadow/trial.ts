import { must } from '../../../kernel/assert.ts';
import { encodeQuery } from '../../../wire/postgres/frontend.ts';
import type { ReaderLink } from './reader-link.ts';
import type { WriteSample } from './sample.ts';
import { outcomeOf, outcomeOfEnd, type WriteOutcome } from './settle-write.ts';
import type { Tried, Trier } from './writes.ts';

/**
 * Row locks of a transaction that is rolled back make the flow to green wait: all of its statements together are to keep them no longer (there is no `transaction_timeout` before 17, so each has its
 * part), and no wait lasts as long as `deadlock_timeout` mostly is, so that of a deadlock with the flow the flow is not the one that is ended.
 */
const allStatementsMs = 1_000;
const leastMs = 100;
/** The flow, and what it writes, goes first: who meets its locks gives up. */
const lockLimitMs = 50;

/**
 * The row makes the fence of green let its transaction through, and makes a COMMIT of it impossible (`ports/shadow.ts`). READ WRITE, for the session itself is read only: where this did not
 * begin a transaction nothing that follows writes.
 */
function beginDoomed(statements: number): Buffer {
  const limitMs = Math.max(leastMs, Math.floor(allStatementsMs / statements));
  return encodeQuery(
    `begin read write; set local lock_timeout = ${lockLimitMs}; set local statement_timeout = ${limitMs};` +
      ` set local idle_in_transaction_session_timeout = ${allStatementsMs}; insert into teal.doomed default values`,
  );
}

/** How the writes of a transaction are tried. */
export interface Trial {
  readonly begin: (statements: number) => Buffer;
  readonly end: Buffer;
  /** It keeps rows from the flow to green. */
  readonly isBesideFlow: boolean;
}

/** On green. A lock of the session outlives its transaction. */
export const rolledBack: Trial = {
  begin: beginDoomed,
  end: encodeQuery('rollback; select pg_catalog.pg_advisory_unlock_all()'),
  isBesideFlow: true,
};

/** In a database that nobody else writes to. */
export const committed: Trial = {
  begin: () => encodeQuery('begin read write'),
  end: encodeQuery('commit'),
  isBesideFlow: false,
};

/** Tries writes over one connection. All of a sample is sent at once, so that it does not wait for this process. */
export class PostgresTrier implements Trier<WriteSample> {
  readonly #trial: Trial;
  readonly #link: ReaderLink;
  readonly #log: (event: string, facts: Readonly<Record<string, unknown>>) => void;

  constructor(trial: Trial, link: ReaderLink, log: (event: string, facts: Readonly<Record<string, unknown>>) => void) {
    this.#trial = trial;
    this.#link = link;
    this.#log = log;
  }

  async try({ session, statements }: WriteSample): Promise<Tried> {
    const { begin, end } = this.#trial;
    const messages = [begin(statements.length), ...statements.map(({ message }) => message), end];
    const said = await this.#link.readAll(session, messages);
    const [began, ended] = [must(said[0], 'an answer'), must(said.at(-1), 'an answer')];
    if (began.answer.error !== undefined) {
      this.#log('green begins no shadow write', { sqlState: began.answer.error });
      return { outcomes: [{ outcome: 'closed' }], ms: [] };
    }
    // After an error the rest says that the transaction has failed.
    const answers = said.slice(1, -1);
    const outcomes: WriteOutcome[] = [];
    for (const [at, { answer }] of answers.entries()) {
      const outcome = outcomeOf(must(statements[at], 'what was asked'), answer);
      outcomes.push(outcome);
      if (outcome.outcome !== 'equal') break;
    }
    const atEnd = outcomes.at(-1)?.outcome === 'equal' ? outcomeOfEnd(ended.answer) : undefined;
    if (atEnd !== undefined) outcomes[outcomes.length - 1] = atEnd;
    return { outcomes, ms: answers.map(({ ms }) => ms) };
  }

  end(): void {
    this.#link.end();
  }
}
