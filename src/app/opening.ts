import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { sleep, waitFor } from '../kernel/clock.ts';
import { TealError, isTealError } from '../kernel/errors.ts';
import { tealVersion } from '../kernel/version.ts';
import { sha256 } from '../journal/canonical.ts';
import type { EventOf } from '../journal/events.ts';
import { isWritten, openJournal, type Journal } from '../journal/journal.ts';
import { noting, recovering, type Holder } from '../journal/lock.ts';
import type { JournalPlace } from '../journal/place.ts';
import type { MigrationState } from '../journal/state.ts';
import { printableSpec, type Spec } from '../spec/spec.ts';
import { blockersOf, type Assessment } from '../stages/assess/assess.ts';
import { findPgTools, type PgTools } from '../systems/postgres/schema-tools.ts';
import type { MigrationEvent } from './events.ts';
import { keepCatalog, keptCatalog, selectedCatalog } from './kept-catalog.ts';
import type { LoadedSpec } from './load-spec.ts';
import { assessBoth, identify } from './look.ts';

/** What a run begins with. */
export interface Opening {
  readonly loaded: LoadedSpec;
  readonly command: string;
  readonly signal: AbortSignal;
  /** See `Holder.what`. */
  readonly what?: string;
  /** Where another controller leads its end is waited for; default: it is an error. */
  readonly standby?: boolean;
  /** Hears for whom is waited. */
  readonly onEvent?: (event: MigrationEvent) => void;
}

/** The command of the process that the supervisor starts when a cut has lost its controller. */
export const recoverCommand = 'recover';

/** A recovery is a matter of seconds; its longest wait is for the flow back. */
const recoveryPatienceMs = 30_000;
const standbyEveryMs = 500;

/**
 * The journal's one writer. A command waits for the end of a recovery, which nobody has asked for, of a note of the API, and for a holder to say who it is: one that has just come has the lock before its name stands in the
 * folder. Any other holder is an error at once (TEAL-JOURNAL-003).
 */
export async function openJournalInTurn(
  { loaded: { journal }, command, signal, what, standby, onEvent = () => undefined }: Opening,
  patienceMs = recoveryPatienceMs,
): Promise<Journal> {
  if (command === recoverCommand) return openJournal(journal, recovering);
  if (standby === true) return openWhenFree(journal, signal, (holder) => onEvent({ kind: 'standby', ...holder }));
  let refused: unknown;
  const waiting = { what: 'the recovery of the cut', timeoutMs: patienceMs, signal };
  try {
    return await waitFor(waiting, () => {
      try {
        return openJournal(journal, what);
      } catch (error) {
        if (!isTealError(error, 'TEAL-JOURNAL-003')) throw error;
        if (error.facts['pid'] !== undefined && !isBrief(error.facts['what'])) throw error;
        refused = error;
        return undefined;
      }
    });
  } catch (error) {
    if (refused !== undefined && isTealError(error, 'TEAL-KERNEL-002')) throw refused;
    throw error;
  }
}

/** It ends by itself, soon, and nobody has to decide about it. */
function isBrief(what: unknown): boolean {
  return what === recovering || what === noting;
}

/** Without a limit: whoever waits is there for when the other one ends, however long it runs. A server of the journal that is away meanwhile is waited for too. */
async function openWhenFree(
  place: JournalPlace,
  signal: AbortSignal,
  tell: (holder: Pick<Holder, 'pid' | 'host' | 'sinceIso'> | undefined) => void,
): Promise<Journal> {
  for (let told = ''; ; await freed(place, signal)) {
    try {
      return openJournal(place);
    } catch (error) {
      // An address that is wrong from the first is no reason to wait.
      const isLed = isTealError(error, 'TEAL-JOURNAL-003');
      if (!isLed && !(isAway(error) && told !== '')) throw error;
      const leader = isLed ? holderOf(error) : undefined;
      const who = JSON.stringify(leader ?? null);
      if (who !== told) tell(leader);
      told = who;
    }
  }
}

/** When nobody writes. One that comes first is seen at the next attempt. */
async function freed(place: JournalPlace, signal: AbortSignal): Promise<void> {
  do await sleep(standbyEveryMs, signal);
  while (!isFree(place));
}

function isFree(place: JournalPlace): boolean {
  try {
    return !isWritten(place);
  } catch (error) {
    if (isAway(error)) return false;
    throw error;
  }
}

function isAway(error: unknown): boolean {
  return isTealError(error, 'TEAL-JOURNAL-021');
}

function holderOf({ facts }: TealError): Pick<Holder, 'pid' | 'host' | 'sinceIso'> | undefined {
  const { pid, host, since } = facts;
  return typeof pid === 'number' ? { pid, host: String(host), sinceIso: String(since) } : undefined;
}

/** PostgreSQL's client programs on this machine, of majors that fit both sides. TEAL-SYSTEMS-200. */
export async function toolsFor(spec: Spec, signal: AbortSignal): Promise<PgTools> {
  const [blue, green] = await Promise.all([
    identify('blue', spec.blue.url, signal),
    identify('green', spec.green.url, signal),
  ]);
  return findPgTools({ blueMajor: blue.major, greenMajor: green.major });
}

/** What moves. Written down at the first run, when nothing stands in the way; read back ever after. */
export async function catalogOf(
  { loaded, signal }: Opening,
  state: MigrationState,
): Promise<{
  readonly catalog: ReturnType<typeof selectedCatalog>;
  readonly leftOut: readonly { schema: string; name: string }[];
}> {
  const { spec, stateDir } = loaded;
  const kept = hasBegun(state) ? keptCatalog(stateDir) : undefined;
  const whole = kept ?? (await freshCatalog(loaded, signal));
  const catalog = selectedCatalog(whole, spec.tables);
  const selected = new Set(catalog.tables);
  return { catalog, leftOut: whole.tables.filter((table) => !selected.has(table)) };
}

/** What moves is decided: by an earlier run. */
export function hasBegun({ life }: MigrationState): boolean {
  return life.phase !== 'new' && life.phase !== 'aborted';
}

async function freshCatalog(
  { spec, stateDir }: LoadedSpec,
  signal: AbortSignal,
): Promise<ReturnType<typeof selectedCatalog>> {
  const { assessment, blue } = await assessBoth(spec, signal);
  refuseBlockers(assessment);
  keepCatalog(stateDir, blue.catalog);
  return blue.catalog;
}

/** Errors: TEAL-APP-001. */
export function refuseBlockers(assessment: Pick<Assessment, 'findings'>): void {
  const blockers = blockersOf(assessment);
  if (blockers.length === 0) return;
  throw new TealError('TEAL-APP-001', `${blockers.length} findings stand in the way`, {
    findings: blockers.map((it) => `${it.code}: ${it.what}`),
  });
}

export function runStarted({ loaded, command }: Opening): EventOf<'runStarted'> {
  const digest = sha256(JSON.stringify(printableSpec(loaded.spec)));
  return {
    type: 'runStarted',
    migration: loaded.spec.name,
    run: randomUUID(),
    command,
    teal: tealVersion,
    pid: process.pid,
    host: hostname(),
    specDigest: digest,
  };
}
