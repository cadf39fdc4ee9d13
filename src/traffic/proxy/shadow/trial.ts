import { must } from '../../../kernel/assert.ts';
import { encodeQuery } from '../../../wire/postgres/frontend.ts';
import type { ReaderLink, TimedAnswer } from './reader-link.ts';
import type { WriteSample } from './sample.ts';

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

export interface TrialRun {
  readonly began: TimedAnswer;
  /** One a statement. After an error the rest says that the transaction has failed. */
  readonly answers: readonly TimedAnswer[];
  readonly ended: TimedAnswer;
}

/** The statements of one sample; all of it is sent at once, so that it does not wait for this process. Errors: those of the link. */
export async function runTrial(
  trial: Trial,
  link: ReaderLink,
  { session, statements }: WriteSample,
): Promise<TrialRun> {
  const messages = [trial.begin(statements.length), ...statements.map(({ message }) => message), trial.end];
  const answers = await link.readAll(session, messages);
  return {
    began: must(answers[0], 'an answer'),
    answers: answers.slice(1, -1),
    ended: must(answers.at(-1), 'an answer'),
  };
}
