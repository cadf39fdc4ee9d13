import { referencedColumns } from '../model/acting-keys.ts';
import type { TableName } from '../model/catalog.ts';
import type { Position } from '../model/position.ts';
import { readActingKeys } from '../systems/mysql/acting-keys.ts';
import { parseAddress } from '../systems/mysql/address.ts';
import { BinlogDecoder } from '../systems/mysql/change-decoder.ts';
import { KeptSession } from '../systems/mysql/kept-session.ts';
import { readForms, readFormsOf } from '../systems/mysql/schema-forms.ts';
import { openMysqlSink } from '../systems/mysql/sink/sink.ts';
import { openSourceProbe } from '../systems/mysql/source-probe.ts';
import { takeStreamLease } from '../systems/mysql/stream-lease.ts';
import { readTableStarts } from '../systems/mysql/table-starts.ts';
import { familyPolicy, strictPolicy } from '../systems/mysql/values/policy.ts';
import { isWanted } from './receiver-source.ts';
import type { KeysOfSource, SystemParts } from './system-parts.ts';

function keysOf(
  url: string,
  applicationName: string,
  wanted: (table: TableName) => boolean,
  kept: KeysOfSource['kept'],
): KeysOfSource {
  const session = new KeptSession({ url, applicationName });
  const { database } = parseAddress(url);
  return {
    kept,
    now: async () => session.use(async (connection) => readActingKeys(connection, { database, isWanted: wanted })),
    [Symbol.asyncDispose]: async () => session[Symbol.asyncDispose](),
  };
}

/** An end of a flow that is MySQL or MariaDB. */
export const mysqlParts: SystemParts = {
  source: ({ url, side, stream, tables, translation, carries, toOwnFamily, beginning, received }) => {
    const { database } = parseAddress(url);
    const firstPosition = async (): Promise<Position> => (await beginning()).position;
    return {
      description: { system: 'mysql', tables, ...(database === undefined ? {} : { database }) },
      probe: openSourceProbe({ url, applicationName: `teal watch ${stream}`, side, firstPosition, received }),
      newDecoder: (keys) =>
        new BinlogDecoder({
          policy: toOwnFamily ? familyPolicy : (translation?.values ?? strictPolicy),
          carries,
          referenced: (table) => referencedColumns(keys, table),
        }),
      actingKeys: keysOf(
        url,
        `teal look ${stream}`,
        (table) => isWanted(table, tables, database),
        async () => (await beginning()).actingKeys,
      ),
    };
  },
  target: ({ url, stream }) => ({
    takeLease: async (signal) => takeStreamLease(url, stream, signal),
    readStarts: async (signal) => readTableStarts(url, signal),
    openSink: async (signal) => openMysqlSink({ url, stream, signal }),
  }),
  forms: ({ url, stream }) => {
    const session = new KeptSession({ url, applicationName: `teal look ${stream}` });
    const { database } = parseAddress(url);
    return {
      all: async () => session.use(async (connection) => readForms(connection, database)),
      like: async (forms) =>
        session.use(async (connection) =>
          readFormsOf(
            connection,
            forms
              .filter(({ kind }) => kind === 'table' || kind === 'column')
              .map(({ schema, of }) => ({ schema, name: of })),
          ),
        ),
      // The binlog is of all tables: one that came later moves like the others.
      unmoved: async () => [],
      [Symbol.asyncDispose]: async () => session[Symbol.asyncDispose](),
    };
  },
  databaseOf: (url) => parseAddress(url).database,
};
