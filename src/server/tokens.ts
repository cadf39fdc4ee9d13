import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { isoNow } from '../kernel/clock.ts';
import { TealError } from '../kernel/errors.ts';

/**
 * What a token is for. `view` reads everything, and every token may, but one that is for `alert` alone: that tells of alerts and does nothing else. The others are for what changes
 * something, and none contains another.
 */
export const roles = Object.freeze(['view', 'operate', 'approve', 'cut', 'alert'] as const);
export type Role = (typeof roles)[number];

/** Who asks. */
export interface Caller {
  readonly name: string;
  readonly roles: readonly Role[];
}

const keptToken = z.strictObject({
  name: z.string().regex(/^[\p{L}\p{N}._@+-]{1,64}$/u),
  roles: z.array(z.enum(roles)).min(1),
  /** SHA-256 of the token, which is random and long: a slow hash would protect nothing more. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  madeAt: z.iso.datetime(),
});
type KeptToken = z.infer<typeof keptToken>;

const tokenBytes = 32;
const fileLimitBytes = 1 << 20;
const prefix = 'teal_';
/** Longer is no token: nothing is hashed for whoever sends megabytes. */
const tokenLimit = 128;

/**
 * Tokens by their hashes, one JSON object a line, in a file that only its owner may read. The file is looked at again whenever it has changed: a line that is deleted
 * revokes its token at once. Errors: TEAL-SERVER-002, with the line's number, never what is in it.
 */
export class TokenFile {
  readonly path: string;
  #seen = '';
  #kept: readonly KeptToken[] = [];

  constructor(path: string) {
    this.path = path;
  }

  /** Whether anybody can be known at all. */
  get isEmpty(): boolean {
    return this.#read().length === 0;
  }

  /** Compares with every token, in the same time whichever it is; undefined when it is none. */
  callerOf(token: string): Caller | undefined {
    if (token.length > tokenLimit) return undefined;
    const digest = createHash('sha256').update(token, 'utf8').digest();
    let found: Caller | undefined;
    for (const kept of this.#read()) {
      if (timingSafeEqual(digest, Buffer.from(kept.sha256, 'hex'))) found = { name: kept.name, roles: kept.roles };
    }
    return found;
  }

  /** Makes a token and returns it: nobody can read it again. Errors: TEAL-SERVER-003 for a name that is none or is taken, -002. */
  add(name: string, of: readonly string[]): string {
    const token = `${prefix}${randomBytes(tokenBytes).toString('base64url')}`;
    const sha256 = createHash('sha256').update(token, 'utf8').digest('hex');
    const made = keptToken.safeParse({ name, roles: [...new Set(of)], sha256, madeAt: isoNow() });
    if (!made.success) {
      throw new TealError(
        'TEAL-SERVER-003',
        `a token has a name (letters, digits, . _ @ + -, at most 64) and roles (${roles.join(', ')})`,
      );
    }
    if (this.#read().some((kept) => kept.name === name)) {
      throw new TealError('TEAL-SERVER-003', `${this.path} has a token of this name`, { name });
    }
    try {
      mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
      writeFileSync(this.path, `${JSON.stringify(made.data)}\n`, { mode: 0o600, flag: 'a', flush: true });
    } catch (error) {
      throw unusable(this.path, 'it cannot be written', error);
    }
    return token;
  }

  #read(): readonly KeptToken[] {
    const seen = this.#look();
    if (seen === this.#seen) return this.#kept;
    this.#kept = seen === '' ? [] : parse(this.path, readPrivately(this.path));
    this.#seen = seen;
    return this.#kept;
  }

  /** What tells one state of the file from the next; empty when it is not there. */
  #look(): string {
    try {
      const { ino, size, mtimeMs, mode } = statSync(this.path);
      return `${ino} ${size} ${mtimeMs} ${mode}`;
    } catch (error) {
      if (Reflect.get(Object(error), 'code') === 'ENOENT') return '';
      throw unusable(this.path, 'it cannot be read', error);
    }
  }
}

function readPrivately(path: string): string {
  try {
    const file = openSync(path, 'r');
    try {
      const { mode, size } = fstatSync(file);
      if ((mode & 0o077) !== 0) throw unusable(path, 'others may read it: chmod 600');
      if (size > fileLimitBytes) throw unusable(path, `it is longer than ${fileLimitBytes} bytes`);
      return readFileSync(file, 'utf8');
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw error instanceof TealError ? error : unusable(path, 'it cannot be read', error);
  }
}

function parse(path: string, text: string): readonly KeptToken[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const kept = keptToken.safeParse(jsonOf(line));
    if (!kept.success) throw unusable(path, `line ${index + 1} is not a token`);
    return [kept.data];
  });
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // Told as a line that is not a token: what is in it belongs into no message.
    return undefined;
  }
}

function unusable(path: string, why: string, cause?: unknown): TealError {
  return new TealError('TEAL-SERVER-002', `${path}: ${why}`, { path }, cause);
}
