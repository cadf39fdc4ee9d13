import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';

/**
 * Ends this process with SIGKILL at a named place, when a test asks for it: TEAL_FAILPOINTS names a ledger file, TEAL_FAILPOINT_NAMES lists names,
 * or is `*`. Each name kills once for each ledger: the name is written there before, so that a process that is started again goes past it. Without the
 * variables it does nothing. Names are `room.what.where`, constants of the module that calls it.
 */
export function failpoint(name: string): void {
  const ledger = process.env['TEAL_FAILPOINTS'];
  if (ledger === undefined || ledger === '') return;
  const wanted = (process.env['TEAL_FAILPOINT_NAMES'] ?? '*').split(',');
  if (!wanted.includes('*') && !wanted.includes(name)) return;
  if (record(ledger, name)) process.kill(process.pid, 'SIGKILL');
}

/** True when the name was not in the ledger yet; it is then there, durably. */
function record(ledger: string, name: string): boolean {
  const file = openSync(ledger, 'a+');
  try {
    if (readFileSync(ledger, 'utf8').split('\n').includes(name)) return false;
    writeSync(file, `${name}\n`);
    fsyncSync(file);
    return true;
  } finally {
    closeSync(file);
  }
}
