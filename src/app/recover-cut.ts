import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { TealError } from '../kernel/errors.ts';
import { isWritten, openJournalReader } from '../journal/journal.ts';
import type { JournalPlace } from '../journal/place.ts';
import { isCutOpen } from '../journal/state.ts';
import type { Failure } from '../sync/receiver.ts';
import { programUrl } from './program.ts';
import { tryStartLock, unwant } from './wanted.ts';

/** After it a recovery stops by itself: between two steps, or in a wait. */
export const recoveryLimitMs = 120_000;
/** One that has not stopped by then is killed. No place of a recovery minds that. */
const killAfterMs = recoveryLimitMs + 30_000;

/**
 * Whether a cut that is wanted has somebody who ends it, or needs nobody. A mark that a controller left before it began, or after the end, is taken away: under the lock
 * under which marks are made, or it might be the mark of one that begins in this moment. `journal`: default its files in the folder.
 */
export async function isCutTended(stateDir: string, journal: JournalPlace = stateDir): Promise<boolean> {
  if (isWritten(journal)) return true;
  if (isOpen(journal)) return false;
  using lock = tryStartLock(stateDir, 'cut');
  if (lock !== undefined && !isWritten(journal) && !isOpen(journal)) await unwant(stateDir, 'cut');
  return true;
}

function isOpen(journal: JournalPlace): boolean {
  using reader = openJournalReader(journal);
  return isCutOpen(reader.refresh());
}

/**
 * Runs a recovery to its end, with this process's environment. Resolves too when a controller came first. TEAL-APP-005 with what it told, or that it was killed.
 */
export async function runRecovery(file: string, stateDir: string): Promise<void> {
  const child = spawn(process.execPath, [fileURLToPath(programUrl('recover-main')), file, stateDir], {
    // What addresses name (certificates) is found as by a command that is run beside the file.
    cwd: dirname(file),
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: killAfterMs,
    killSignal: 'SIGKILL',
  });
  const [told, [code, endedBy]] = await Promise.all([
    text(child.stdout),
    once(child, 'close') as Promise<[number | null, string | null]>,
  ]);
  if (code === 0) return;
  const failure = told === '' ? undefined : (JSON.parse(told) as Failure);
  const why = failure?.reason ?? `its process ended by ${endedBy ?? `exit code ${code}`}`;
  throw new TealError('TEAL-APP-005', why, { code: failure?.code });
}
