import { once } from 'node:events';
import { chmod, chown, mkdtemp, rm, stat } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { isTealError } from '../../kernel/errors.ts';
import { ProxyRouter } from './client.ts';
import { ControlServer } from './control.ts';
import { lineLimitBytes } from './control-words.ts';
import type { Hub } from './hub.ts';

const hub = { read: () => ({ side: 'blue' }) } as unknown as Hub;

async function folder(mode = 0o700): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'teal-control-test-'));
  onTestFinished(async () => rm(path, { recursive: true, force: true }));
  await chmod(path, mode);
  return path;
}

async function listening(path: string): Promise<void> {
  const server = new ControlServer(path, {
    hub,
    canary: {} as never,
    about: () => ({}) as never,
    stop: () => undefined,
  });
  onTestFinished(async () => server.stop());
  await server.listen();
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: unknown) => (isTealError(error) ? error.code : String(error)),
  );
}

test('is for its owner only, in a folder that is made so', async () => {
  const inside = join(await folder(), 'made', 'proxy.sock');
  await listening(inside);
  expect((await stat(inside)).mode & 0o777).toBe(0o600);
  expect((await stat(join(inside, '..'))).mode & 0o777).toBe(0o700);
  expect(await new ProxyRouter(inside).read()).toEqual({ side: 'blue' });
});

test('where reads cannot be compared, and asks not be recorded, it says so', async () => {
  const path = join(await folder(), 'proxy.sock');
  await listening(path);
  expect(await codeOf(new ProxyRouter(path).shadow.tally())).toBe('TEAL-TRAFFIC-022');
  expect(await codeOf(new ProxyRouter(path).capture.tally())).toBe('TEAL-TRAFFIC-037');
});

test.each([0o777, 0o1777, 0o720])(
  'is not made in a folder of mode %o, where others could put another',
  async (mode) => {
    expect(await codeOf(listening(join(await folder(mode), 'proxy.sock')))).toBe('TEAL-TRAFFIC-006');
  },
);

test.runIf(process.getuid?.() === 0)("another user's socket is not asked anything", async () => {
  const path = join(await folder(), 'proxy.sock');
  let asked = false;
  const stranger = createServer(() => (asked = true)).listen(path);
  onTestFinished(() => void stranger.close());
  await once(stranger, 'listening');
  await chown(path, 65_534, 65_534);
  expect(await codeOf(new ProxyRouter(path).read())).toBe('TEAL-TRAFFIC-009');
  expect(asked).toBe(false);
});

test.each([
  ['a line without an end', 'x'.repeat(lineLimitBytes + 1)],
  ['a line that is too long', `${' '.repeat(lineLimitBytes)}{"id":1,"op":"read"}\n`],
])('%s ends the connection', async (_name, text) => {
  const path = join(await folder(), 'proxy.sock');
  await listening(path);
  const socket = connect(path);
  let said = '';
  socket.on('data', (chunk) => (said += String(chunk)));
  socket.on('error', () => undefined);
  socket.write(text);
  await once(socket, 'close');
  expect(said).toBe('');
});

test('what is no request is answered as that', async () => {
  const path = join(await folder(), 'proxy.sock');
  await listening(path);
  const socket = connect(path).setEncoding('utf8');
  onTestFinished(() => void socket.destroy());
  for (const line of ['nonsense', '{}', '[]', '{"id":1,"op":"drop"}', '{"id":2,"op":"hold","cut":1}']) {
    socket.write(`${line}\n`);
    const [answer] = (await once(socket, 'data')) as [string];
    expect(JSON.parse(answer)).toMatchObject({ ok: false });
  }
});
