import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import { monotonicMs } from '../../kernel/clock.ts';
import { isTealError, TealError } from '../../kernel/errors.ts';
import type { Side } from '../../model/catalog.ts';
import type { ProxyConfig } from './config.ts';
import { LoginLimits } from './login-limits.ts';
import type { Peers } from './peers.ts';

export interface FrontDoorOptions {
  readonly config: ProxyConfig;
  readonly tls?: { readonly certificate: string; readonly key: string };
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void;
  /** The answer to one too many, in the words of the protocol. */
  readonly full: Buffer;
  /** Whether there are so many clients that nobody is even asked what it wants. */
  readonly isFull: () => boolean;
  /** Has one client log in. Never throws. */
  readonly receive: (socket: Socket, arrival: Arrival) => Promise<void>;
  /** Where other processes let clients in too. */
  readonly peers?: Peers | undefined;
}

/** How long somebody who has connected is listened to. */
export interface Arrival {
  /** Aborted when the client has gone or the proxy stops. */
  readonly stays: AbortSignal;
  /** Also when it has taken a minute to say who it is. */
  readonly greets: AbortSignal;
}

/** As PostgreSQL's authentication_timeout. Waiting in a hold does not count. */
export const greetingLimitMs = 60_000;
/** So many may be about to log in, or as many as may be clients. */
const arrivingFloor = 64;
/** As clients' sockets are, whoever accepts them. */
export const clientSocket = Object.freeze({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 });

/** Takes connections, bounds how many are about to log in, and ends them when the proxy stops; whatever their protocol. */
export class FrontDoor {
  readonly tls: SecureContext | undefined;
  readonly limits: LoginLimits;
  readonly #options: FrontDoorOptions;
  readonly #server: Server;
  readonly #stopped = new AbortController();
  readonly #arriving = new Set<Socket>();

  constructor(options: FrontDoorOptions) {
    this.#options = options;
    const { tls, peers } = options;
    this.limits = new LoginLimits(
      (user, address) => {
        options.log('logins are refused for a while: too many wrong passwords', { user: user.slice(0, 80), address });
      },
      monotonicMs,
      (user, address) => peers?.tellFailure(user, address),
    );
    this.tls =
      tls === undefined
        ? undefined
        : createSecureContext({ cert: tls.certificate, key: tls.key, minVersion: 'TLSv1.2' });
    this.#server = createServer(clientSocket, (socket) => this.take(socket));
  }

  get stopped(): AbortSignal {
    return this.#stopped.signal;
  }

  /** Resolves with the port that is listened on. Errors: TEAL-TRAFFIC-011. */
  async listen(): Promise<number> {
    return listenAt(this.#server, this.#options.config.listen, this.#options.log);
  }

  /** A client that has connected, here or to the process that hands it over. */
  take(socket: Socket): void {
    if (this.stopped.aborted) socket.destroy();
    else void this.#receive(socket);
  }

  /** Takes no more connections. Sessions are the hub's. */
  stop(): void {
    this.#stopped.abort(new Error('the proxy stops'));
    if (this.#server.listening) this.#server.close();
    for (const socket of this.#arriving) socket.destroy();
  }

  async #receive(socket: Socket): Promise<void> {
    const { config, full, isFull, receive } = this.#options;
    // Without a listener an error of a socket would end the process; whoever reads or writes meets it anyway.
    socket.on('error', () => socket.destroy());
    // Who has not proven anything yet takes memory too.
    if (this.#arriving.size >= Math.max(arrivingFloor, config.maxClients) || isFull()) {
      socket.end(full);
      socket.resume();
      return;
    }
    this.#arriving.add(socket);
    const gone = new AbortController();
    socket.once('close', () => gone.abort(new Error('the client is gone')));
    const stays = AbortSignal.any([gone.signal, this.stopped]);
    try {
      await receive(socket, { stays, greets: AbortSignal.any([stays, AbortSignal.timeout(greetingLimitMs)]) });
    } finally {
      this.#arriving.delete(socket);
    }
  }
}

/** How many connections a process takes that may have so many clients: who is about to log in takes one too. */
export function connectionsAtMost(maxClients: number): number {
  return maxClients + Math.max(arrivingFloor, maxClients);
}

/** Resolves with the port. Errors: TEAL-TRAFFIC-011. */
export async function listenAt(
  server: Server,
  { host, port }: ProxyConfig['listen'],
  log: FrontDoorOptions['log'],
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', (error) => {
    const code = String(Reflect.get(error, 'code'));
    reject(new TealError('TEAL-TRAFFIC-011', `${host}:${port} cannot be listened at (${code})`, { host, port, code }));
  });
  server.listen({ host, port, backlog: 1_024 }, resolve);
  await promise;
  server.removeAllListeners('error');
  server.on('error', (error) => log('the listener failed', { because: error.message }));
  return (server.address() as AddressInfo).port;
}

/** Those who direct the traffic, as far as a first backend is concerned. */
interface Connecting<Login, Result> {
  readonly side: Side;
  readonly holding: boolean;
  connect(side: Side, login: Login, signal: AbortSignal): Promise<Result>;
  admitted(signal: AbortSignal): Promise<void>;
}

/**
 * The first backend of a client. Also during a hold, on the side that is being left: a program with one thread may be in a transaction on one connection while it opens another,
 * and would never end the transaction if the other had to wait. What the new session asks is held as everybody's is.
 */
export async function firstBackend<Login, Result>(
  hub: Connecting<Login, Result>,
  login: Login,
  signal: AbortSignal,
  side = hub.side,
): Promise<Result> {
  try {
    return await hub.connect(side, login, signal);
  } catch (error) {
    if (!hub.holding || !isTealError(error, 'TEAL-TRAFFIC-002')) throw error;
    await hub.admitted(signal);
    return hub.connect(hub.side, login, signal);
  }
}
