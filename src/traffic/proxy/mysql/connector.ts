import { once } from 'node:events';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { isTealError, TealError } from '../../../kernel/errors.ts';
import {
  answerNonce,
  asAuthMethod,
  cachingSha2,
  clearPassword,
  encryptPassword,
  readAuthRequest,
  stageOne,
  type AuthMethod,
} from '../../../wire/mysql/auth.ts';
import { capability, type Capabilities } from '../../../wire/mysql/flags.ts';
import { encodeLogin, encodeTlsRequest, flavourOf, readGreeting, type Greeting } from '../../../wire/mysql/greeting.ts';
import { readError, readOk, replyHeader } from '../../../wire/mysql/replies.ts';
import { MysqlLink } from './link.ts';
import { SocketChannel } from './packet-channel.ts';
import type { MysqlTarget } from './target.ts';

/** What a login is proven with. Secret. */
export type MysqlCredential =
  | { readonly kind: 'none' }
  | { readonly kind: 'password'; readonly password: string }
  /** H(password), which answers any nonce of one method. */
  | { readonly kind: 'stageOne'; readonly method: AuthMethod; readonly first: Buffer };

export interface MysqlLogin {
  readonly user: string;
  readonly credential: MysqlCredential;
  readonly database: string | undefined;
  /** Of `capability`, as the client agreed on. */
  readonly capabilities: number;
  readonly collation: number;
  readonly maxPacketBytes: number;
  readonly attributes: ReadonlyMap<string, string>;
}

export type MysqlConnectResult =
  | { readonly link: MysqlLink }
  /** The server's own ERR, as it would have told the client. */
  | { readonly refused: Buffer };

/** Said on the way to every backend, whatever the client speaks. */
const always =
  capability.longPassword |
  capability.protocol41 |
  capability.secureConnection |
  capability.transactions |
  capability.multiResults |
  capability.preparedMultiResults |
  capability.pluginAuth |
  capability.pluginAuthLengthEncoded |
  capability.connectAttributes |
  capability.sessionTrack |
  capability.deprecateEof;

/** So that the server tells when a session has changed, and where its transaction stands. */
export const trackingSql = `set @@session.session_track_state_change = 1, @@session.session_track_transaction_info = 'CHARACTERISTICS', @@session.session_track_schema = 1`;

/** Connects, logs in, and has the server track the session. Errors: TEAL-TRAFFIC-002 unreachable or too slow, -003 the server's method cannot be answered, wire errors. */
export async function connectMysql(
  target: MysqlTarget,
  login: MysqlLogin,
  timeoutMs: number,
  stop: AbortSignal,
): Promise<MysqlConnectResult> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(timeoutMs)]);
  let socket: Socket | undefined;
  try {
    socket = await openSocket(target, signal);
    const result = await new Login(target, login, signal).run(socket);
    if ('refused' in result) socket.destroy();
    return result;
  } catch (error) {
    socket?.destroy();
    stop.throwIfAborted();
    if (isTealError(error) && !isTealError(error, 'TEAL-TRAFFIC-008')) throw error;
    throw new TealError('TEAL-TRAFFIC-002', `no connection to ${target.side}`, placeOf(target), error);
  }
}

