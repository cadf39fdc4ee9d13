import { createHash } from 'node:crypto';
import { tenantOf } from '../tenants/tenant-of.ts';

/** What a session is drawn by. */
export interface Drawn {
  /** The numbers of the session for a cancel, which no other has. */
  readonly key: { readonly pid: number; readonly secret: Buffer };
  /** What the client gave when it connected. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** The lots of one session, each drawn once. */
export class Lots {
  readonly #drawn: Drawn;
  readonly #lots = new Map<string | undefined, number>();

  constructor(drawn: Drawn) {
    this.#drawn = drawn;
  }

  /** See `lotOf`. */
  by(by: string | undefined): number {
    const lot = this.#lots.get(by) ?? lotOf(this.#drawn, by);
    this.#lots.set(by, lot);
    return lot;
  }
}

/**
 * Which share a session is part of: from 0 to 1, evenly spread, the same for as long as it lasts. `by`: a setting whose value decides for all sessions that gave the same one when they connected, in every process and every
 * run of the proxy; those that gave none are drawn by themselves. Pure.
 */
export function lotOf({ key, parameters }: Drawn, by?: string): number {
  const tenant = by === undefined ? undefined : tenantOf(parameters, by);
  const hash = createHash('sha256');
  if (tenant === undefined) hash.update(`${key.pid}:`).update(key.secret);
  else hash.update(`tenant:${tenant}`);
  return hash.digest().readUInt32BE(0) / 2 ** 32;
}
