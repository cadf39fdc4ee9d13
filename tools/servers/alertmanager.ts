import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { debianPackages } from './debian.ts';
import { startInForeground, whyNone } from './foreground.ts';
import { freePort } from './free-port.ts';
import { runProgram } from './run-program.ts';

export interface Alertmanager extends AsyncDisposable {
  readonly url: string;
  /** Tells it of an alert as Prometheus does: one with an end in the past is resolved. */
  readonly post: (labels: Readonly<Record<string, string>>, endsAt?: Date) => Promise<void>;
  readonly log: () => Promise<string>;
}

export interface AlertmanagerOptions {
  /** Where its notices go, a second after the first alert of a group and then every second. */
  readonly webhook: string;
  readonly token: string;
}

/** For tests: why this machine has none, said aloud; undefined where it has one. */
export async function whyNoAlertmanager(): Promise<string | undefined> {
  return whyNone('Alertmanager', install);
}

/** The program of Debian's package, unpacked into the cache and not installed. TEAL-TOOLS-001 or -003 when it cannot be had. */
async function install(): Promise<string> {
  const root = await debianPackages(`alertmanager-here-${process.arch}`, ['prometheus-alertmanager']);
  const program = join(root, 'usr/bin/prometheus-alertmanager');
  await runProgram(program, ['--version']);
  return program;
}

/** One Alertmanager on loopback, alone, that tells one receiver of everything, by alert. */
export async function startAlertmanager({ webhook, token }: AlertmanagerOptions): Promise<Alertmanager> {
  const program = await install();
  const url = `http://127.0.0.1:${await freePort()}`;
  const server = await startInForeground({
    name: 'alertmanager',
    env: {},
    prepare: async (folder) => {
      await writeFile(join(folder, 'token'), token);
      await writeFile(join(folder, 'alertmanager.yml'), configOf(webhook, join(folder, 'token')));
      const { host } = new URL(url);
      const place = [`--config.file=${folder}/alertmanager.yml`, `--storage.path=${folder}/data`];
      return [program, ...place, `--web.listen-address=${host}`, '--cluster.listen-address='];
    },
    isReady: async () =>
      fetch(`${url}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      ),
  });
  return {
    url,
    log: server.log,
    post: async (labels, endsAt) => {
      const body = JSON.stringify([{ labels, ...(endsAt === undefined ? {} : { endsAt: endsAt.toISOString() }) }]);
      const headers = { 'content-type': 'application/json' };
      const { ok, status } = await fetch(`${url}/api/v2/alerts`, { method: 'POST', headers, body });
      if (!ok) throw new Error(`Alertmanager answers with status ${status}`);
    },
    [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose](),
  };
}

/** JSON is YAML. */
function configOf(webhook: string, tokenFile: string): string {
  const authorization = { credentials_file: tokenFile };
  return JSON.stringify({
    route: {
      receiver: 'teal',
      group_by: ['alertname'],
      group_wait: '1s',
      group_interval: '1s',
      repeat_interval: '1s',
    },
    receivers: [{ name: 'teal', webhook_configs: [{ url: webhook, http_config: { authorization } }] }],
  });
}
