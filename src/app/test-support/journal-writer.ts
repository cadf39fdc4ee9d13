import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../../kernel/assert.ts';
import { sleep } from '../../kernel/clock.ts';
import { isTealError } from '../../kernel/errors.ts';
import { openJournal } from '../../journal/journal.ts';
import { runStarted } from '../../journal/test-support/events.ts';
import { postgresPlace } from '../journal-place.ts';

/**
 * A process of its own that writes notes into a journal in PostgreSQL until it is killed or refused, and notes each record's number in `written` of the state folder only after `append` has returned; then the code
 * of the error. Argument: the state folder; the address is in TEAL_JOURNAL.
 */
const [, , stateDir = ''] = process.argv;
const tell = (text: string): void => appendFileSync(join(stateDir, 'written'), `${text}\n`);
try {
  using journal = openJournal(postgresPlace(must(process.env['TEAL_JOURNAL'], 'an address'), 'shop', stateDir));
  if (journal.state.seq === 0) journal.append(runStarted);
  for (let n = 0; ; n += 1) {
    const [record] = journal.append({ type: 'note', text: `note ${n} ${'x'.repeat(n % 700)}` });
    tell(String(record?.seq));
    await sleep(1);
  }
} catch (error) {
  if (!isTealError(error)) throw error;
  tell(error.code);
}
