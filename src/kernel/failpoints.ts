import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';

/**
 * Ends this process with SIGKILL at a named place, or lets it wait there, when a test asks for it. Without the variables it does nothing.
 *
 * - `TEAL_FAILPOINTS` names a ledger file. Each name is met once for each ledger: it is written there, durably, before anything happens, so that a process that is
 *   started again goes past it.
 * - `TEAL_FAILPOINT_NAMES`, separated by commas, or `@file` with such a list that is read at each call: it may change while processes run; no file is no name. `*` in a
 *   name stands for anything. A name that ends in `=wait` blocks the whole process until the name stands in `<ledger>.go`, 30 s at most.
 *
 * Names of places are `room.what.where`, constants of the module that calls it.
 */
export function failpoint(name: string): void {
  const ledger = process.env['TEAL_FAILPOINTS'];
  if (ledger === undefined || ledger === '') return;
  const wanted = wantedNames(process.env['TEAL_FAILPOINT_NAMES'] ?? '*').find((each) => matches(each.name, name));
  if (wanted === undefined || !record(ledger, name)) return;
  if (wanted.waits) waitForWord(`${ledger}.go`, name);
  else process.kill(process.pid, 'SIGKILL');
}

const longestWaitMs = 30_000;
const lookEveryMs = 5;
const waitSuffix = '=wait';

function wantedNames(list: string): readonly { readonly name: string; readonly waits: boolean }[] {
  const text = list.startsWith('@') ? readIfThere(list.slice(1)) : list;
  return text.split(',').map((each) => {
    const name = each.trim();
    return name.endsWith(waitSuffix)
      ? { name: name.slice(0, -waitSuffix.length), waits: true }
      : { name, waits: false };
  });
}

function matches(pattern: string, name: string): boolean {
  if (!pattern.includes('*')) return pattern === name;
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(name);
}

/** Nothing else of this process goes on meanwhile: that is what makes the place exact. */
function waitForWord(file: string, name: string): void {
  const word = new Int32Array(new SharedArrayBuffer(4));
  for (let waitedMs = 0; waitedMs < longestWaitMs; waitedMs += lookEveryMs) {
    if (readIfThere(file).split('\n').includes(name)) return;
    Atomics.wait(word, 0, 0, lookEveryMs);
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && Reflect.get(error, 'code') === 'ENOENT') return '';
    throw error;
  }
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
