import type { Catalog, SystemKind } from '../model/catalog.ts';
import type { SystemFacts } from '../model/facts.ts';

export type { Fact } from '../model/facts.ts';

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

/** Looks at one system and changes nothing. All methods may be repeated, one at a time; each asks anew. */
export interface Introspector {
  identify(): Promise<SystemIdentity>;
  /** The objects of the database that are not the system's own nor Teal's. One consistent look. */
  describe(): Promise<Catalog>;
  /**
   * What else an assessment wants to know. What the role may not see comes back as unknown with the reason; a lost session is an error.
   * Not inside a caller's transaction: a refused question would end it.
   */
  facts(): Promise<SystemFacts>;
}
