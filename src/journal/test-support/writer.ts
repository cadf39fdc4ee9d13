import { writeSync } from 'node:fs';
import { openJournal } from '../journal.ts';
import { runStarted } from './events.ts';

/**
 * A process of its own that writes notes for ever, and prints each record's number only after `append` has returned. Argument: the state directory.
 * Tests kill it.
 */
const [stateDir = ''] = process.argv.slice(2);
const journal = openJournal(stateDir);
journal.append(runStarted);
for (let n = 0; ; n += 1) {
  const [record] = journal.append({ type: 'note', text: `note ${n} ${'x'.repeat(n % 700)}` });
  writeSync(1, `${record?.seq}\n`);
}
