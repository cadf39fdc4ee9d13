import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { describeError, isTealError } from '../../kernel/errors.ts';
import {
  encodeAuthenticationOk,
  encodeError,
  encodeKeyData,
  encodeNegotiateVersion,
  encodeParameterStatus,
  encodeReadyForQuery,
  readError,
  status,
} from '../../wire/postgres/backend.ts';
import { protocol30 } from '../../wire/postgres/startup.ts';
import { askForProof, askInVain } from './client-login.ts';
import { freeNumber, placeOf } from './client-numbers.ts';
import type { ProxyConfig } from './config.ts';
import type { BackendLink } from './backend-link.ts';
import type { BackendLogin, Credential } from './connector.ts';
import { firstBackend, FrontDoor, greetingLimitMs, type Arrival } from './front-door.ts';
import { greet, type Greeting } from './greeting.ts';
import type { Hub } from './hub.ts';
import { TooManyFailures, type LoginAttempts } from './login-limits.ts';
import type { Peers } from './peers.ts';
import { Session } from './session.ts';
import type { Verifiers } from './verifiers.ts';

export interface ReceptionOptions {
  readonly hub: Hub;
  readonly verifiers: Verifiers;
  readonly config: ProxyConfig;
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** Names under which clients may ask for the migrated database. */
  readonly databases: ReadonlySet<string>;
  readonly peers?: Peers | undefined;
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

/** An answer that ends a login, with its SQLSTATE. */
class Refusal extends Error {
  readonly bytes: Buffer;

  constructor(code: string, message: string) {
    super(message);
    this.bytes = encodeError({ severity: 'FATAL', code, message });
  }
}

/** Takes connections, has clients prove who they are, gives each its first backend, and hands it to the hub. */
export class Reception {
  readonly #options: ReceptionOptions;
  readonly #door: FrontDoor;