async function openSocket({ host, port, socketPath }: MysqlTarget, signal: AbortSignal): Promise<Socket> {
  const socket = socketPath === undefined ? connect({ host, port }) : connect({ path: socketPath });
  try {
    await once(socket, 'connect', { signal });
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 30_000);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

class Login {
  readonly #target: MysqlTarget;
  readonly #login: MysqlLogin;
  readonly #signal: AbortSignal;

  constructor(target: MysqlTarget, login: MysqlLogin, signal: AbortSignal) {
    this.#target = target;
    this.#login = login;
    this.#signal = signal;
  }

  async run(plain: Socket): Promise<MysqlConnectResult> {
    const channel = new SocketChannel(plain, this.#signal);
    const first = await channel.read();
    // Too many connections, or a host that is not allowed.
    if (first[0] === replyHeader.error) return { refused: first };
    const greeting = readGreeting(first);
    const capabilities = this.#agree(greeting);
    const proof = new Proof(this.#login, greeting);
    const request = {
      ...this.#login,
      capabilities,
      answer: proof.answer,
      plugin: proof.plugin,
    };
    let socket = plain;
    if (this.#target.tls !== 'disabled') {
      channel.write(encodeTlsRequest(request));
      socket = await startTls(plain, this.#target, this.#signal);
      channel.encrypted(socket);
    }
    channel.write(encodeLogin(request));
    for (;;) {
      const payload = await channel.read();
      if (payload[0] === replyHeader.error) return { refused: payload };
      if (payload[0] === replyHeader.ok) {
        const { status } = readOk(payload, capabilities);
        return { link: await this.#track(socket, greeting, capabilities, status) };
      }
      const answer = proof.take(payload, socket !== plain || this.#target.socketPath !== undefined);
      if (answer !== undefined) channel.write(answer);
    }
  }

  #agree(greeting: Greeting): Capabilities {
    const database = this.#login.database === undefined ? 0 : capability.connectWithDatabase;
    const wanted = (this.#login.capabilities & ~capability.connectWithDatabase) | always | database;
    const withTls = this.#target.tls === 'disabled' ? wanted & ~capability.tls : wanted | capability.tls;
    const offered = greeting.capabilities.base | capability.longPassword;
    const missing = withTls & ~offered & ~capability.interactive;
    if ((missing & capability.tls) !== 0) {
      throw new TealError('TEAL-TRAFFIC-002', 'the server has no TLS, and ssl-mode demands it', placeOf(this.#target));
    }
    if (missing !== 0) {
      throw new TealError('TEAL-TRAFFIC-003', 'the server does not speak what the client does', {
        missing: missing >>> 0,
      });
    }
    return { base: withTls >>> 0, mariadb: 0 };
  }

  async #track(socket: Socket, greeting: Greeting, capabilities: Capabilities, status: number): Promise<MysqlLink> {
    const { version, connectionId, collation } = greeting;
    const greeted = { version, connectionId, collation, flavour: flavourOf(greeting) };
    const link = new MysqlLink(this.#target.side, socket, greeted, capabilities, status);
    const late = (): void => link.destroy();
    this.#signal.addEventListener('abort', late, { once: true });
    try {
      const { error } = await link.query(trackingSql);
      if (error === undefined) return link;
      throw new TealError('TEAL-TRAFFIC-003', 'the server does not track sessions', { number: error.code });
    } finally {
      this.#signal.removeEventListener('abort', late);
    }
  }
}

async function startTls(plain: Socket, target: MysqlTarget, signal: AbortSignal): Promise<Socket> {
  const options: ConnectionOptions = {
    socket: plain,
    rejectUnauthorized: target.tls !== 'required',
    ...(isIP(target.host) === 0 ? { servername: target.host } : {}),
    ...(target.certificateAuthority === undefined ? {} : { ca: target.certificateAuthority }),
    ...(target.certificate === undefined ? {} : { cert: target.certificate, key: target.certificateKey }),
    ...(target.tls === 'verify-identity' ? { host: target.host } : { checkServerIdentity: () => undefined }),
  };
  const socket = connectTls(options);
  await once(socket, 'secureConnect', { signal });
  return socket;
}

/** Answers the server's challenges. What cannot be proven is refused here, with TEAL-TRAFFIC-003, not guessed. */
class Proof {
  readonly #credential: MysqlCredential;
  #method: AuthMethod;
  #nonce: Buffer;

  constructor({ credential }: MysqlLogin, greeting: Greeting) {
    this.#credential = credential;
    this.#nonce = greeting.nonce;
    // A server whose first method is another one is asked to switch.
    this.#method =
      credential.kind === 'stageOne' ? credential.method : (asAuthMethod(greeting.plugin) ?? 'mysql_native_password');
  }

  get plugin(): string {
    return this.#method;
  }

  get answer(): Buffer {
    const credential = this.#credential;
    switch (credential.kind) {
      case 'none':
        return Buffer.alloc(0);
      case 'password':
        return answerNonce(this.#method, stageOne(this.#method, credential.password), this.#nonce);
      case 'stageOne':
        if (credential.method !== this.#method) throw refuse(`it wants ${this.#method}`);
        return answerNonce(this.#method, credential.first, this.#nonce);
      default:
        return credential satisfies never;
    }
  }

  take(payload: Buffer, isPrivate: boolean): Buffer | undefined {
    const request = readAuthRequest(payload);
    if (request === undefined) throw refuse('it says something else');
    if (request.kind === 'switch') {
      const method = asAuthMethod(request.plugin);
      if (method === undefined) throw refuse(`its method ${request.plugin} is not known here`);
      this.#method = method;
      this.#nonce = Buffer.from(request.nonce);
      return this.answer;
    }
    const { data } = request;
    if (data[0] === cachingSha2.fastSuccess) return undefined;
    const credential = this.#credential;
    if (credential.kind === 'none') return clearPassword('');
    if (credential.kind !== 'password') throw refuse('it wants the password itself');
    if (data.length === 1 && data[0] === cachingSha2.fullAuthentication) {
      return isPrivate ? clearPassword(credential.password) : Buffer.of(cachingSha2.publicKeyRequest);
    }
    return encryptPassword(credential.password, this.#nonce, data.toString('latin1'));
  }
}

export function accessDeniedIn(refused: Buffer): boolean {
  const { code } = readError(refused);
  return code === 1045 || code === 1698;
}

function refuse(why: string): TealError {
  return new TealError('TEAL-TRAFFIC-003', `the server asks for a proof that the proxy does not have: ${why}`);
}

function placeOf(target: MysqlTarget): { side: string; host: string; port: number } {
  return { side: target.side, host: target.host, port: target.port };
}
