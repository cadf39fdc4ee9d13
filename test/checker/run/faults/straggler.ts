import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { blueUrlVariable, greenUrlVariable } from '../../../../src/traffic/proxy/config.ts';
import { freePort } from '../../../../tools/servers/free-port.ts';
import { answers } from '../answers.ts';
import type { Injector, World } from '../world.ts';

const program = fileURLToPath(new URL('../../../../src/app/proxy-main.ts', import.meta.url));

/**
 * A second proxy that no controller knows, with clients on it: only what it meets in the databases tells it that the data have moved. It runs until the fault heals,
 * which is after the cut.
 */
const straggler: Injector = async (world) => {
  const port = await freePort();
  const proxy = await startSecond(world, port);
  const url = new URL(world.clientUrl);
  url.port = String(port);
  await answers(url.href, 20_000);
  const leave = await world.moreClients(url.href);
  return {
    what: `a second proxy, ${proxy.pid}, with clients of its own`,
    heal: async () => {
      await leave();
      const ended = once(proxy, 'exit');
      proxy.kill('SIGTERM');
      await ended;
    },
  };
};

async function startSecond(world: World, port: number): Promise<ChildProcess> {
  const folder = join(world.folder, `straggler-${port}`);
  await mkdir(folder);
  const config = JSON.parse(await readFile(join(world.stateDir, 'proxy', 'config.json'), 'utf8')) as object;
  const file = join(folder, 'config.json');
  const own = { listen: { host: '127.0.0.1', port }, controlPath: join(folder, 'sock') };
  await writeFile(file, JSON.stringify({ ...config, ...own }));
  return spawn(process.execPath, [program, file], {
    stdio: 'ignore',
    env: { ...process.env, [blueUrlVariable]: world.url('blue'), [greenUrlVariable]: world.url('green') },
  });
}

export const stragglerFaults: Readonly<Record<string, Injector>> = { straggler };
