import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { waitFor } from '../kernel/clock.ts';
import { openJournal } from '../journal/journal.ts';
import { runStarted } from '../journal/test-support/events.ts';
import type { MigrationEvent } from './events.ts';
import type { LoadedSpec } from './load-spec.ts';
import { openJournalInTurn, type Opening } from './opening.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'teal-opening-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function waiting(events: MigrationEvent[], signal = new AbortController().signal): Opening {
  const loaded = { stateDir: folder, journal: folder } as LoadedSpec;
  return { loaded, command: 'up', signal, standby: true, onEvent: (event) => events.push(event) };
}

test('who waits hears once for whom, and leads when that one ends', async () => {
  const events: MigrationEvent[] = [];
  const leader = openJournal(folder);
  const opened = openJournalInTurn(waiting(events));
  await waitFor({ what: 'a word', timeoutMs: 30_000 }, () => events.length > 0 || undefined);
  leader.append(runStarted);
  leader[Symbol.dispose]();
  using journal = await opened;
  expect(journal.state.seq).toBe(1);
  expect(events).toMatchObject([{ kind: 'standby', pid: process.pid, host: hostname() }]);
});

test('who waits can be told to stop, and waits for nobody who is not there', async () => {
  const events: MigrationEvent[] = [];
  openJournal(folder)[Symbol.dispose]();
  (await openJournalInTurn(waiting(events)))[Symbol.dispose]();
  expect(events).toEqual([]);
  using _leader = openJournal(folder);
  const stop = new AbortController();
  const opened = openJournalInTurn(waiting(events, stop.signal));
  await waitFor({ what: 'a word', timeoutMs: 30_000 }, () => events.length > 0 || undefined);
  stop.abort();
  await expect(opened).rejects.toMatchObject({ code: 'TEAL-KERNEL-003' });
});
