import type { MysqlCatalog } from '../../../model/mysql-catalog.ts';
import type { MysqlFacts, MysqlIdentity } from '../../../model/mysql-facts.ts';
import { readCatalog } from './catalog.ts';
import { readFacts } from './facts.ts';
import { readIdentity } from './identity.ts';
import type { Querier } from './querier.ts';

/** The port `Introspector` with what this family knows: an identity of its kinds, its catalog, and facts of its own. The port's contract holds but for the one consistent look. */
export interface MysqlIntrospector {
  identify(): Promise<MysqlIdentity>;
  describe(): Promise<MysqlCatalog>;
  facts(): Promise<MysqlFacts>;
}

export interface MysqlIntrospectorOptions {
  /** The one that the address names; absent: all that are neither the system's nor Teal's. */
  readonly database?: string | undefined;
  /** `host:port/database` as the user knows it, without secrets. Default: what the server says of itself. */
  readonly address?: string;
}

/** Reads a server of MySQL 8 or MariaDB 10.5 and later. Holds no state: each call asks anew. The session must not be inside a transaction. */
export function createIntrospector(connection: Querier, options: MysqlIntrospectorOptions = {}): MysqlIntrospector {
  const { database, address } = options;
  return Object.freeze({
    identify: async () => readIdentity(connection, database, address),
    describe: async () => readCatalog(connection, database),
    facts: async () => readFacts(connection, database),
  });
}
