import { once } from 'node:events';
import { connect, isIP, type Socket } from 'node:net';
import { randomBytes } from 'node:crypto';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { isTealError, TealError } from '../../kernel/errors.ts';
import {
  backend,
  readAuthentication,
  readKeyData,
  readParameterStatus,
  type BackendKey,
} from '../../wire/postgres/backend.ts';
import { encodePassword, encodeSaslInitial, encodeSaslResponse } from '../../wire/postgres/frontend.ts';
import { md5Answer, md5Verifier, type Md5Verifier } from '../../wire/postgres/md5.ts';
import { clientFinal, clientFirst, deriveKeys, readServerFirst, type ScramKeys } from '../../wire/postgres/scram.ts';
import { encodeStartup, encodeCancel, encodeTlsRequest } from '../../wire/postgres/startup.ts';
import { BackendLink } from './backend-link.ts';
import { readExactly, readFrame } from './socket-reader.ts';
import type { BackendTarget } from './target.ts';

/** What a login is proven with. Secret. */
export type Credential =
  | { readonly kind: 'none' }
  | { readonly kind: 'password'; readonly password: string }
  | { readonly kind: 'scram'; readonly keys: ScramKeys }
  | { readonly kind: 'md5'; readonly verifier: Md5Verifier };

export interface BackendLogin {
  readonly user: string;
  readonly credential: Credential;
  /** Start-up parameters beside user and database. */
  readonly parameters: ReadonlyMap<string, string>;
}

export type ConnectResult =
  | { readonly link: BackendLink }
  /** The server's own ErrorResponse, as it would have told the client. */
  | { readonly refused: Buffer };

const messageLimitBytes = 1 << 20;

/** Connects and logs in. Errors: TEAL-TRAFFIC-002 unreachable or too slow, -003 the server's method cannot be answered, wire errors. */
export async function connectBackend(
  target: BackendTarget,
  login: BackendLogin,
  timeoutMs: number,
  stop: AbortSignal,
): Promise<ConnectResult> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(timeoutMs)]);
  let socket: Socket | undefined;
  try {
    socket = await openSocket(target, signal);
    const result = await logIn(socket, target, login, signal);
    if ('refused' in result) socket.destroy();
    return result;
  } catch (error) {
    socket?.destroy();
    stop.throwIfAborted();
    if (isTealError(error) && !isTealError(error, 'TEAL-TRAFFIC-008')) throw error;
    throw new TealError('TEAL-TRAFFIC-002', `no connection to ${target.side}`, placeOf(target), error);
  }
}

/** Asks the server of a backend to cancel what that backend does. The server answers nothing but the end of the connection. */
export async function sendCancel(target: BackendTarget, key: BackendKey, timeoutMs: number): Promise<void> {
  const signal = AbortSignal.timeout(timeoutMs);
  const socket = await openSocket(target, signal);
  socket.end(encodeCancel(key.pid, key.secret));
  socket.resume();
  if (!socket.closed) await once(socket, 'close', { signal });
}

