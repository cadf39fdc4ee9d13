import { once } from 'node:events';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { describeError, isTealError } from '../../../kernel/errors.ts';
import { malformed } from '../../../wire/mysql/body.ts';
import { readCommand } from '../../../wire/mysql/commands.ts';
import { capability, serverStatus, type Capabilities } from '../../../wire/mysql/flags.ts';
import { encodeGreeting, readFirstWord, type LoginRequest } from '../../../wire/mysql/greeting.ts';
import { encodePacket } from '../../../wire/mysql/packets.ts';
import { encodeOk } from '../../../wire/mysql/replies.ts';
import type { ProxyConfig } from '../config.ts';
import { freeNumber } from '../client-numbers.ts';
import { firstBackend, FrontDoor, type Arrival } from '../front-door.ts';
import { TooManyFailures, type LoginAttempts } from '../login-limits.ts';
import type { Peers } from '../peers.ts';
import type { Verifiers } from '../verifiers.ts';
import { askForProof, makeNonce, type ClientProof, type PasswordKey } from './client-login.ts';
import { accessDeniedIn, type MysqlConnectResult, type MysqlCredential, type MysqlLogin } from './connector.ts';
import type { Account } from './desk.ts';
import { firstClientNumber, type MysqlHub } from './hub.ts';
import { accessDenied, notUnderstood, tooManyClients, tooManyFailures, unreachableBehind } from './last-words.ts';
import type { Greeted, MysqlLink } from './link.ts';
import { SocketChannel, type PacketChannel } from './packet-channel.ts';
import { countConnect } from './served.ts';
import { MysqlSession } from './session.ts';
import { Refusal, type ChangedUser, type UserDesk } from './traffic.ts';

export interface MysqlReceptionOptions {
  readonly hub: MysqlHub;
  readonly accounts: Verifiers<readonly Account[]>;
  readonly config: ProxyConfig;
  readonly key: PasswordKey;
  readonly peers?: Peers | undefined;
  readonly tls?: { readonly certificate: string; readonly key: string };
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

/**
 * What every server of both families speaks, so that it can be kept across a cut between any two. Left out: compression, LOCAL INFILE (a server must not be able to ask a client for files
 * through the proxy), query attributes and optional metadata (MySQL alone), bulk execution and cached metadata (MariaDB alone).
 */
const offered =
  capability.longPassword |
  capability.foundRows |
  capability.longFlag |
  capability.connectWithDatabase |
  (1 << 6) |
  (1 << 8) |
  capability.protocol41 |
  capability.interactive |
  (1 << 12) |
  capability.transactions |
  capability.secureConnection |
  capability.multiStatements |
  capability.multiResults |
  capability.preparedMultiResults |
  capability.pluginAuth |
  capability.connectAttributes |
  capability.pluginAuthLengthEncoded |
  capability.sessionTrack |
  capability.deprecateEof;
/** Said to the client alone, or by the proxy itself to each backend. */
const notPassedOn =
  capability.tls | capability.connectWithDatabase | capability.pluginAuth | capability.connectAttributes;

/** Takes connections, has clients prove who they are, gives each its first backend, and hands it to the hub. */
export class MysqlReception implements UserDesk {
  readonly #options: MysqlReceptionOptions;
  readonly #door: FrontDoor;

  constructor(options: MysqlReceptionOptions) {
    this.#options = options;
    const { config, hub, tls, log, peers } = options;
    this.#door = new FrontDoor({
      config,
      ...(tls === undefined ? {} : { tls }),
      log,
      full: encodePacket(0, tooManyClients),
      isFull: () => hub.clients >= config.maxClients,
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
    const channel = new SocketChannel(plain, greets);
    try {
      await this.#logIn(plain, channel, stays);
    } catch (error) {
      this.#refuse(plain, channel, error);
    }
  }

