import { access, chown, constants, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startInForeground, type Foreground } from './foreground.ts';
import { freePort } from './free-port.ts';
import { serverUser } from './server-user.ts';

/** Its program, by `TEAL_TEST_FLAGD`: no registry that tests install from has it. Undefined where none is given. */
export function givenFlagd(): string | undefined {
  const path = process.env['TEAL_TEST_FLAGD'];
  return path === undefined || path === '' ? undefined : path;
}

export interface Flagd extends Foreground {
  /** The file of flags that it watches. */
  readonly config: string;
  /** Of its OFREP: host:port. */
  readonly status: string;
}

/** flagd on loopback, with one file of flags. Rejects where the program cannot be run; TEAL-TOOLS-002 when it does not come up. */
export async function startFlagd(program: string, flags: string): Promise<Flagd> {
  await access(program, constants.X_OK);
  const [port, management, sync, ofrep] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const status = `127.0.0.1:${ofrep}`;
  const started = await startInForeground({
    name: 'flagd',
    env: {},
    async prepare(folder) {
      const config = join(folder, 'flags.json');
      await writeFile(config, flags);
      const user = serverUser();
      if (user !== undefined) await chown(config, user.uid, user.gid);
      const ports = ['--port', port, '--management-port', management, '--sync-port', sync, '--ofrep-port', ofrep];
      return [program, 'start', '--uri', `file:${config}`, ...ports.map(String)];
    },
    // It serves before it has read its file.
    isReady: async () => {
      const asked = [`http://127.0.0.1:${management}/readyz`, `http://${status}/ofrep/v1/evaluate/flags/none`];
      const answers = await Promise.all(asked.map(async (url, place) => statusOf(url, place === 0 ? 'GET' : 'POST')));
      return answers[0] === 200 && answers[1] !== undefined;
    },
  });
  return {
    folder: started.folder,
    log: started.log,
    config: join(started.folder, 'flags.json'),
    status,
    [Symbol.asyncDispose]: async () => started[Symbol.asyncDispose](),
  };
}

async function statusOf(url: string, method: 'GET' | 'POST'): Promise<number | undefined> {
  const response = await fetch(url, { method, ...(method === 'POST' ? { body: '{}' } : {}) }).catch(() => undefined);
  await response?.body?.cancel();
  return response?.status;
}