async function openSocket(target: BackendTarget, signal: AbortSignal): Promise<Socket> {
  const { host, port } = target;
  const socket = host.startsWith('/') ? connect({ path: `${host}/.s.PGSQL.${port}` }) : connect({ host, port });
  try {
    await once(socket, 'connect', { signal });
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 30_000);
    if (target.tls === 'disable' || host.startsWith('/')) return socket;
    socket.write(encodeTlsRequest());
    const answer = await readExactly(socket, 1, signal);
    if (answer[0] === 0x53) return await startTls(socket, target, signal);
    if (target.tls === 'prefer') return socket;
    throw new TealError('TEAL-TRAFFIC-002', 'the server has no TLS, and sslmode demands it', placeOf(target));
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function startTls(plain: Socket, target: BackendTarget, signal: AbortSignal): Promise<Socket> {
  const verifies = target.tls === 'verify-ca' || target.tls === 'verify-full';
  const options: ConnectionOptions = {
    socket: plain,
    ALPNProtocols: ['postgresql'],
    rejectUnauthorized: verifies,
    ...(isIP(target.host) === 0 ? { servername: target.host } : {}),
    ...(target.certificateAuthority === undefined ? {} : { ca: target.certificateAuthority }),
    ...(target.tls === 'verify-full' ? { host: target.host } : { checkServerIdentity: () => undefined }),
  };
  const socket = connectTls(options);
  await once(socket, 'secureConnect', { signal });
  return socket;
}

async function logIn(
  socket: Socket,
  target: BackendTarget,
  login: BackendLogin,
  signal: AbortSignal,
): Promise<ConnectResult> {
  const { user, credential } = login;
  socket.write(encodeStartup([['user', user], ['database', target.database], ...login.parameters]));
  const parameters = new Map<string, string>();
  const proof = new Proof(user, credential);
  let key: BackendKey = { pid: 0, secret: Buffer.alloc(4) };
  for (;;) {
    const bytes = await readFrame(socket, messageLimitBytes, signal);
    switch (bytes[0]) {
      case backend.authentication: {
        const answer = proof.answer(bytes);
        if (answer !== undefined) socket.write(answer);
        break;
      }
      case backend.parameterStatus:
        parameters.set(...readParameterStatus(bytes));
        break;
      case backend.keyData:
        key = readKeyData(bytes);
        break;
      case backend.readyForQuery:
        return { link: new BackendLink(target.side, socket, key, parameters) };
      case backend.error:
        return { refused: bytes };
      default:
    }
  }
}

/** Answers the server's challenges. What cannot be proven is refused here, with TEAL-TRAFFIC-003, not guessed. */
class Proof {
  readonly #user: string;
  readonly #credential: Credential;
  readonly #scram = clientFirst(randomBytes(18).toString('base64'));
  #expectedServerFinal: string | undefined;
  /** SASL has begun, and the server has not shown yet that it knows the verifier. */
  #unproven = false;

  constructor(user: string, credential: Credential) {
    this.#user = user;
    this.#credential = credential;
  }

  answer(bytes: Buffer): Buffer | undefined {
    const request = readAuthentication(bytes);
    const credential = this.#credential;
    switch (request.kind) {
      case 'ok':
        // As libpq: whoever leaves the last message out may not know the password at all.
        if (this.#unproven) throw refuse('it ends the exchange before its own proof');
        return undefined;
      case 'cleartext':
        if (credential.kind !== 'password') throw refuse('it wants the password itself');
        return encodePassword(credential.password);
      case 'md5': {
        const verifier = this.#md5();
        if (verifier === undefined) throw refuse('it wants an md5 password');
        return encodePassword(md5Answer(verifier, request.challenge));
      }
      case 'sasl':
        if (!request.mechanisms.includes('SCRAM-SHA-256')) throw refuse('it offers no SCRAM-SHA-256');
        if (credential.kind !== 'scram' && credential.kind !== 'password') throw refuse('it wants SCRAM-SHA-256');
        this.#unproven = true;
        return encodeSaslInitial('SCRAM-SHA-256', this.#scram.message);
      case 'saslContinue': {
        const { message, expectedServerFinal } = clientFinal(request.message, this.#scram, this.#keys(request.message));
        this.#expectedServerFinal = expectedServerFinal;
        return encodeSaslResponse(message);
      }
      case 'saslFinal':
        if (request.message !== this.#expectedServerFinal) throw refuse('it does not know the password itself');
        this.#unproven = false;
        return undefined;
      case 'unsupported':
        throw refuse(`its method ${request.method} is not known here`);
      default:
        return request satisfies never;
    }
  }

  #keys(serverFirst: string): ScramKeys {
    const credential = this.#credential;
    if (credential.kind === 'scram') return credential.keys;
    if (credential.kind !== 'password') throw refuse('it wants SCRAM-SHA-256');
    const { salt, iterations } = readServerFirst(serverFirst, this.#scram);
    return deriveKeys(credential.password, salt, iterations);
  }

  #md5(): Md5Verifier | undefined {
    const credential = this.#credential;
    if (credential.kind === 'md5') return credential.verifier;
    return credential.kind === 'password' ? md5Verifier(this.#user, credential.password) : undefined;
  }
}

function refuse(why: string): TealError {
  return new TealError('TEAL-TRAFFIC-003', `the server asks for a proof that the proxy does not have: ${why}`);
}

function placeOf(target: BackendTarget): { side: string; host: string; port: number } {
  return { side: target.side, host: target.host, port: target.port };
}
