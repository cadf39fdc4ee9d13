import type { Catalog, SystemKind } from '../model/catalog.ts';

/** Who a system says it is. Two urls lead to the same system exactly when both fields of `identity` are equal. */
export interface SystemIdentity {
  readonly kind: SystemKind;
  /** Major version, such as 14 or 18. */
  readonly major: number;
  /** Full version as the server writes it. */
  readonly version: string;
  readonly identity: { readonly cluster: string; readonly database: string };
  /** Where it was found, without secrets: `host:port/database`. */
  readonly address: string;
  readonly timeline: number;
  readonly role: 'primary' | 'replica';
  readonly user: string;
}

/** A fact is known, or unknown with a reason: an assessment never guesses. */
export type Fact<T> = { readonly known: true; readonly value: T } | { readonly known: false; readonly why: string };

export interface Introspector {
  identify(): Promise<SystemIdentity>;
  /** The objects of the database that are not the system's own nor Teal's. */
  describe(): Promise<Catalog>;
}
