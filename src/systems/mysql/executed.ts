import { addGtid, parseGtidSet, printGtidSet, type GtidSet } from '../../wire/mysql/binlog/gtid-set.ts';
import {
  advanceMariadbPosition,
  parseMariadbPosition,
  printMariadbPosition,
  type MariadbGtid,
  type MariadbPosition,
} from '../../wire/mysql/binlog/mariadb-position.ts';
import type { MysqlFlavour } from './connection.ts';

/** How a transaction is called by its server. */
export type TransactionName =
  | { readonly family: 'mysql'; readonly source: string; readonly number: bigint }
  | { readonly family: 'mariadb'; readonly gtid: MariadbGtid };

/** What has been executed up to a place, kept while a stream goes on. */
export interface Executed {
  readonly text: string;
  with(name: TransactionName): Executed;
}

/** From what a position says. Errors: TEAL-WIRE-001. */
export function executedOf(flavour: MysqlFlavour, gtids: string): Executed {
  return flavour === 'mysql' ? ofSet(parseGtidSet(gtids)) : ofPosition(parseMariadbPosition(gtids));
}

function ofSet(set: GtidSet): Executed {
  let text: string | undefined;
  return {
    get text() {
      text ??= printGtidSet(set);
      return text;
    },
    with: (name) => ofSet(name.family === 'mysql' ? addGtid(set, name.source, name.number) : set),
  };
}

function ofPosition(position: MariadbPosition): Executed {
  let text: string | undefined;
  return {
    get text() {
      text ??= printMariadbPosition(position);
      return text;
    },
    with: (name) => ofPosition(name.family === 'mariadb' ? advanceMariadbPosition(position, name.gtid) : position),
  };
}
