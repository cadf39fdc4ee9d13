import type { Introspector } from '../../../ports/introspector.ts';
import { readCatalog } from './catalog.ts';
import { readFacts } from './facts.ts';
import { readIdentity } from './identity.ts';
import type { Querier } from './querier.ts';

export interface IntrospectorOptions {
  /** `host:port/database` as the user knows it, without secrets. Default: what the server says of itself. */
  readonly address?: string;
}

/**
 * Reads one PostgreSQL database (14 to 18) through a session whose search_path is pg_catalog, as every session of Teal has it. Holds no state: each call asks
 * anew. `describe` is one statement and may run inside a caller's transaction.
 */
export function createIntrospector(connection: Querier, options: IntrospectorOptions = {}): Introspector {
  return Object.freeze({
    identify: async () => readIdentity(connection, options.address),
    describe: async () => readCatalog(connection),
    facts: async () => readFacts(connection),
  });
}
