import type { PinWord, StatementWords } from './statement-words.ts';

/** What a session has that no server tells of, from the texts of its statements: why it cannot change its backend, and what can be said again. */
export class SessionPins {
  readonly #temporaryTables = new Set<string>();
  readonly #userLocks = new Set<string>();
  readonly #prepared = new Map<string, Buffer | undefined>();
  readonly #userVariables = new Set<string>();
  #unnamedLocks = 0;
  #globalLock = false;
  #handler = false;
  #xa = false;
  #overflowed = false;

  /** Reasons that need no question. */
  get reasons(): readonly string[] {
    return [
      ...(this.#temporaryTables.size > 0 ? ['temporary table'] : []),
      ...(this.#unnamedLocks > 0 ? ['user lock (GET_LOCK)'] : []),
      ...(this.#globalLock ? ['lock of the whole server or of a backup'] : []),
      ...(this.#handler ? ['open HANDLER'] : []),
      ...(this.#xa ? ['XA transaction'] : []),
      ...([...this.#prepared.values()].includes(undefined) ? ['statement prepared in SQL from a variable'] : []),
      ...(this.#overflowed ? ['more user variables, locks or temporary tables than are followed'] : []),
    ];
  }

  /** Locks that it may hold; whether it does, the server tells. */
  get userLocks(): readonly string[] {
    return [...this.#userLocks];
  }

  /** Named in its texts, in lower case. */
  get userVariables(): readonly string[] {
    return [...this.#userVariables];
  }

  /** Texts of PREPARE that can be said again, as the client sent them. */
  get sqlPrepared(): readonly { readonly name: string; readonly sql: Buffer }[] {
    return [...this.#prepared].flatMap(([name, sql]) => (sql === undefined ? [] : [{ name, sql }]));
  }

  reset(): void {
    for (const kept of [this.#temporaryTables, this.#userLocks, this.#prepared, this.#userVariables]) kept.clear();
    this.#unnamedLocks = 0;
    this.#globalLock = this.#handler = this.#xa = this.#overflowed = false;
  }

  /** A statement with these words was answered. Of one that failed, what it might have begun before it failed is noted, and nothing that it might have ended. */
  note(words: StatementWords, sql: Buffer | undefined, failed: boolean): void {
    for (const variable of words.userVariables) this.#userVariables.add(variable);
    for (const pin of words.pins) this.#note(pin, sql, failed);
    this.#overflowed ||= [this.#userVariables, this.#temporaryTables, this.#userLocks, this.#prepared].some(
      (kept) => kept.size > keptLimit,
    );
  }

  #note(pin: PinWord, sql: Buffer | undefined, failed: boolean): void {
    switch (pin.kind) {
      case 'temporaryTable':
        for (const name of pin.names) this.#temporaryTables.add(name);
        return;
      case 'dropTable':
        if (!failed) for (const name of pin.names) this.#temporaryTables.delete(name);
        return;
      case 'userLock':
        if (pin.name === undefined) this.#unnamedLocks += 1;
        else this.#userLocks.add(pin.name);
        return;
      case 'userUnlock':
        if (pin.name === undefined && !failed) this.#unnamedLocks = Math.max(0, this.#unnamedLocks - 1);
        return;
      case 'userUnlockAll':
        if (failed) return;
        this.#unnamedLocks = 0;
        this.#userLocks.clear();
        return;
      case 'globalLock':
        this.#globalLock = true;
        return;
      case 'unlock':
        if (!failed) this.#globalLock = false;
        return;
      case 'handler':
        this.#handler = true;
        return;
      case 'handlerEnd':
        if (!failed) this.#handler = false;
        return;
      case 'xa':
        this.#xa = true;
        return;
      case 'xaEnd':
        if (!failed) this.#xa = false;
        return;
      case 'prepare':
        if (!failed) this.#prepared.set(pin.name, pin.literal && sql !== undefined ? Buffer.from(sql) : undefined);
        return;
      case 'deallocate':
        if (!failed) this.#prepared.delete(pin.name);
        return;
      default:
        pin satisfies never;
    }
  }
}

const keptLimit = 1_000;