  #refuse(plain: Socket, channel: SocketChannel, error: unknown): void {
    if (plain.destroyed) return;
    const isKnown = error instanceof Refusal || error instanceof TooManyFailures;
    if (!isKnown) this.#options.log('a login failed', { because: describeError(error) });
    const answer = answerTo(error, plain.remoteAddress ?? '');
    if (answer === undefined) {
      plain.destroy();
      return;
    }
    channel.end(answer);
  }

  async #logIn(plain: Socket, channel: SocketChannel, signal: AbortSignal): Promise<void> {
    const { hub } = this.#options;
    const id = this.#freeId();
    const greeted = await this.#greeted();
    const nonce = makeNonce();
    channel.write(
      encodeGreeting({
        version: greeted.version,
        connectionId: id,
        nonce,
        capabilities: { base: (offered | (this.#door.tls === undefined ? 0 : capability.tls)) >>> 0, mariadb: 0 },
        collation: greeted.collation,
        status: serverStatus.autocommit,
        plugin: methodOf(greeted),
      }),
    );
    const { socket, request } = await this.#readLogin(plain, channel);
    const address = plain.remoteAddress ?? '';
    const isPrivate = socket !== plain;
    const attempts = this.#door.limits.attempts(request.user, address);
    const proof = { user: request.user, answer: request.answer, plugin: request.plugin, nonce, address, isPrivate };
    const credential = await this.#prove(channel, proof, attempts, greeted);
    const login = loginOf(request, credential);
    const link = await this.#connect(login, address, attempts, signal);
    const capabilities: Capabilities = {
      base: (request.capabilities.base & (offered | capability.tls)) >>> 0,
      mariadb: 0,
    };
    channel.write(
      encodeOk({ affectedRows: 0n, lastInsertId: 0n, status: link.status, warnings: 0, info: '' }, capabilities),
    );
    const name = `${request.user}@${address}:${plain.remotePort ?? 0}`;
    hub.add(
      new MysqlSession({
        traffic: hub,
        users: this,
        client: socket,
        login,
        capabilities,
        link,
        id,
        name,
        address,
        isPrivate,
      }),
    );
  }

  async #readLogin(
    plain: Socket,
    channel: SocketChannel,
  ): Promise<{ readonly socket: Socket; readonly request: LoginRequest }> {
    const first = readFirstWord(await channel.read());
    if (first.kind === 'login') return { socket: plain, request: first.request };
    if (this.#door.tls === undefined) throw malformed('a login', 'it asks for TLS, which was not offered');
    // A client begins TLS without waiting: what has come behind its request is read as TLS, never as plain.
    const socket = new TLSSocket(plain, { isServer: true, secureContext: this.#door.tls });
    socket.on('error', () => socket.destroy());
    await once(socket, 'secure', { signal: channel.signal });
    channel.encrypted(socket);
    const second = readFirstWord(await channel.read());
    if (second.kind !== 'login') throw malformed('a login', 'it asks for TLS again');
    return { socket, request: second.request };
  }

  /** COM_CHANGE_USER: another login on the same connection, with a backend of its own. */
  async changeUser(
    payload: Buffer,
    channel: PacketChannel,
    session: { readonly login: MysqlLogin; readonly address: string; readonly isPrivate: boolean },
    signal: AbortSignal,
  ): Promise<ChangedUser> {
    const capabilities = {
      base: capability.secureConnection | capability.pluginAuth | capability.connectAttributes,
      mariadb: 0,
    };
    const said = readCommand(payload, capabilities);
    if (said.kind !== 'changeUser') throw malformed('a change of user', 'it is another command');
    const { login: before, address, isPrivate } = session;
    const attempts = this.#door.limits.attempts(said.user, address);
    const proof = { user: said.user, answer: said.answer, plugin: said.plugin, nonce: undefined, address, isPrivate };
    try {
      const credential = await this.#prove(channel, proof, attempts, await this.#greeted());
      const database = said.database === '' ? undefined : said.database;
      const login = {
        ...before,
        user: said.user,
        credential,
        database,
        collation: (said.collation ?? before.collation) & 0xff,
      };
      return { login, link: await this.#connect(login, address, attempts, signal) };
    } catch (error) {
      const answer = answerTo(error, address);
      throw error instanceof Refusal || answer === undefined ? error : new Refusal(answer);
    }
  }

  async #greeted(): Promise<Greeted> {
    const { hub } = this.#options;
    return hub.desks[hub.side].greeted();
  }

  async #prove(
    channel: PacketChannel,
    proof: ClientProof,
    attempts: LoginAttempts,
    greeted: Greeted,
  ): Promise<MysqlCredential> {
    const { config, accounts, key, log } = this.#options;
    if (config.clientAuth === 'trust') return { kind: 'none' };
    // Before either side is asked anything.
    attempts.check();
    const known = (await accounts.of(proof.user)) ?? [];
    const strange = known.find(({ method }) => method === undefined);
    if (strange !== undefined)
      log('an account has a plugin that the proxy does not speak', {
        user: proof.user.slice(0, 80),
        plugin: strange.plugin,
      });
    try {
      return await askForProof(channel, known, proof, attempts, key, methodOf(greeted));
    } catch (error) {
      accounts.forget(proof.user);
      throw error;
    }
  }

  async #connect(login: MysqlLogin, address: string, attempts: LoginAttempts, signal: AbortSignal): Promise<MysqlLink> {
    const result = await this.#connectAs(login, address, signal);
    if ('link' in result) return result.link;
    this.#options.accounts.forget(login.user);
    // A password that the proxy could not check is checked there.
    if (accessDeniedIn(result.refused)) attempts.failed();
    throw new Refusal(result.refused);
  }

  /** For a name that nobody has a server draws a method by lot (MySQL 8: decoy authentication), which may be one that the proxy does not speak: that is a refusal like the others. */
  async #connectAs(login: MysqlLogin, address: string, signal: AbortSignal): Promise<MysqlConnectResult> {
    const { hub } = this.#options;
    try {
      return await countConnect(() => hub.served[hub.side], firstBackend(hub, login, signal));
    } catch (error) {
      const isNobody = isTealError(error, 'TEAL-TRAFFIC-003') && !(await this.#isAccount(login.user));
      if (!isNobody) throw error;
      return { refused: accessDenied(login.user, address, login.credential.kind !== 'none') };
    }
  }

  /** With `trust` nobody asks who has which account. */
  async #isAccount(user: string): Promise<boolean> {
    const { config, accounts } = this.#options;
    return config.clientAuth === 'trust' || ((await accounts.of(user)) ?? []).length > 0;
  }

  #freeId(): number {
    const { hub, peers } = this.#options;
    return freeNumber(firstClientNumber, 2 ** 31 - 1, peers?.place, (id) => hub.has(id));
  }
}

function methodOf({ flavour }: Greeted): 'mysql_native_password' | 'caching_sha2_password' {
  return flavour === 'mysql' ? 'caching_sha2_password' : 'mysql_native_password';
}

function loginOf(request: LoginRequest, credential: MysqlCredential): MysqlLogin {
  const { user, collation, maxPacketBytes, attributes } = request;
  const database = request.database === undefined || request.database === '' ? undefined : request.database;
  const capabilities = request.capabilities.base & offered & ~notPassedOn;
  return { user, credential, database, capabilities, collation, maxPacketBytes, attributes };
}

/** Undefined: it is not a matter of what the client or a server said. */
function answerTo(error: unknown, address: string): Buffer | undefined {
  if (error instanceof Refusal) return error.payload;
  if (error instanceof TooManyFailures) return tooManyFailures(address);
  if (isTealError(error, 'TEAL-WIRE-001') || isTealError(error, 'TEAL-WIRE-002')) return notUnderstood;
  return isTealError(error) ? unreachableBehind : undefined;
}
