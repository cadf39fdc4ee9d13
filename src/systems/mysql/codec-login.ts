import { once } from 'node:events';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions as TlsOptions } from 'node:tls';
import { TealError } from '../../kernel/errors.ts';
import {
  answerNonce,
  asAuthMethod,
  cachingSha2,
  clearPassword,
  encryptPassword,
  readAuthRequest,
  stageOne,
} from '../../wire/mysql/auth.ts';
import { capability, type Capabilities } from '../../wire/mysql/flags.ts';
import {
  encodeLogin,
  encodeTlsRequest,
  readGreeting,
  type Greeting,
  type LoginRequest,
} from '../../wire/mysql/greeting.ts';
import { encodePacket, PacketReader, type Packet } from '../../wire/mysql/packets.ts';
import { readError, replyHeader } from '../../wire/mysql/replies.ts';
import type { MysqlAddress } from './address.ts';
import { asTealError, serverError } from './errors.ts';

const maxPacketBytes = 1 << 30;
const utf8mb4 = 45;

/** What a socket brings, a chunk at a time; it takes no more of it than is asked for, and what its buffer holds. */
class Chunks {
  readonly #socket: Socket;
  #wake: () => void = () => undefined;
  #end: TealError | undefined;
  readonly #onReadable = (): void => this.#wake();
  readonly #onError = (error: Error): void => this.#ended(error);
  readonly #onEnd = (): void => this.#ended(new TealError('TEAL-SYSTEMS-006', 'the server closed the connection'));

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('readable', this.#onReadable);
    socket.on('error', this.#onError);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onEnd);
  }

  /** Rejects with what ended the connection, once all that came before was taken. */
  async next(): Promise<Buffer> {
    for (;;) {
      const chunk = this.#socket.read() as Buffer | null;
      if (chunk !== null) return chunk;
      if (this.#end !== undefined) throw this.#end;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
  }

  release(): void {
    this.#socket.removeListener('readable', this.#onReadable);
    this.#socket.removeListener('end', this.#onEnd);
  }

  #ended(error: Error): void {
    this.#end ??= asTealError(error, 'connected');
    this.#wake();
  }
}

/** What a server says, a packet at a time, however many come at once. */
export class Packets {
  readonly #chunks: Chunks;
  readonly #reader = new PacketReader();
  /** Of the chunk at hand. */
  #rest: Iterator<Packet, void, void> | undefined;

  constructor(socket: Socket) {
    this.#chunks = new Chunks(socket);
  }

  async next(): Promise<Packet> {
    for (;;) {
      const packet = this.#rest?.next();
      if (packet?.done === false) return packet.value;
      this.#rest = this.#reader.push(await this.#chunks.next());
    }
  }

  /** What is left of the chunk at hand, or all that the next one completes. To be taken before the next call. */
  async arrived(): Promise<Iterator<Packet, void, void>> {
    const rest = this.#rest ?? this.#reader.push(await this.#chunks.next());
    this.#rest = undefined;
    return rest;
  }

  /** For TLS, which reads the socket itself from then on. */
  release(): void {
    this.#chunks.release();
  }
}

/** A session that was let in. */
export interface Entered {
  readonly socket: Socket;
  readonly packets: Packets;
  readonly greeting: Greeting;
  readonly capabilities: Capabilities;
}

/**
 * Connects, begins TLS where the address asks for it, and logs in. Errors: TEAL-SYSTEMS-001 not reachable, -002 the login was refused, -004 encryption,
 * -005 no free connection, -006 lost, or the signal's reason.
 */
export async function enterServer(
  address: MysqlAddress,
  applicationName: string,
  signal: AbortSignal,
): Promise<Entered> {
  const raw =
    address.socketPath === undefined ? connectTcp(address.port, address.host) : connectTcp(address.socketPath);
  const abort = (): void => {
    raw.destroy(asTealError(signal.reason, 'connecting'));
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    await once(raw, 'connect');
    raw.setNoDelay(true);
    raw.setKeepAlive(true, 10_000);
    return await enter(raw, address, applicationName);
  } catch (error) {
    raw.destroy();
    signal.throwIfAborted();
    throw asTealError(error, 'connecting', { host: address.host, port: address.port });
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

async function enter(raw: Socket, address: MysqlAddress, applicationName: string): Promise<Entered> {
  const plain = new Packets(raw);
  const first = await plain.next();
  if (first.payload[0] === replyHeader.error) throw serverError(asServerError(first.payload));
  const greeting = readGreeting(first.payload);
  const login = loginFor(greeting, address, applicationName);
  let sequence = first.lastSequence;
  let [socket, packets] = [raw, plain];
  if (address.tls !== undefined) {
    if ((greeting.capabilities.base & capability.tls) === 0) {
      throw new TealError('TEAL-SYSTEMS-004', 'the server offers no TLS', { host: address.host });
    }
    sequence += 1;
    raw.write(encodePacket(sequence, encodeTlsRequest(login)));
    plain.release();
    socket = await encrypted(raw, address.host, address.tls);
    packets = new Packets(socket);
  }
  sequence += 1;
  socket.write(encodePacket(sequence, encodeLogin(login)));
  const isSafe = address.tls !== undefined || address.socketPath !== undefined;
  await logIn(socket, packets, greeting.nonce, address.password, isSafe);
  return { socket, packets, greeting, capabilities: login.capabilities };
}

function loginFor(greeting: Greeting, address: MysqlAddress, applicationName: string): LoginRequest {
  const wanted =
    capability.protocol41 |
    capability.secureConnection |
    capability.pluginAuth |
    capability.longPassword |
    capability.multiResults |
    capability.transactions |
    capability.connectAttributes |
    (address.tls === undefined ? 0 : capability.tls);
  // MariaDB leaves it out of its greeting.
  const base = ((greeting.capabilities.base | capability.longPassword) & wanted) >>> 0;
  const { user, password } = address;
  return {
    capabilities: { base, mariadb: 0 },
    maxPacketBytes,
    collation: utf8mb4,
    user,
    answer: answerFor(greeting.plugin, greeting.nonce, password),
    database: undefined,
    plugin: greeting.plugin,
    attributes: new Map([['program_name', applicationName]]),
  };
}

async function encrypted(
  raw: Socket,
  host: string,
  { verifyIdentity, ...given }: NonNullable<MysqlAddress['tls']>,
): Promise<Socket> {
  const options: TlsOptions = { ...given, socket: raw, host };
  // A number is no name that could be asked for (RFC 6066); a certificate may be for it all the same.
  if (isIP(host) !== 0) delete options.servername;
  // Whether the certificate is for this name is checked only where that is asked for.
  if (!verifyIdentity) options.checkServerIdentity = () => undefined;
  const socket = connectTls(options);
  await once(socket, 'secureConnect');
  return socket;
}

/** A method that Teal does not know is only told when the server asks for it: a first guess that is wrong is changed. */
function answerFor(plugin: string, nonce: Buffer, password: string): Buffer {
  const method = asAuthMethod(plugin);
  return password === '' || method === undefined
    ? Buffer.alloc(0)
    : answerNonce(method, stageOne(method, password), nonce);
}

async function logIn(
  socket: Socket,
  packets: Packets,
  greeted: Buffer,
  password: string,
  isSafe: boolean,
): Promise<void> {
  let nonce = greeted;
  for (;;) {
    const { payload, lastSequence } = await packets.next();
    const reply = (answer: Buffer): void => void socket.write(encodePacket(lastSequence + 1, answer));
    if (payload[0] === replyHeader.ok) return;
    if (payload[0] === replyHeader.error) throw serverError(asServerError(payload));
    const request = readAuthRequest(payload);
    if (request?.kind === 'switch') {
      const { plugin } = request;
      if (asAuthMethod(plugin) === undefined) {
        throw new TealError('TEAL-SYSTEMS-002', `the account logs in by ${plugin}, which Teal does not know`, {});
      }
      nonce = Buffer.from(request.nonce);
      reply(answerFor(plugin, nonce, password));
    } else if (request?.data[0] === cachingSha2.fullAuthentication) {
      reply(isSafe ? clearPassword(password) : Buffer.of(cachingSha2.publicKeyRequest));
    } else if (request !== undefined && request.data.length > 1) {
      reply(encryptPassword(password, nonce, request.data.toString('latin1')));
    } else if (request?.data[0] !== cachingSha2.fastSuccess) {
      throw new TealError('TEAL-WIRE-001', 'a server says something unknown while a client logs in');
    }
  }
}

export function asServerError(payload: Buffer): { number: number; sqlState: string; message: string } {
  const { code, sqlState, message } = readError(payload);
  return { number: code, sqlState, message };
}