  constructor(options: ReceptionOptions) {
    this.#options = options;
    const { config, tls, log, peers } = options;
    this.#door = new FrontDoor({
      config,
      ...(tls === undefined ? {} : { tls }),
      log,
      full: new Refusal('53300', 'sorry, too many clients already').bytes,
      // Who only wants to cancel a query is always let in.
      isFull: () => false,
      receive: async (socket, arrival) => this.#receive(socket, arrival),
      peers,
    });
  }

  /** Resolves with the port that is listened on. */
  async listen(): Promise<number> {
    return this.#door.listen();
  }

  take(socket: Socket): void {
    this.#door.take(socket);
  }

  countFailure(user: string, address: string): void {
    this.#door.limits.count(user, address);
  }

  /** Takes no more connections. Sessions are the hub's. */
  stop(): void {
    this.#door.stop();
  }

  async #receive(plain: Socket, { greets, stays }: Arrival): Promise<void> {
    let socket = plain;
    try {
      const met = await greet(plain, this.#door.tls, greets);
      socket = met.socket;
      if (socket !== plain) socket.on('error', () => {});
      if (met.greeting.kind === 'cancel') {
        await this.#cancel(met.greeting.pid, met.greeting.secret);
        socket.end();
        return;
      }
      await this.#logIn(socket, met.greeting, greets, stays);
    } catch (error) {
      this.#refuse(socket, error);
    }
  }

  async #cancel(pid: number, secret: Buffer): Promise<void> {
    const { hub, peers } = this.#options;
    await (peers === undefined || placeOf(pid) === peers.place ? hub : peers).cancel(pid, secret);
  }

  #refuse(socket: Socket, error: unknown): void {
    if (error instanceof Refusal) {
      socket.end(error.bytes);
      return;
    }
    if (error instanceof TooManyFailures) {
      socket.end(new Refusal('28000', 'too many failed logins from this address; try again in a moment').bytes);
      return;
    }
    if (socket.destroyed) return;
    this.#options.log('a login failed', { because: describeError(error) });
    if (isTealError(error, 'TEAL-WIRE-001') || isTealError(error, 'TEAL-WIRE-002')) {
      socket.end(encodeError({ severity: 'FATAL', code: '08P01', message: 'protocol violation' }));
    } else if (isTealError(error)) {
      const message = 'the database behind the proxy cannot be reached, or refuses the proxy';
      socket.end(encodeError({ severity: 'FATAL', code: '08006', message }));
    } else {
      socket.destroy();
    }
  }

  async #logIn(
    socket: Socket,
    greeting: Extract<Greeting, { kind: 'startup' }>,
    greetingSignal: AbortSignal,
    signal: AbortSignal,
  ): Promise<void> {
    const { hub } = this.#options;
    const { user, parameters } = this.#checkGreeting(socket, greeting);
    const attempts = this.#door.limits.attempts(user, socket.remoteAddress ?? '');
    const proof = await this.#prove(socket, user, attempts, greetingSignal);
    const login: BackendLogin = { user, credential: proof?.credential ?? { kind: 'none' }, parameters };
    const result = await this.#connect(socket, login, proof === undefined ? attempts : undefined, signal);
    const key = { pid: this.#freePid(), secret: randomBytes(4) };
    const words = [...result.parameters].map(([name, value]) => encodeParameterStatus(name, value));
    const last = proof?.last === undefined ? [] : [proof.last];
    const ready = encodeReadyForQuery(status.idle);
    socket.write(Buffer.concat([...last, encodeAuthenticationOk(), ...words, encodeKeyData(key), ready]));
    const name = `${user}@${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`;
    hub.add(new Session(hub, socket, login, result, key, name));
  }

  #checkGreeting(
    socket: Socket,
    greeting: Extract<Greeting, { kind: 'startup' }>,
  ): { readonly user: string; readonly parameters: ReadonlyMap<string, string> } {
    const { hub, config, databases } = this.#options;
    const { major, minor, parameters } = greeting;
    if (major !== 3) throw new Refusal('0A000', `unsupported frontend protocol ${major}.${minor}: server supports 3.0`);
    const user = parameters.get('user') ?? '';
    if (user === '') throw new Refusal('28000', 'no PostgreSQL user name specified in startup packet');
    if (!['', 'false', 'off', 'no', '0'].includes(parameters.get('replication') ?? '')) {
      throw new Refusal('0A000', 'replication connections do not pass the proxy: connect to the database itself');
    }
    const database = parameters.get('database') ?? user;
    if (!databases.has(database)) {
      throw new Refusal('3D000', `database "${database}" is not behind this proxy, only ${[...databases].join(', ')}`);
    }
    if (hub.clients >= config.maxClients) throw new Refusal('53300', 'sorry, too many clients already');
    const options = [...parameters.keys()].filter((name) => name.startsWith('_pq_.'));
    if (minor > 0 || options.length > 0) socket.write(encodeNegotiateVersion(protocol30, options));
    const own = new Set(['user', 'database', 'replication', ...options]);
    return { user, parameters: new Map([...parameters].filter(([name]) => !own.has(name))) };
  }

  /** Undefined when there is nothing to prove it by: the server decides then. */
  async #prove(
    socket: Socket,
    user: string,
    attempts: LoginAttempts,
    signal: AbortSignal,
  ): Promise<{ readonly credential: Credential; readonly last: Buffer | undefined } | undefined> {
    const { config, verifiers } = this.#options;
    if (config.clientAuth === 'trust') return undefined;
    // Before either side is asked anything.
    attempts.check();
    const verifier = await verifiers.of(user);
    if (verifier === undefined) return undefined;
    const proof = await askForProof(socket, verifier, attempts, signal);
    if (proof !== undefined) return proof;
    verifiers.forget(user);
    throw wrongPassword(user);
  }

  /** `unproven`: nothing was proven, so that the server decides. */
  async #connect(
    socket: Socket,
    login: BackendLogin,
    unproven: LoginAttempts | undefined,
    signal: AbortSignal,
  ): Promise<BackendLink> {
    const { verifiers, config } = this.#options;
    const { hub } = this.#options;
    const masked = config.clientAuth === 'verifier' ? unproven : undefined;
    try {
      const result = await firstBackend(hub, login, signal, hub.sideOf(login.parameters));
      if ('link' in result) return result.link;
      if (!readError(result.refused).code.startsWith('28')) hub.served[hub.side].failed('unreachable');
      verifiers.forget(login.user);
      // Of a role that nobody can log in as, a stranger must not learn whether it exists.
      if (masked !== undefined && readError(result.refused).code.startsWith('28')) {
        throw await this.#inVain(socket, login.user, masked);
      }
      socket.end(result.refused);
    } catch (error) {
      if (isTealError(error, 'TEAL-TRAFFIC-002')) hub.served[hub.side].failed('unreachable');
      if (masked === undefined || !isTealError(error, 'TEAL-TRAFFIC-003')) throw error;
      throw await this.#inVain(socket, login.user, masked);
    }
    throw new Error('the server refused the login');
  }

  async #inVain(socket: Socket, user: string, attempts: LoginAttempts): Promise<Refusal> {
    await askInVain(
      socket,
      user,
      attempts,
      AbortSignal.any([this.#door.stopped, AbortSignal.timeout(greetingLimitMs)]),
    );
    return wrongPassword(user);
  }

  #freePid(): number {
    const { hub, peers } = this.#options;
    return freeNumber(1, 2 ** 31 - 1, peers?.place, (pid) => hub.has(pid));
  }
}

function wrongPassword(user: string): Refusal {
  return new Refusal('28P01', `password authentication failed for user "${user}"`);
}
