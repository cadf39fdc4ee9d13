import { openJournal } from '../../journal/journal.ts';
import { runSteps, undoSteps, type StepRun } from '../run-steps.ts';
import { fileSteps } from './file-steps.ts';

/** A controller in miniature, for tests to kill. Arguments: `up` or `undo`, the state directory, the world's folder. */
const [command = '', stateDir = '', world = ''] = process.argv.slice(2);
using journal = openJournal(stateDir);
journal.append({
  type: 'runStarted',
  migration: 'files',
  run: String(process.pid),
  command,
  teal: '0',
  pid: process.pid,
  host: 'test',
  specDigest: 'none',
});
const run: StepRun = { journal, signal: new AbortController().signal, onEvent: () => undefined };
await (command === 'up' ? runSteps : undoSteps)(fileSteps(world), run);
