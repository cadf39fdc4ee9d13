import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { nowMs } from '../../kernel/clock.ts';

/** What the answer of the provider is held against. */
const pendingSignIn = z.strictObject({
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
  untilMs: z.number(),
});
export type PendingSignIn = z.infer<typeof pendingSignIn>;

/** How long somebody may be at the provider. */
export const pendingMs = 10 * 60_000;
const sealedLimit = 2_048;
const [ivBytes, tagBytes] = [12, 16];

/**
 * Sign-ins that were begun lie in the browsers that began them, sealed (AES-256-GCM) with a key of this process: nothing is kept here for whoever begins a thousand and ends
 * none, and another browser has nothing to end them with.
 */
export class PendingSeal {
  readonly #key = randomBytes(32);
  readonly #clock: () => number;

  constructor(clock: () => number = nowMs) {
    this.#clock = clock;
  }

  close(pending: Omit<PendingSignIn, 'untilMs'>): string {
    const iv = randomBytes(ivBytes);
    const cipher = createCipheriv('aes-256-gcm', this.#key, iv);
    const said = JSON.stringify({ ...pending, untilMs: this.#clock() + pendingMs } satisfies PendingSignIn);
    const text = Buffer.concat([cipher.update(said, 'utf8'), cipher.final()]);
    return Buffer.concat([iv, cipher.getAuthTag(), text]).toString('base64url');
  }

  /** Undefined when this process has not sealed it, or its time is over. */
  open(sealed: string): PendingSignIn | undefined {
    if (sealed.length > sealedLimit) return undefined;
    const bytes = Buffer.from(sealed, 'base64url');
    if (bytes.length <= ivBytes + tagBytes) return undefined;
    const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(0, ivBytes));
    decipher.setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
    try {
      const text = Buffer.concat([decipher.update(bytes.subarray(ivBytes + tagBytes)), decipher.final()]);
      const pending = pendingSignIn.parse(JSON.parse(text.toString('utf8')));
      return pending.untilMs > this.#clock() ? pending : undefined;
    } catch {
      // Not sealed by this process: told as a sign-in that was not begun here.
      return undefined;
    }
  }
}
