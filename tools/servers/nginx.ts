import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { oneAnswer } from '../../src/traffic/one-answer.ts';
import { debianPackageHere, librariesOf } from './debian.ts';
import { startInForeground, whyNone, type Foreground } from './foreground.ts';
import { freePort } from './free-port.ts';

/** For tests: why this machine has none, said aloud; undefined where it has one. */
export async function whyNoNginx(): Promise<string | undefined> {
  return whyNone('nginx', install);
}

async function install(): Promise<string> {
  return debianPackageHere('nginx', ['libnginx-mod-stream']);
}

export interface NginxOptions {
  /** Lines of its `stream`: `upstream old { server 127.0.0.1:5432; }`. */
  readonly upstreams: readonly string[];
  /** The upstreams that are the sides; its own file leads to the first one at the start. */
  readonly sides: readonly [blue: string, green: string];
  /** Lines above all others: `worker_shutdown_timeout 1s;`. */
  readonly settings: readonly string[];
}

/** One nginx of this machine's release (1.22 on Debian 12) on loopback that passes connections on unread, to the upstream that a file of its own names. */
export interface Nginx extends Foreground {
  readonly port: number;
  /** Where workers answer that lead to either, at the start the first: host:port. */
  readonly status: readonly [blue: string, green: string];
  /** That file. */
  readonly config: string;
  /** Have it print its files, and read them anew. */
  readonly test: readonly string[];
  readonly reload: readonly string[];
}

export async function startNginx(options: NginxOptions): Promise<Nginx> {
  const root = await install();
  const port = await freePort();
  const status = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`] as const;
  const env = librariesOf(root);
  const command = (folder: string): readonly string[] => [
    join(root, 'usr/sbin/nginx'),
    '-e',
    'stderr',
    '-p',
    folder,
    '-c',
    join(folder, 'nginx.conf'),
  ];
  const started = await startInForeground({
    name: 'nginx',
    env,
    async prepare(folder) {
      await writeFile(join(folder, 'teal.conf'), own(status[0], options.sides[0]));
      await writeFile(join(folder, 'nginx.conf'), configuration(root, folder, port, options));
      return command(folder);
    },
    isReady: async () =>
      oneAnswer(status[0], '', 'TEAL-TOOLS-002').then(
        (said) => said !== '',
        () => false,
      ),
  });
  const told = ['env', `LD_LIBRARY_PATH=${env.LD_LIBRARY_PATH}`, ...command(started.folder)];
  return {
    ...started,
    port,
    status,
    config: join(started.folder, 'teal.conf'),
    test: [...told, '-T'],
    reload: [...told, '-s', 'reload'],
  };
}

function own(status: string, leadsTo: string): string {
  return `# Which upstream clients of shop go to.
map $server_port $teal_shop { default ${leadsTo}; }
server { listen ${status}; return $teal_shop; }
`;
}

function configuration(root: string, folder: string, port: number, options: NginxOptions): string {
  return `${options.settings.join('\n')}
daemon off;
worker_processes 1;
pid ${join(folder, 'nginx.pid')};
error_log stderr;
load_module ${join(root, 'usr/lib/nginx/modules/ngx_stream_module.so')};
events { worker_connections 64; }
stream {
  ${options.upstreams.join('\n  ')}
  include ${join(folder, 'teal.conf')};
  server { listen 127.0.0.1:${port}; proxy_pass $teal_shop; }
}
`;
}
