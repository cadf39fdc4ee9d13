import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { TealError, isTealError, type ErrorCode } from '../../kernel/errors.ts';
import { asPosition } from '../../model/position.ts';
import { budgetOf } from './source-watch.ts';
import { readConfig, writeConfig, carrierDefaults, flowNames, pathsOfFolder, type CarrierConfig } from './config.ts';
import { askWorker } from './control-client.ts';
import { readSocketPath, startControlServer, type Answer } from './control-server.ts';
import { maxLineBytes } from './protocol.ts';

async function temporaryFolder(name = ''): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), `teal-control-${name}`));
  onTestFinished(async () => rm(path, { recursive: true, force: true }));
  return path;
}

async function served(answer: Answer, name = ''): Promise<string> {
  const file = join(await temporaryFolder(name), 'socket');
  const server = await startControlServer(file, answer);
  onTestFinished(async () => server[Symbol.asyncDispose]());
  return file;
}

async function codeOf(work: Promise<unknown>): Promise<ErrorCode | undefined> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return isTealError(error) ? error.code : undefined;
}

const soon = { timeoutMs: 2_000 };

describe('the control socket', () => {
  test.each(['', 'long-'.repeat(30)])('brings questions and answers over, in a folder named %j', async (name) => {
    const file = await served(async (request) => ({ asked: request.method }), name);
    expect(await askWorker(file, { method: 'status' }, soon)).toEqual({ asked: 'status' });
    const path = (await readSocketPath(file)) ?? '';
    expect(Buffer.byteLength(path)).toBeLessThan(108);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test('brings an error over with its code', async () => {
    const file = await served(async () => {
      throw new TealError('TEAL-CARRIERS-005', 'not now');
    });
    const question = { method: 'stopAt', position: asPosition('A'), leaseMs: 10 } as const;
    expect(await codeOf(askWorker(file, question, soon))).toBe('TEAL-CARRIERS-005');
  });

  test('tells a worker that is not there from one that does not answer', async () => {
    expect(await codeOf(askWorker(join(await temporaryFolder(), 'socket'), { method: 'status' }, soon))).toBe(
      'TEAL-CARRIERS-001',
    );
    const file = await served(async () => new Promise(() => undefined));
    expect(await codeOf(askWorker(file, { method: 'status' }, { timeoutMs: 50 }))).toBe('TEAL-CARRIERS-003');
  });

  test('takes the place of a server that was killed, and leaves nothing behind', async () => {
    const folder = await temporaryFolder('long-'.repeat(30));
    const file = join(folder, 'socket');
    const killed = await startControlServer(file, async () => 'old');
    const old = dirname((await readSocketPath(file)) ?? '');
    const next = await startControlServer(file, async () => 'new');
    expect(await stat(old).catch((error: unknown) => (error as NodeJS.ErrnoException).code)).toBe('ENOENT');
    expect(await askWorker(file, { method: 'status' }, soon)).toBe('new');
    await next[Symbol.asyncDispose]();
    expect(await readSocketPath(file)).toBeUndefined();
    await killed[Symbol.asyncDispose]();
    expect(await codeOf(askWorker(file, { method: 'status' }, soon))).toBe('TEAL-CARRIERS-001');
  });

  test.each([
    ['no JSON', 'hello\n'],
    ['no request', '{"id":1,"method":"drop everything"}\n'],
    ['a field too many', '{"id":1,"method":"status","please":true}\n'],
    ['a negative lease', '{"id":1,"method":"stopAt","position":"A","leaseMs":-1}\n'],
    ['a line without an end', 'x'.repeat(maxLineBytes + 1)],
    ['a line that is too long', `${' '.repeat(maxLineBytes)}{"id":1,"method":"status"}\n`],
  ])('closes on %s', async (_name, text) => {
    const file = await served(async () => 'never');
    const socket = createConnection((await readSocketPath(file)) ?? '');
    let said = '';
    socket.on('data', (chunk) => {
      said += String(chunk);
    });
    socket.on('error', () => undefined);
    socket.write(text);
    await once(socket, 'close');
    expect(said).toBe('');
  });
});

describe('the configuration of a worker', () => {
  const config: CarrierConfig = { version: 1, migration: 'shop', flow: 'forward', folder: '', ...carrierDefaults };

  test('of a time when there was PostgreSQL alone is between two of it', async () => {
    const folder = await temporaryFolder();
    const { config: path } = pathsOfFolder(folder);
    const { systems: _, ...old } = config;
    await writeFile(path, JSON.stringify({ ...old, folder }));
    expect((await readConfig(path)).systems).toEqual({ source: 'postgres', target: 'postgres' });
  });

  test('is for its owner only, and is read back', async () => {
    const folder = join(await temporaryFolder(), 'carrier-forward');
    const { config: path } = pathsOfFolder(folder);
    await writeConfig(path, { ...config, folder });
    await writeConfig(path, { ...config, folder });
    expect([(await stat(path)).mode & 0o777, (await stat(folder)).mode & 0o777]).toEqual([0o600, 0o700]);
    expect(await readConfig(path)).toEqual({ ...config, folder });
    expect(await readFile(path, 'utf8')).not.toContain('url');
  });

  test('is refused when it was changed', async () => {
    const folder = await temporaryFolder();
    const { config: path } = pathsOfFolder(folder);
    await writeConfig(path, { ...config, folder, migration: 'Shop; drop' });
    expect(await codeOf(readConfig(path))).toBe('TEAL-CARRIERS-004');
    expect(await codeOf(readConfig(join(folder, 'none.json')))).toBe('TEAL-CARRIERS-004');
  });

  test('names both flows apart', () => {
    expect(flowNames('shop', 'forward')).toEqual({
      stream: 'shop_fwd',
      slot: 'teal_shop_fwd',
      publication: 'teal_shop_fwd',
    });
    expect(flowNames('shop', 'reverse').slot).toBe('teal_shop_rev');
  });
});

test.each([
  ['no limit at all', {}, undefined, 'ok'],
  ['well within the budget', { retainedBytes: 69 }, 100, 'ok'],
  ['at the share that warns', { retainedBytes: 70 }, 100, 'warn'],
  ['at the budget', { retainedBytes: 100 }, 100, 'exceeded'],
  ["near the server's own limit", { retainedBytes: 80, headroomBytes: 20 }, 1_000, 'warn'],
  [
    'beyond the budget, of a source that keeps its log for nobody',
    { retainedBytes: 200, keepsAnyway: true },
    100,
    'ok',
  ],
  ["beyond the server's own limit", { retainedBytes: 80, headroomBytes: -5 }, undefined, 'exceeded'],
] as const)('the budget of the log: %s', (_name, look, budget, expected) => {
  expect(budgetOf({ head: asPosition('A'), slot: 'usable', ...look }, budget, 0.7)).toBe(expected);
});
