import type { Socket } from 'node:net';
import { within } from '../../../kernel/clock.ts';
import { TealError } from '../../../kernel/errors.ts';
import { errorOf, wordsOf, type Outcome } from '../control-words.ts';

/** What one end of a line says. */
export interface Talk {
  readonly asks: { readonly op: string };
  readonly tells: { readonly op: string };
}

/** What is done with what the other end says. */
export interface Hearing<Heard extends Talk> {
  answer(words: Heard['asks']): Promise<unknown>;
  hear(words: Heard['tells'], socket: Socket | undefined): void;
}

/** Puts one message on its way, with a socket that the other process gets. `done`: it is there, or why it is not. */
export type Send = (message: unknown, socket: Socket | undefined, done: (error: Error | null) => void) => void;

type Message<Words extends Talk> =
  | { readonly ask: number; readonly words: Words['asks'] }
  | { readonly tell: Words['tells'] }
  | ({ readonly answer: number } & Outcome);

/** One end of the channel between two processes of a proxy. What is said arrives in order; questions are answered in any. */
export class Line<Heard extends Talk, Said extends Talk> {
  readonly #send: Send;
  readonly #hearing: Hearing<Heard>;
  readonly #asked = new Map<number, (outcome: Outcome) => void>();
  #count = 0;
  #closed: TealError | undefined;

  constructor(send: Send, hearing: Hearing<Heard>) {
    this.#send = send;
    this.#hearing = hearing;
  }

  tell(words: Said['tells'], socket?: Socket, done: (error: Error | null) => void = () => undefined): void {
    if (this.#closed === undefined) this.#send({ tell: words }, socket, done);
    else done(this.#closed);
  }

  /** Errors: those of the other end; TEAL-TRAFFIC-005 when it does not answer in time, or the line is closed. */
  async ask<T>(words: Said['asks'], timeoutMs: number): Promise<T> {
    if (this.#closed !== undefined) throw this.#closed;
    const id = (this.#count += 1);
    const answered = Promise.withResolvers<Outcome>();
    this.#asked.set(id, answered.resolve);
    const { op } = words;
    const late = (): TealError =>
      new TealError('TEAL-TRAFFIC-005', `a process of the proxy does not answer to ${op}`, { op, timeoutMs });
    try {
      this.#send({ ask: id, words }, undefined, () => undefined);
      const outcome = await within(timeoutMs, late, async () => answered.promise);
      if (outcome.ok) return outcome.result as T;
      throw errorOf(outcome.error);
    } finally {
      this.#asked.delete(id);
    }
  }

  /** A message that has come. */
  take(message: unknown, socket?: Socket): void {
    const said = message as Message<Heard>;
    if ('answer' in said) this.#asked.get(said.answer)?.(said);
    else if ('ask' in said) void this.#answer(said.ask, said.words);
    else this.#hearing.hear(said.tell, socket);
  }

  /** Nothing more is said or answered: what was asked fails with this. */
  close(because: TealError): void {
    this.#closed ??= because;
    const outcome: Outcome = { ok: false, error: wordsOf(because) };
    for (const answered of this.#asked.values()) answered(outcome);
  }

  async #answer(id: number, words: Heard['asks']): Promise<void> {
    const outcome = await outcomeOf(this.#hearing.answer(words));
    if (this.#closed === undefined) this.#send({ answer: id, ...outcome }, undefined, () => undefined);
  }
}

async function outcomeOf(work: Promise<unknown>): Promise<Outcome> {
  try {
    return { ok: true, result: (await work) ?? null };
  } catch (error) {
    return { ok: false, error: wordsOf(error) };
  }
}
