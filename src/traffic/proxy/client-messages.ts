import { frameHeaderBytes } from '../../wire/postgres/frames.ts';
import { encodeClose, frontend, namedStatement, statementKey } from '../../wire/postgres/frontend.ts';
import { settingScanBytes, type CustomSettings } from './custom-settings.ts';
import { statementLimitBytes, type Statements } from './statements.ts';
import { sameTypes, withTypes, type TypeNumbers } from './type-numbers.ts';
import type { Units } from './units.ts';

/** Enough of a message for the names in it: a name is at most 63 bytes where PostgreSQL makes it. */
const headBytes = 1_024;

export interface ClientMessagesOptions {
  readonly units: Units;
  readonly statements: Statements;
  readonly settings: CustomSettings;
  /** Puts bytes before the message at hand. */
  readonly insert: (bytes: Buffer) => void;
}

/**
 * What is learnt from a client's messages on their way: where the session stands, which statements it prepares, which settings of its own it may
 * have set; and what its present backend must be told before a message makes sense to it.
 */
export class ClientMessages {
  readonly #options: ClientMessagesOptions;
  #types: TypeNumbers = sameTypes;
  /** The number of the present backend: 1, 2, … */
  #backend = 1;
  #namesAreParameters = false;

  constructor(options: ClientMessagesOptions) {
    this.#options = options;
  }

  get backend(): number {
    return this.#backend;
  }

  /** From here on messages go to a new backend; numbers of types may differ there. */
  nextBackend(types: TypeNumbers | undefined): void {
    this.#backend += 1;
    if (types === undefined) return;
    this.#types = types;
    this.#options.statements.renumberTypes(types.kept);
  }

  need(type: number, length: number): number {
    const { statements } = this.#options;
    switch (type) {
      case frontend.query:
        return Math.min(length, settingScanBytes);
      case frontend.parse:
        return length <= statementLimitBytes ? length : settingScanBytes;
      case frontend.bind:
        return statements.moved || this.#namesAreParameters ? Math.min(length, headBytes) : 1;
      case frontend.describe:
        return statements.moved ? Math.min(length, headBytes) : 1;
      case frontend.close:
        return Math.min(length, headBytes);
      default:
        return 1;
    }
  }

  /** False: the message is not passed on, another was put in its place. */
  see(bytes: Buffer, start: number, end: number, length: number): boolean {
    const { units, statements } = this.#options;
    const type = bytes[start] ?? 0;
    let passes = true;
    switch (type) {
      case frontend.query:
        statements.closed('');
        this.#readSettings(bytes, start, end);
        break;
      case frontend.parse:
        passes = this.#seeParse(bytes, start, end, length);
        break;
      case frontend.bind:
        if (this.#namesAreParameters) this.#readParameters(bytes, start, end);
        this.#tellStatement(bytes, start, end);
        break;
      case frontend.describe:
        this.#tellStatement(bytes, start, end);
        break;
      case frontend.close:
        units.expect({ kind: 'close', name: namedStatement(bytes.subarray(start, end)), injected: false });
        break;
      case frontend.terminate:
        return true;
      default:
    }
    units.sent(type);
    return passes;
  }

  #seeParse(bytes: Buffer, start: number, end: number, length: number): boolean {
    const { units, statements, insert } = this.#options;
    this.#readSettings(bytes, start, end);
    const whole = end - start === length && length <= statementLimitBytes;
    const sent = bytes.subarray(start, end);
    const nameEnd = sent.indexOf(0, frameHeaderBytes);
    const name = nameEnd === -1 ? '' : statementKey(sent, frameHeaderBytes, nameEnd);
    const knownOn = statements.knownOn(name);
    const right = whole && this.#types.remembered.size > 0 ? (withTypes(sent, this.#types.remembered) ?? sent) : sent;
    statements.parsing(name, this.#backend);
    // The unnamed statement is replaced with every call, so a view of the chunk will do; a named one would keep the chunk for ever.
    const kept = name === '' ? right : Buffer.from(right);
    units.expect({ kind: 'parse', name, bytes: whole ? kept : undefined, injected: false, knownOn, unit: units.unit });
    if (right === sent) return true;
    insert(right);
    return false;
  }

  /**
   * Before a statement is used for the first time on a backend that does not know it, the backend is told; and again in each later unit, until it has answered: an error of
   * the client's makes it skip the rest of a unit. With a Close before, so that to tell it twice does no harm.
   */
  #tellStatement(bytes: Buffer, start: number, end: number): void {
    const { units, statements, insert } = this.#options;
    if (!statements.moved) return;
    const name = namedStatement(bytes.subarray(start, end));
    const { unit } = units;
    const parse = name === undefined ? undefined : statements.missing(name, this.#backend, unit);
    if (name === undefined || parse === undefined) return;
    statements.telling(name, this.#backend, unit);
    if (name !== '') {
      units.expect({ kind: 'close', name, injected: true });
      insert(encodeClose(Buffer.from(name, 'latin1')));
    }
    units.expect({ kind: 'parse', name, bytes: parse, injected: true, knownOn: undefined, unit });
    insert(parse);
  }

  #readSettings(bytes: Buffer, start: number, end: number): void {
    const text = bytes.toString('latin1', start + frameHeaderBytes, Math.min(end, start + settingScanBytes));
    if (this.#options.settings.readStatement(text)) this.#namesAreParameters = true;
  }

  #readParameters(bytes: Buffer, start: number, end: number): void {
    this.#options.settings.readParameters(bytes.toString('latin1', start, Math.min(end, start + headBytes)));
  }
}
