import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { answerNonce, asAuthMethod, cachingSha2, encryptPassword, readAuthRequest, stageOne } from '../auth.ts';
import { readColumn, readTextRow, type ColumnDefinition } from '../columns.ts';
import { command, encodeBare, encodeQuery } from '../commands.ts';
import { capability, type Capabilities } from '../flags.ts';
import { encodeLogin, flavourOf, readGreeting, type Greeting } from '../greeting.ts';
import { encodePacket, PacketReader, type Packet } from '../packets.ts';
import { readError, replyHeader } from '../replies.ts';
import { ResponseReader, type ResponsePart } from '../response.ts';

export interface ClientOptions {
  readonly port: number;
  readonly user?: string;
  readonly password?: string;
  /** Of `capability`, beside what it needs. */
  readonly capabilities?: number;
}

export interface Rows {
  readonly columns: readonly ColumnDefinition[];
  readonly rows: readonly (readonly (Buffer | null)[])[];
}

type Payloads = AsyncGenerator<Pick<Packet, 'payload' | 'lastSequence'>, void, void>;

/** A session over the codec alone, for tests: one command at a time, answers whole. */
export class TestClient implements AsyncDisposable {
  readonly greeting: Greeting;
  readonly capabilities: Capabilities;
  readonly #socket: Socket;
  readonly #payloads: Payloads;
  /** What the server has sent since it was last asked for. */
  readonly heard: Buffer[] = [];
  #sequence = 0;

  private constructor(socket: Socket, payloads: Payloads, greeting: Greeting, capabilities: Capabilities) {
    this.#socket = socket;
    this.#payloads = payloads;
    this.greeting = greeting;
    this.capabilities = capabilities;
  }

  static async connect(options: ClientOptions): Promise<TestClient> {
    const socket = connect(options.port, '127.0.0.1');
    await once(socket, 'connect');
    const payloads = packetsOf(socket);
    const first = await payloads.next();
    if (first.done === true) throw new Error('the server said nothing');
    const greeting = readGreeting(first.value.payload);
    const needed =
      capability.protocol41 |
      capability.secureConnection |
      capability.pluginAuth |
      capability.longPassword |
      capability.multiResults |
      capability.transactions;
    const base = (greeting.capabilities.base | capability.longPassword) & (needed | (options.capabilities ?? 0));
    const client = new TestClient(socket, payloads, greeting, { base: base >>> 0, mariadb: 0 });
    await client.#logIn(options, first.value.lastSequence);
    return client;
  }

  get flavour(): 'mariadb' | 'mysql' {
    return flavourOf(this.greeting);
  }

  async #logIn({ user = 'root', password = '' }: ClientOptions, sequence: number): Promise<void> {
    let { plugin, nonce } = this.greeting;
    const answer = (): Buffer => {
      const method = asAuthMethod(plugin);
      if (method === undefined && password !== '') throw new Error(`no answer for ${plugin}`);
      return password === '' || method === undefined
        ? Buffer.alloc(0)
        : answerNonce(method, stageOne(method, password), nonce);
    };
    const login = {
      capabilities: this.capabilities,
      maxPacketBytes: 1 << 30,
      collation: 45,
      user,
      answer: answer(),
      database: undefined,
      plugin,
      attributes: new Map<string, string>(),
    };
    this.#socket.write(encodePacket(sequence + 1, encodeLogin(login)));
    for (;;) {
      const { payload, lastSequence } = await this.#next();
      if (payload[0] === replyHeader.ok) return;
      if (payload[0] === replyHeader.error) throw new ServerSaid(payload);
      const request = readAuthRequest(payload);
      if (request?.kind === 'switch') {
        ({ plugin, nonce } = request);
        this.#socket.write(encodePacket(lastSequence + 1, answer()));
      } else if (request?.data[0] === cachingSha2.fullAuthentication) {
        this.#socket.write(encodePacket(lastSequence + 1, Buffer.of(cachingSha2.publicKeyRequest)));
      } else if (request !== undefined && request.data.length > 1) {
        const hidden = encryptPassword(password, nonce, request.data.toString('latin1'));
        this.#socket.write(encodePacket(lastSequence + 1, hidden));
      }
    }
  }

  /** The rows of the last result of a text; several statements need `multiStatements`. */
  async query(sql: string): Promise<Rows> {
    let result: { columns: ColumnDefinition[]; rows: (readonly (Buffer | null)[])[] } = { columns: [], rows: [] };
    for await (const { part, payload } of this.ask(encodeQuery(sql, this.capabilities))) {
      if (part.kind === 'error') throw new ServerSaid(payload);
      if (part.kind === 'columnCount') result = { columns: [], rows: [] };
      if (part.kind === 'column') result.columns.push(readColumn(payload, this.capabilities));
      if (part.kind === 'row') result.rows.push(readTextRow(payload, result.columns.length));
    }
    return result;
  }

  /** Every packet of the answer to one command, with what it is. Copied: they may be kept. */
  async *ask(payload: Buffer): AsyncGenerator<{ readonly part: ResponsePart; readonly payload: Buffer }, void, void> {
    const response = new ResponseReader(payload[0] ?? 0, this.capabilities);
    this.#socket.write(encodePacket(0, payload));
    while (!response.ended) {
      const next = await this.#next();
      this.#sequence = next.lastSequence;
      yield { part: response.see(next.payload), payload: Buffer.from(next.payload) };
    }
  }

  /** In the middle of an answer, such as a file that was asked for. */
  send(payload: Buffer): void {
    this.#sequence = (this.#sequence + 1) & 0xff;
    this.#socket.write(encodePacket(this.#sequence, payload));
  }

  async #next(): Promise<{ readonly payload: Buffer; readonly lastSequence: number }> {
    const { done, value } = await this.#payloads.next();
    if (done === true) throw new Error('the server has closed the connection');
    this.heard.push(Buffer.from(value.payload));
    return value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.destroyed) return;
    this.#socket.end(encodePacket(0, encodeBare(command.quit)));
    this.#socket.destroy();
    await once(this.#socket, 'close');
  }
}

/** An ERR of the server, as an error. */
export class ServerSaid extends Error {
  constructor(payload: Buffer) {
    const { code, sqlState, message } = readError(payload);
    super(`${code} ${sqlState}: ${message}`);
  }
}

async function* packetsOf(socket: Socket): Payloads {
  const reader = new PacketReader();
  for await (const chunk of socket) yield* reader.push(chunk as Buffer);
}
