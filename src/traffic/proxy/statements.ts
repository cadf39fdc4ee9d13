import { withTypes } from './type-numbers.ts';
import type { ExpectedParse } from './units.ts';

interface KnownStatement {
  /** The Parse message; undefined when it was too long to keep. */
  bytes: Buffer | undefined;
  /** The number of the backend that has it. */
  knownOn: number | undefined;
  /** The unit in which the proxy has told `knownOn` of it, while that has not been answered: an error may make the backend skip it. */
  toldIn: number | undefined;
}

export const statementLimitBytes = 1 << 20;
const allStatementsLimitBytes = 16 << 20;

/**
 * The protocol-level prepared statements of one client, by name, so that another backend can be told of them when they are next used
 * (correctness.md §3.6). The unnamed statement is the one with the empty name. Bounded: past the limits a statement is remembered without its
 * text, and the session cannot change its backend while it has one.
 */
export class Statements {
  readonly #byName = new Map<string, KnownStatement>();
  #bytes = 0;
  /** False as long as every statement is on the only backend there ever was: then nobody needs to look at names. */
  #moved = false;

  get moved(): boolean {
    return this.#moved;
  }

  /** A statement is kept without its text. */
  get cannotMove(): boolean {
    return [...this.#byName.values()].some((statement) => statement.bytes === undefined);
  }

  /** For certain. */
  knownOn(name: string): number | undefined {
    const known = this.#byName.get(name);
    return known?.toldIn === undefined ? known?.knownOn : undefined;
  }

  /** The Parse of a statement that the session has; undefined also when it was too long to keep. */
  parseOf(name: string): Buffer | undefined {
    return this.#byName.get(name)?.bytes;
  }

  /** A Parse of this name is on its way to `backend`: no need to send ours before a Bind that follows. */
  parsing(name: string, backend: number): void {
    this.#expect(name, backend, undefined);
  }

  /** A Parse of the proxy is on its way to `backend`, in this unit. */
  telling(name: string, backend: number, unit: number): void {
    this.#expect(name, backend, unit);
  }

  /** The server has it; not for certain while it is told again in a later unit, whose Close it may take and whose Parse refuse. */
  parsed(parse: ExpectedParse, backend: number): void {
    const toldLater = parse.injected ? this.#byName.get(parse.name)?.toldIn : undefined;
    if (toldLater !== undefined && toldLater !== parse.unit) return;
    const bytes =
      parse.bytes !== undefined && this.#bytes + parse.bytes.length > allStatementsLimitBytes ? undefined : parse.bytes;
    this.#forget(parse.name);
    this.#byName.set(parse.name, { bytes, knownOn: backend, toldIn: undefined });
    this.#bytes += bytes?.length ?? 0;
  }

  /** Prepared on another connection than the session's own, which is told before it is asked for it. */
  parsedElsewhere(name: string, bytes: Buffer): void {
    this.#forget(name);
    const isKept = this.#bytes + bytes.length <= allStatementsLimitBytes;
    this.#byName.set(name, { bytes: isKept ? bytes : undefined, knownOn: undefined, toldIn: undefined });
    this.#bytes += isKept ? bytes.length : 0;
    this.#moved = true;
  }

  /** The server refused it, or never looked at it. A named one is then what it was before; the unnamed one is gone. */
  failed(parse: ExpectedParse): void {
    const known = this.#byName.get(parse.name);
    if (known === undefined) return;
    if (parse.injected) {
      // Another unit has told it meanwhile, or has had its answer.
      if (known.toldIn === parse.unit) this.#expect(parse.name, undefined, undefined);
    } else if (parse.name === '') this.#forget('');
    else this.#expect(parse.name, parse.knownOn, undefined);
  }

  closed(name: string): void {
    this.#forget(name);
  }

  /** DISCARD ALL, DEALLOCATE ALL. */
  clear(): void {
    this.#byName.clear();
    this.#bytes = 0;
  }

  /**
   * The Parse that `backend` must be sent before it can be asked for this statement in this unit; undefined when it has it, when it is told in this unit already, or when there
   * is none.
   */
  missing(name: string, backend: number, unit: number): Buffer | undefined {
    const known = this.#byName.get(name);
    if (known === undefined) return undefined;
    const hasIt = known.knownOn === backend && (known.toldIn === undefined || known.toldIn === unit);
    return hasIt ? undefined : known.bytes;
  }

  /** Parse messages of the statements that were prepared last, at most so many, with the numbers that types have on the next backend. */
  latest(count: number, types: ReadonlyMap<number, number>): readonly Buffer[] {
    return [...this.#byName.values()]
      .slice(-count)
      .map(({ bytes }) => (bytes === undefined ? undefined : withTypes(bytes, types)))
      .filter((parse) => parse !== undefined);
  }

  /** Every parameter's type has a number on the next backend. */
  typesKnown(types: ReadonlyMap<number, number>): boolean {
    return [...this.#byName.values()].every(
      ({ bytes }) => bytes === undefined || withTypes(bytes, types) !== undefined,
    );
  }

  /** Gives every kept Parse the numbers that its types have on the next backend. */
  renumberTypes(types: ReadonlyMap<number, number>): void {
    for (const statement of this.#byName.values()) {
      if (statement.bytes !== undefined) statement.bytes = withTypes(statement.bytes, types) ?? statement.bytes;
    }
  }

  /** A simple query of the proxy destroys the unnamed statement of the backend. */
  unnamedLost(): void {
    const known = this.#byName.get('');
    if (known === undefined) return;
    this.#expect('', undefined, undefined);
    this.#moved = true;
  }

  /** The session has another backend, which knows none of these. */
  newBackend(): void {
    this.#moved = this.#byName.size > 0;
  }

  #expect(name: string, backend: number | undefined, toldIn: number | undefined): void {
    const known = this.#byName.get(name);
    if (known === undefined) return;
    known.knownOn = backend;
    known.toldIn = toldIn;
  }

  #forget(name: string): void {
    const known = this.#byName.get(name);
    if (known === undefined) return;
    this.#bytes -= known.bytes?.length ?? 0;
    this.#byName.delete(name);
  }
}
