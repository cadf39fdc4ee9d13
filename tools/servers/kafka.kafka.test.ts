import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, test } from 'vitest';
import { kafkaIsTested, testCluster } from '../../test/support/kafka.ts';
import { startKafka } from './kafka.ts';

describe.skipIf(!kafkaIsTested)('a Kafka of a test', () => {
  test('starts, stops, starts again on its data, and leaves nothing', async () => {
    const server = await startKafka();
    const { dataDir, port } = server;
    await takesConnections(port);
    await server.stop();
    expect(server.pid).toBeUndefined();
    await server.restart();
    const pid = server.pid ?? 0;
    expect(runs(pid)).toBe(true);
    await takesConnections(port);
    await server[Symbol.asyncDispose]();
    expect(existsSync(dataDir)).toBe(false);
    expect(runs(pid)).toBe(false);
  });

  test('ends, and its data go, when its starter is killed', async () => {
    const module = JSON.stringify(join(import.meta.dirname, 'kafka.ts'));
    const program = `
      const { startKafka } = await import(${module});
      const { pid, dataDir } = await startKafka();
      console.log(JSON.stringify({ pid, dataDir }));
      setInterval(() => {}, 1000);
    `;
    const parent = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface(parent.stdout), 'line')) as [string];
    const { pid, dataDir } = JSON.parse(line) as { pid: number; dataDir: string };
    expect(runs(pid)).toBe(true);

    parent.kill('SIGKILL');

    await expect.poll(() => existsSync(dataDir), { timeout: 60_000 }).toBe(false);
    await expect.poll(() => runs(pid), { timeout: 60_000 }).toBe(false);
  });

  test('tells in its own words that its port is taken', async () => {
    const other = createServer();
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    try {
      await expect(startKafka({ port })).rejects.toThrow(/^TEAL-TOOLS-002: .*Address already in use/s);
    } finally {
      other.close();
    }
  });

  test('is shared by all who ask for the same side', async () => {
    const [one, same, other] = [await testCluster('blue'), await testCluster('blue'), await testCluster('green')];
    expect(same).toEqual(one);
    expect(other.port).not.toBe(one.port);
    await takesConnections(other.port);
  });
});

async function takesConnections(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
  } finally {
    socket.destroy();
  }
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
