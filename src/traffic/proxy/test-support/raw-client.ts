import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { frame } from '../../../wire/postgres/body.ts';
import { backend, readError } from '../../../wire/postgres/backend.ts';
import { encodeQuery, encodeTerminate } from '../../../wire/postgres/frontend.ts';
import { frameBody, FrameReader } from '../../../wire/postgres/frames.ts';
import { encodeStartup } from '../../../wire/postgres/startup.ts';

/** A client that sends exactly the bytes it is told to, for what drivers do not do. */
export class RawClient implements AsyncDisposable {
  readonly socket: Socket;
  /** What a CancelRequest for this client holds: process and secret. */
  key: Buffer = Buffer.alloc(0);
  readonly #reader = new FrameReader();
  readonly #seen: { readonly type: string; readonly text: string }[] = [];
  #wake = Promise.withResolvers<void>();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      for (const { type, bytes } of this.#reader.push(chunk)) {
        const text = type === backend.error ? readError(bytes).code : frameBody({ type, bytes }).toString('latin1');
        this.#seen.push({ type: String.fromCharCode(type), text });
      }
      this.#ring();
    });
    socket.on('close', () => this.#ring());
    socket.on('error', () => this.#ring());
  }

  /** Logs in to a proxy that trusts, and forgets what the login answered. */
  static async open(port: number, database: string): Promise<RawClient> {
    const socket = connect({ host: '127.0.0.1', port });
    await once(socket, 'connect');
    const client = new RawClient(socket);
    socket.write(
      encodeStartup([
        ['user', 'postgres'],
        ['database', database],
      ]),
    );
    await client.until((types) => types.endsWith('Z'));
    client.key = Buffer.from(client.bodies('K')[0] ?? '', 'latin1');
    client.forget();
    return client;
  }

  /** Types of all messages since the last `forget`. */
  get types(): string {
    return this.#seen.map((frame) => frame.type).join('');
  }

  /** Bodies of the messages of one type; of an error, its SQLSTATE. */
  bodies(type: string): readonly string[] {
    return this.#seen.filter((frame) => frame.type === type).map((frame) => frame.text);
  }

  forget(): void {
    this.#seen.length = 0;
  }

  send(...messages: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(messages));
  }

  async query(sql: string): Promise<string> {
    this.forget();
    this.send(encodeQuery(sql));
    await this.until((types) => types.endsWith('Z'));
    return this.types;
  }

  async until(look: (types: string) => boolean): Promise<void> {
    while (!look(this.types)) {
      if (this.socket.destroyed) throw new Error(`the connection ended after ${this.types}`);
      await this.#wake.promise;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.socket.destroyed) return;
    this.socket.end(encodeTerminate());
    this.socket.resume();
    await once(this.socket, 'close');
  }

  #ring(): void {
    const wake = this.#wake;
    this.#wake = Promise.withResolvers<void>();
    wake.resolve();
  }
}

export const copyData = (text: string): Buffer => frame('d', Buffer.from(text));
export const copyDone = frame('c');
