import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { waitFor } from '../../src/kernel/clock.ts';
import { TealError } from '../../src/kernel/errors.ts';
import { cachedFolder } from './cache.ts';
import { unpackDebian } from './debian.ts';
import { freePort } from './free-port.ts';
import { lastLines, runProgram } from './run-program.ts';
import { watchOver } from './watcher.ts';

export interface PrometheusServer extends AsyncDisposable {
  readonly url: string;
}

export interface PrometheusOptions {
  /** `host:port` of what is scraped, at `/metrics`, every second. */
  readonly targets: readonly string[];
}

const pidFile = 'prometheus.pid';

/**
 * The program of Debian's package, unpacked into the cache and not installed. Errors: TEAL-TOOLS-001 when apt cannot fetch it, TEAL-TOOLS-003 when this machine has no
 * apt.
 */
export async function installPrometheus(): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new TealError('TEAL-TOOLS-003', `no Prometheus for ${process.platform}-${process.arch}`);
  }
  const program = 'usr/bin/prometheus';
  const folder = await cachedFolder('prometheus-debian-linux-x64', async (building) => {
    await unpackDebian(['prometheus'], building);
    await runProgram(join(building, program), ['--version']);
  });
  return join(folder, program);
}

/** The program that checks rules, of the same package. */
export function promtoolBeside(prometheus: string): string {
  return join(dirname(prometheus), 'promtool');
}

/** A server of its own on loopback. It ends with this process, however that ends (see watcher.ts), and its data go with it. */
export async function startPrometheus({ targets }: PrometheusOptions): Promise<PrometheusServer> {
  const program = await installPrometheus();
  const [folder, port] = [await mkdtemp(join(tmpdir(), 'teal-prometheus-')), await freePort()];
  const watcher = watchOver(folder, 'remove', pidFile);
  const config = join(folder, 'prometheus.yml');
  const scrape = { job_name: 'test', static_configs: [{ targets }] };
  // JSON is YAML.
  await writeFile(config, JSON.stringify({ global: { scrape_interval: '1s' }, scrape_configs: [scrape] }));
  const log = createWriteStream(join(folder, 'log'));
  await once(log, 'open');
  const place = [`--config.file=${config}`, `--storage.tsdb.path=${join(folder, 'data')}`];
  const child = spawn(program, [...place, `--web.listen-address=127.0.0.1:${port}`], { stdio: ['ignore', log, log] });
  const ended = once(child, 'exit');
  await writeFile(join(folder, pidFile), `${child.pid ?? ''}\n`);
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
    log.close();
    await watcher.dismiss();
    await rm(folder, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  try {
    await waitFor({ what: 'Prometheus', timeoutMs: 120_000, everyMs: 100 }, async () => {
      if (child.exitCode !== null) {
        const said = lastLines(await readFile(join(folder, 'log'), 'utf8'));
        throw new TealError('TEAL-TOOLS-005', `prometheus ended with ${child.exitCode}:\n${said}`, { program });
      }
      const isReady = await fetch(`${url}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
      return isReady ? true : undefined;
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, [Symbol.asyncDispose]: stop };
}

if (import.meta.main) process.stdout.write(`${await installPrometheus()}\n`);
