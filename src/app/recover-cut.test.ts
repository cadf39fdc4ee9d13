import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sleep } from '../kernel/clock.ts';
import type { JournalEvent } from '../journal/events.ts';
import { openJournal } from '../journal/journal.ts';
import { recovering } from '../journal/lock.ts';
import { runStarted } from '../journal/test-support/events.ts';
import type { LoadedSpec } from './load-spec.ts';
import { openJournalInTurn, recoverCommand } from './opening.ts';
import { isCutTended, runRecovery } from './recover-cut.ts';
import { startLock, want, wanted } from './wanted.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'teal-recover-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const cut = { cut: 'e1a1', epoch: 1, from: 'blue', to: 'green' } as const;
const begun: JournalEvent = { type: 'cutIntended', ...cut, pauseLimitMs: 1, drainLimitMs: 1 };
const takenBack: JournalEvent = { type: 'cutAborted', cut: 'e1a1', reason: 'x', code: 'TEAL-STAGES-105' };

function write(...events: readonly JournalEvent[]): void {
  using journal = openJournal(folder);
  journal.append(runStarted, ...events);
}

async function isMarked(): Promise<boolean> {
  return (await wanted(folder)).has('cut');
}

test('a cut that is open and has no controller is left alone', async () => {
  await want(folder, 'cut');
  write(begun);
  expect([await isCutTended(folder), await isMarked()]).toEqual([false, true]);
});

test('a cut whose controller is there is not', async () => {
  await want(folder, 'cut');
  using journal = openJournal(folder);
  journal.append(runStarted, begun);
  expect([await isCutTended(folder), await isMarked()]).toEqual([true, true]);
});

test.each([
  ['before its first record', []],
  ['after its last', [begun, takenBack]],
])('the mark of a controller that was killed %s is taken away', async (_, events) => {
  await want(folder, 'cut');
  write(...events);
  expect([await isCutTended(folder), await isMarked()]).toEqual([true, false]);
});

test('a mark that another process is just making stays', async () => {
  write();
  using _makes = await startLock(folder, 'cut');
  await want(folder, 'cut');
  expect([await isCutTended(folder), await isMarked()]).toEqual([true, true]);
});

test('what a recovery says of its failure is told', async () => {
  const file = join(folder, 'nowhere.yaml');
  await expect(runRecovery(file, folder)).rejects.toThrow(/TEAL-APP-005.*TEAL-SPEC-001.*nowhere/);
});

const opening = (command: string): Parameters<typeof openJournalInTurn>[0] => ({
  loaded: { stateDir: folder, journal: folder } as LoadedSpec,
  command,
  signal: new AbortController().signal,
});

test('a command waits for the end of a recovery', async () => {
  const recovery = openJournal(folder, recovering);
  const opened = openJournalInTurn(opening('up'));
  await sleep(100);
  recovery[Symbol.dispose]();
  using journal = await opened;
  expect(journal.state.seq).toBe(0);
});

test('a command waits for a holder to say who it is', async () => {
  using recovery = openJournal(folder, recovering);
  rmSync(join(folder, 'journal.holder'));
  await expect(openJournalInTurn(opening('up'), 50)).rejects.toMatchObject({ code: 'TEAL-JOURNAL-003' });
  const opened = openJournalInTurn(opening('up'));
  await sleep(100);
  recovery[Symbol.dispose]();
  using journal = await opened;
  expect(journal.state.seq).toBe(0);
});

test('a command does not wait for ever for a recovery, and not at all for another command', async () => {
  const refused = expect.objectContaining({ code: 'TEAL-JOURNAL-003' });
  {
    using _recovery = openJournal(folder, recovering);
    await expect(openJournalInTurn(opening('up'), 50)).rejects.toThrow(refused);
  }
  using _command = openJournal(folder);
  await expect(openJournalInTurn(opening('up'))).rejects.toThrow(refused);
  await expect(openJournalInTurn(opening(recoverCommand))).rejects.toThrow(refused);
});
