import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isoNow } from '../kernel/clock.ts';
import { errorRegistry } from '../kernel/codes/registry.ts';
import { isErrorCode, TealError } from '../kernel/errors.ts';
import { canonicalJson, type Json } from '../journal/canonical.ts';
import { isWritten, openJournalReader } from '../journal/journal.ts';
import { noting } from '../journal/lock.ts';
import { isEnding, liveSide, type MigrationState } from '../journal/state.ts';
import type { Commands } from '../server/served.ts';
import {
  commandRoles,
  commandSchema,
  type CommandAnswer,
  type CommandError,
  type CommandName,
  type CommandRequest,
  type DryRun,
} from '../server/schemas.ts';
import type { Caller } from '../server/tokens.ts';
import { personGates } from './approve.ts';
import { CommandFolders, type KeptCommand, type KeptRequest } from './command-folder.ts';
import type { LoadedSpec } from './load-spec.ts';
import { openJournalInTurn } from './opening.ts';
import { programUrl } from './program.ts';

export interface CommandsOf {
  readonly reload: () => LoadedSpec;
  readonly stateDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What the journal says now; an empty state before the first `up`. */
  readonly state: () => MigrationState;
  readonly signal: AbortSignal;
}

const told = 50;

/** The commands of the API: each is a process of its own that does what the command line does. What was asked for is in the journal before anything is started. */
export function commandsOf(parts: CommandsOf): Commands {
  const folders = new CommandFolders(parts.stateDir);
  return {
    list: async () => (await folders.list(told)).map(answerOf),
    read: async (id) => {
      const command = await folders.read(id);
      return command === undefined ? undefined : answerOf(command);
    },
    dryRun: async (request) => dryRun(request, parts),
    start: async (request, key, caller) => start({ request, key, caller }, folders, parts),
    stop: async (id) => {
      const command = await folders.read(id);
      const pid = command?.end === 'running' ? await folders.workerOf(id) : undefined;
      if (command === undefined || pid === undefined) throw new TealError('TEAL-SERVER-020', `${id} does not run`);
      tellToEnd(pid);
      return answerOf(command);
    },
  };
}

interface Asked {
  readonly request: CommandRequest;
  readonly key: string;
  readonly caller: Caller;
}

async function start(
  { request, key, caller }: Asked,
  folders: CommandFolders,
  parts: CommandsOf,
): Promise<{ readonly command: CommandAnswer; readonly started: boolean }> {
  const loaded = parts.reload();
  const id = CommandFolders.idOf(caller.name, key);
  const { command } = request;
  const kept: KeptRequest = {
    version: 1,
    id,
    command,
    request,
    file: resolve(loaded.file),
    by: caller.name,
    atIso: isoNow(),
  };
  if (!(await folders.claim(kept))) return { command: again(await folders.read(id), request), started: false };
  try {
    await record(loaded, kept, parts.signal);
  } catch (error) {
    // It was not accepted: the same key may ask again.
    await folders.forget(id);
    throw error;
  }
  await launch(folders.pathOf(id), parts.env);
  return { command: answerOf({ request: kept, end: 'running' }), started: true };
}

/** The same request that came before, or TEAL-SERVER-014. */
function again(before: KeptCommand | undefined, request: CommandRequest): CommandAnswer {
  const same = before !== undefined && canonicalJson(before.request.request as Json) === canonicalJson(request as Json);
  if (!same) throw new TealError('TEAL-SERVER-014', 'the key was used for another request');
  return answerOf(before);
}

/** TEAL-JOURNAL-003 while another command runs, -008 where there is nothing yet that could be verified, cut or rolled back. */
async function record(loaded: LoadedSpec, { id, command, by }: KeptRequest, signal: AbortSignal): Promise<void> {
  if (command !== 'up') openJournalReader(loaded.journal)[Symbol.dispose]();
  using journal = await openJournalInTurn({ loaded, command, signal, what: noting });
  journal.append({ type: 'callAccepted', by, role: commandRoles[command].join(','), call: `${command} ${id}` });
}

async function launch(folder: string, env: CommandsOf['env']): Promise<void> {
  await using log = await open(join(folder, 'log'), 'a', 0o600);
  const child = spawn(process.execPath, [fileURLToPath(programUrl('command-main')), folder], {
    detached: true,
    cwd: '/',
    stdio: ['ignore', log.fd, log.fd],
    env: { ...process.env, ...env },
  });
  await once(child, 'spawn');
  await writeFile(join(folder, 'pid'), String(child.pid ?? ''), { mode: 0o600 });
  child.unref();
}

/** It may have ended by itself meanwhile. */
function tellToEnd(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    throw new TealError('TEAL-SERVER-020', `process ${pid} has ended`, {}, error);
  }
}

function answerOf({ request: { id, command, by, atIso }, end }: KeptCommand): CommandAnswer {
  const said = { id, command, by, atIso };
  if (end === 'running') return { ...said, state: 'running' };
  if (end === 'lost') return { ...said, state: 'lost', error: errorOf('TEAL-SERVER-015') };
  if (!end.ok) return { ...said, state: 'failed', error: errorOf(end.code) };
  return commandSchema.parse({ ...said, state: 'done', outcome: end.outcome });
}

function errorOf(text: string): CommandError {
  const code = isErrorCode(text) ? text : 'TEAL-SERVER-012';
  const { summary, doThis, retry, dataMayDiffer } = errorRegistry[code];
  return { code, title: summary, doThis, retry, dataMayDiffer };
}

function dryRun({ command }: CommandRequest, { reload, state }: CommandsOf): DryRun {
  const loaded = reload();
  const now = state();
  const because = isWritten(loaded.journal) ? 'another command runs' : obstacle(command, now);
  return {
    dryRun: true,
    command,
    wouldStart: because === undefined,
    ...(because === undefined ? {} : { because }),
    live: liveSide(now),
    phase: now.life.phase,
    unasked: personGates(loaded, now).flatMap(({ gate, given }) => (given === undefined ? [gate] : [])),
  };
}

/** Why the command would only say no. Pure. */
function obstacle(command: CommandName, state: MigrationState): string | undefined {
  const { phase } = state.life;
  if (phase === 'finalised') return 'the migration has ended';
  if (isEnding(state)) return 'its end was begun: `teal finalise` goes on';
  if (command !== 'up' && (phase === 'new' || phase === 'aborted')) return 'nothing was begun';
  const isNowhere = liveSide(state) === 'blue' && phase !== 'cutting' && state.ahead.length === 0;
  if (command === 'rollback' && isNowhere) return 'blue is live';
  if (command === 'cutover' && phase === 'green') return 'green is live';
  return undefined;
}
