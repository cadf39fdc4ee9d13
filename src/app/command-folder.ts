import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { nowMs } from '../kernel/clock.ts';
import { isProcessThere } from '../kernel/process-there.ts';
import { commandNames, commandRequest } from '../server/schemas.ts';
import { tryLock } from './process-lock.ts';
import { absent } from './wanted.ts';

/** What was asked for, as it is kept. */
const keptRequest = z.strictObject({
  version: z.literal(1),
  id: z.string(),
  command: z.enum(commandNames),
  request: commandRequest,
  file: z.string(),
  by: z.string(),
  atIso: z.iso.datetime(),
});
export type KeptRequest = z.infer<typeof keptRequest>;

/** How it ended, as its process has written it down: the last thing that it does. */
const keptEnd = z.union([
  z.strictObject({ ok: z.literal(true), outcome: z.unknown() }),
  z.strictObject({ ok: z.literal(false), code: z.string() }),
]);
export type KeptEnd = z.infer<typeof keptEnd>;

export interface KeptCommand {
  readonly request: KeptRequest;
  /** `lost`: its process has gone without a word. */
  readonly end: KeptEnd | 'running' | 'lost';
}

const kept = 200;
/** A command that was just claimed has no process yet. */
const startPatienceMs = 60_000;
/** Its process is there, and has not taken its lock: on a machine that is very busy. Past this its number may be another's. */
const lockPatienceMs = 10 * 60_000;

/**
 * Commands that the API has started, one folder each under `commands/` of the state folder: `request.json`, `pid`, `lock` (held by its process while it lives), `end.json`, `log`.
 * A folder is there whole or not at all, and is named by the caller and the key: asked twice, there is one.
 */
export class CommandFolders {
  readonly #top: string;

  constructor(stateDir: string) {
    this.#top = join(stateDir, 'commands');
  }

  static idOf(by: string, key: string): string {
    return createHash('sha256')
      .update(JSON.stringify([by, key]))
      .digest('hex')
      .slice(0, 32);
  }

  pathOf(id: string): string {
    return join(this.#top, id);
  }

  /** False when there is one of that id. */
  async claim(request: KeptRequest): Promise<boolean> {
    const making = join(this.#top, `.${randomUUID()}`);
    await mkdir(making, { recursive: true, mode: 0o700 });
    await writeFile(join(making, 'request.json'), JSON.stringify(request), { mode: 0o600, flush: true });
    try {
      await rename(making, this.pathOf(request.id));
    } catch (error) {
      await rm(making, { recursive: true, force: true });
      if (['ENOTEMPTY', 'EEXIST'].includes(String(Reflect.get(Object(error), 'code')))) return false;
      throw error;
    }
    await this.#prune();
    return true;
  }

  async forget(id: string): Promise<void> {
    await rm(this.pathOf(id), { recursive: true, force: true });
  }

  async read(id: string): Promise<KeptCommand | undefined> {
    const text = await readFile(join(this.pathOf(id), 'request.json'), 'utf8').catch(absent);
    if (text === undefined) return undefined;
    const request = keptRequest.parse(JSON.parse(text));
    return { request, end: (await this.#endOf(id)) ?? (await this.#withoutEnd(request)) };
  }

  /** Newest first. */
  async list(limit: number): Promise<readonly KeptCommand[]> {
    const all: KeptCommand[] = [];
    for (const id of await this.#ids()) {
      const command = await this.read(id);
      if (command !== undefined) all.push(command);
    }
    return all.sort((a, b) => (a.request.atIso < b.request.atIso ? 1 : -1)).slice(0, limit);
  }

  /** The process that does its work, by the lock that it holds: its number cannot be another's. Undefined before it has begun and after its end. */
  async workerOf(id: string): Promise<number | undefined> {
    const free = tryLock(join(this.pathOf(id), 'lock'));
    if (free !== undefined) {
      free[Symbol.dispose]();
      return undefined;
    }
    const pid = Number(await readFile(join(this.pathOf(id), 'pid'), 'utf8').catch(absent));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  }

  async #endOf(id: string): Promise<KeptEnd | undefined> {
    const text = await readFile(join(this.pathOf(id), 'end.json'), 'utf8').catch(absent);
    return text === undefined ? undefined : keptEnd.parse(JSON.parse(text));
  }

  /** Its end may have come between the two looks. */
  async #withoutEnd({ id, atIso }: KeptRequest): Promise<KeptCommand['end']> {
    const free = tryLock(join(this.pathOf(id), 'lock'));
    if (free === undefined) return 'running';
    free[Symbol.dispose]();
    const end = await this.#endOf(id);
    if (end !== undefined) return end;
    const sinceMs = nowMs() - Date.parse(atIso);
    return sinceMs < ((await this.#isStarting(id)) ? lockPatienceMs : startPatienceMs) ? 'running' : 'lost';
  }

  async #isStarting(id: string): Promise<boolean> {
    const pid = await readFile(join(this.pathOf(id), 'pid'), 'utf8').catch(absent);
    return pid !== undefined && isProcessThere(Number(pid));
  }

  async #ids(): Promise<readonly string[]> {
    const names = await readdir(this.#top).catch(absent);
    return (names ?? []).filter((name) => /^[0-9a-f]{32}$/.test(name));
  }

  /** The oldest that have ended go. */
  async #prune(): Promise<void> {
    if ((await this.#ids()).length <= kept) return;
    for (const { request, end } of (await this.list(Number.MAX_SAFE_INTEGER)).slice(kept)) {
      if (end !== 'running') await this.forget(request.id);
    }
  }
}

/** Written by the command's own process, at its end. */
export async function keepEnd(folder: string, end: KeptEnd): Promise<void> {
  const file = join(folder, 'end.json');
  await using made = await open(`${file}.new`, 'w', 0o600);
  await made.writeFile(JSON.stringify(end));
  await made.sync();
  await rename(`${file}.new`, file);
}

export async function readRequest(folder: string): Promise<KeptRequest> {
  return keptRequest.parse(JSON.parse(await readFile(join(folder, 'request.json'), 'utf8')));
}
