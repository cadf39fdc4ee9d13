import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TealError } from '../../src/kernel/errors.ts';
import { cachedFolder } from './cache.ts';
import { unpackDebian } from './debian.ts';
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

/** Where Debian's program looks for its templates; and the same, as long, in the folder that it runs in. */
const templates = '/usr/share/prometheus/alertmanager';
const templatesHere = './'.repeat(templates.length / 2);

/**
 * The program of Debian's package, unpacked into the cache and not installed: the path of its templates is written into it, and is made one that leads from where it runs.
 * TEAL-TOOLS-001 or -003 when it cannot be had.
 */
async function install(): Promise<string> {
  if (process.platform !== 'linux') throw new TealError('TEAL-TOOLS-003', `no Alertmanager for ${process.platform}`);
  return cachedFolder(`alertmanager-debian-${process.arch}`, async (building) => {
    await unpackDebian(['prometheus-alertmanager'], building);
    const program = programIn(building);
    const bytes = await readFile(program);
    for (let at = bytes.indexOf(templates); at >= 0; at = bytes.indexOf(templates, at)) bytes.write(templatesHere, at);
    await writeFile(program, bytes);
    await runProgram(program, ['--version']);
  });
}

function programIn(root: string): string {
  return join(root, 'usr/bin/prometheus-alertmanager');
}

/** What the program that checks configurations says of one. Rejects where it is none. */
export async function checkAlertmanagerConfig(file: string): Promise<string> {
  return runProgram(join(await install(), 'usr/bin/amtool'), ['check-config', file]);
}

/** One Alertmanager on loopback, alone, that tells one receiver of everything, by alert. */
export async function startAlertmanager({ webhook, token }: AlertmanagerOptions): Promise<Alertmanager> {
  const root = await install();
  const url = `http://127.0.0.1:${await freePort()}`;
  const server = await startInForeground({
    name: 'alertmanager',
    env: {},
    prepare: async (folder) => {
      await writeFile(join(folder, 'token'), token);
      await writeFile(join(folder, 'alertmanager.yml'), configOf(webhook, join(folder, 'token')));
      const { host } = new URL(url);
      const place = [`--config.file=${folder}/alertmanager.yml`, `--storage.path=${folder}/data`];
      for (const name of ['default.tmpl', 'email.tmpl'])
        await copyFile(join(root, templates, name), join(folder, name));
      return [programIn(root), ...place, `--web.listen-address=${host}`, '--cluster.listen-address='];
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
