import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { monotonicMs, sleep, waitFor } from '../../../../src/kernel/clock.ts';
import { encodeCancel, encodeStartup, encodeTlsRequest } from '../../../../src/wire/postgres/startup.ts';
import { StartupSorter, type Classify } from './sorter.ts';
import { startFaultProxy, type FaultProxy } from './tcp-proxy.ts';

/** Says back what it hears. */
async function echo(answer = (bytes: Buffer): Buffer => bytes): Promise<{ port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => socket.write(answer(bytes)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A client that keeps what it hears. */
class Peer implements Disposable {
  readonly socket: Socket;
  heard = '';
  error: string | undefined;

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1' });
    this.socket.on('data', (bytes: Buffer) => (this.heard += bytes.toString('latin1')));
    this.socket.on('error', (error) => (this.error = String(Reflect.get(error, 'code'))));
  }

  say(text: string | Buffer): void {
    this.socket.write(text);
  }

  async hears(text: string): Promise<void> {
    await waitFor({ what: `to hear ${text}`, timeoutMs: 60_000, everyMs: 2 }, () => this.heard === text || undefined);
  }

  async fails(): Promise<string | undefined> {
    await waitFor({ what: 'the end', timeoutMs: 60_000, everyMs: 2 }, () => this.socket.destroyed || undefined);
    return this.error;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

const startup = (name: string): Buffer =>
  encodeStartup([
    ['user', 'u'],
    ['application_name', name],
  ]);
const byName: Classify = (said) =>
  said?.kind === 'startup' ? (said.parameters.get('application_name') ?? '?') : (said?.kind ?? 'unknown');

async function before(port: number): Promise<FaultProxy> {
  return startFaultProxy({ upstreamPort: port, sorter: () => new StartupSorter(byName) });
}

/** A connection of that name, through which bytes have gone both ways. */
async function talking(proxy: FaultProxy, name: string): Promise<Peer> {
  const peer = new Peer(proxy.port);
  peer.say(startup(name));
  await peer.hears(startup(name).toString('latin1'));
  peer.heard = '';
  return peer;
}

describe('connections are sorted', () => {
  test('by the start-up packet, whatever its pieces, after a request to encrypt', async () => {
    await using server = await echo();
    await using proxy = await before(server.port);
    using peer = new Peer(proxy.port);
    peer.say(encodeTlsRequest());
    await peer.hears(encodeTlsRequest().toString('latin1'));
    const packet = startup('one');
    for (const byte of packet) {
      peer.say(Buffer.from([byte]));
      await sleep(0);
    }
    await peer.hears(Buffer.concat([encodeTlsRequest(), packet]).toString('latin1'));
    expect([proxy.count('one'), proxy.count('two')]).toEqual([1, 0]);
  });

  test('by a cancel request, and by what is no start-up packet', async () => {
    await using server = await echo();
    await using proxy = await before(server.port);
    using cancel = new Peer(proxy.port);
    cancel.say(encodeCancel(4711, Buffer.alloc(4)));
    using encrypted = new Peer(proxy.port);
    encrypted.say(Buffer.from('160301020001', 'hex'));
    encrypted.say(Buffer.alloc(20));
    await waitFor(
      { what: 'both', timeoutMs: 60_000 },
      () => proxy.count('cancel') + proxy.count('unknown') === 2 || undefined,
    );
    encrypted.socket.end();
    cancel.socket.end();
    await waitFor(
      { what: 'none', timeoutMs: 60_000 },
      () => proxy.count('cancel') + proxy.count('unknown') === 0 || undefined,
    );
  });
});

describe('a link', () => {
  test('cut: resets what is there and what comes, of its own only, until it is healed', async () => {
    await using server = await echo();
    await using proxy = await before(server.port);
    using one = await talking(proxy, 'one');
    using two = await talking(proxy, 'two');
    await proxy.link('one').cut();
    expect(await one.fails()).toBe('ECONNRESET');
    using late = new Peer(proxy.port);
    late.say(startup('one'));
    expect(await late.fails()).toBe('ECONNRESET');
    two.say('still here');
    await two.hears('still here');
    await proxy.link('one').heal();
    using again = await talking(proxy, 'one');
    again.say('back');
    await again.hears('back');
  });

  test('delay: so much later in each direction, in order, many at once', async () => {
    await using server = await echo();
    await using proxy = await before(server.port);
    using peer = await talking(proxy, 'one');
    await proxy.link('one').delay(150);
    const began = monotonicMs();
    for (const word of ['a', 'b', 'c', 'd']) {
      peer.say(word);
      await sleep(10);
    }
    await peer.hears('abcd');
    const tookMs = monotonicMs() - began;
    expect(tookMs).toBeGreaterThan(299);
    // One after another would take 1 200.
    expect(tookMs).toBeLessThan(1_000);
    await proxy.link('one').heal();
    peer.say('e');
    await peer.hears('abcde');
  });

  test('half open: swallows both ways, answers no newcomer, and resets when it is healed what has lost bytes', async () => {
    await using server = await echo();
    await using proxy = await before(server.port);
    using peer = await talking(proxy, 'one');
    using idle = await talking(proxy, 'one');
    await proxy.link('one').halfOpen();
    peer.say('lost');
    using late = new Peer(proxy.port);
    late.say(startup('one'));
    await sleep(100);
    expect([peer.heard, late.heard, peer.socket.destroyed, late.socket.destroyed]).toEqual(['', '', false, false]);
    await proxy.link('one').heal();
    expect(await peer.fails()).toBe('ECONNRESET');
    expect(await late.fails()).toBe('ECONNRESET');
    idle.say('here');
    await idle.hears('here');
  });

  test('half open: what a server ends meanwhile, its client hears of after the healing only', async () => {
    await using server = await echo();
    await using proxy = await before(server.port);
    using peer = await talking(proxy, 'one');
    await proxy.link('one').halfOpen();
    await server[Symbol.asyncDispose]();
    await sleep(100);
    expect(peer.socket.destroyed).toBe(false);
    await proxy.link('one').heal();
    expect(await peer.fails()).toBe('ECONNRESET');
    // Nobody listens there any more.
    using late = new Peer(proxy.port);
    expect(await late.fails()).toBe('ECONNRESET');
    await using other = await echo();
    proxy.retarget(other.port);
    using again = await talking(proxy, 'one');
    again.say('there');
    await again.hears('there');
  });
});

test('a delayed line holds back a bounded number of bytes: the sender has to wait', async () => {
  await using server = await echo((bytes) => (bytes.length < 1_000 ? bytes : Buffer.alloc(0)));
  await using proxy = await before(server.port);
  using peer = await talking(proxy, 'one');
  await proxy.link('one').delay(2_000);
  const block = Buffer.alloc(1 << 20, 'x');
  for (let sent = 0; sent < 128; sent += 1) peer.socket.write(block);
  await sleep(1_000);
  const onItsWay = peer.socket.bytesWritten - peer.socket.writableLength;
  // A megabyte here, the rest in the buffers of the system.
  expect(onItsWay).toBeLessThan(32 << 20);
});

test('ends of each direction go through, and a megabyte is what it was', async () => {
  await using server = await echo();
  await using proxy = await before(server.port);
  using peer = await talking(proxy, 'one');
  const bytes = Buffer.from(Array.from({ length: 1 << 20 }, (_, at) => (at * 31 + (at >> 8)) & 0xff));
  peer.say(bytes);
  await waitFor({ what: 'all of it', timeoutMs: 60_000 }, () => peer.heard.length === bytes.length || undefined);
  expect(Buffer.from(peer.heard, 'latin1').equals(bytes)).toBe(true);
  peer.socket.end();
  await waitFor({ what: 'both to be gone', timeoutMs: 60_000 }, () => proxy.count('one') === 0 || undefined);
});
