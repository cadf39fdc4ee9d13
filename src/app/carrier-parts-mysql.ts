import { referencedColumns, type ActingKey } from '../model/acting-keys.ts';
import { tableKey, type TableName } from '../model/catalog.ts';
import type { FollowMethod } from '../model/follow-method.ts';
import type { Position } from '../model/position.ts';
import { readActingKeys } from '../systems/mysql/acting-keys.ts';
import { parseAddress } from '../systems/mysql/address.ts';
import { BinlogDecoder } from '../systems/mysql/change-decoder.ts';
import type { MysqlConnection } from '../systems/mysql/connection.ts';
import { KeptSession } from '../systems/mysql/kept-session.ts';
import { readForms, readFormsOf } from '../systems/mysql/schema-forms.ts';
import { pollsOf } from '../systems/mysql/polling/poll.ts';
import { openMysqlSink } from '../systems/mysql/sink/sink.ts';
import { openSourceProbe } from '../systems/mysql/source-probe.ts';
import { takeStreamLease } from '../systems/mysql/stream-lease.ts';
import { readTableStarts } from '../systems/mysql/table-starts.ts';
import { RecordDecoder, type RecordDecoderOptions } from '../systems/mysql/trigger-source/decoder.ts';
import { openTriggerProbe } from '../systems/mysql/trigger-source/probe.ts';
import { recordedTables } from '../systems/mysql/trigger-source/recorder.ts';
import { familyPolicy, strictPolicy } from '../systems/mysql/values/policy.ts';
import { isWanted } from './receiver-source.ts';
import type { KeysOfSource, SystemParts } from './system-parts.ts';

function keysOf(
  url: string,
  applicationName: string,
  { wanted, method }: { readonly wanted: (table: TableName) => boolean; readonly method: FollowMethod },
  kept: KeysOfSource['kept'],
): KeysOfSource {
  const session = new KeptSession({ url, applicationName });
  const { database } = parseAddress(url);
  return {
    kept,
    now: async () =>
      session.use(async (connection) => readActingKeys(connection, { database, isWanted: wanted, method })),
    [Symbol.asyncDispose]: async () => session[Symbol.asyncDispose](),
  };
}

/** An end of a flow that is MySQL or MariaDB. */
export const mysqlParts: SystemParts = {
  source: ({
    url,
    side,
    stream,
    method,
    pollEveryMs = 1_000,
    tables,
    database: ofOther,
    translation,
    carries,
    toOwnFamily,
    beginning,
    received,
  }) => {
    const { database = ofOther } = parseAddress(url);
    const firstPosition = async (): Promise<Position> => (await beginning()).position;
    const watch = { url, applicationName: `teal watch ${stream}`, side, firstPosition };
    const decoderOptions = (keys: readonly ActingKey[]): RecordDecoderOptions => ({
      policy: toOwnFamily ? familyPolicy : (translation?.values ?? strictPolicy),
      carries,
      referenced: (table) => referencedColumns(keys, table),
    });
    const actingKeys = keysOf(
      url,
      `teal look ${stream}`,
      { wanted: (table) => isWanted(table, tables, database), method },
      async () => (await beginning()).actingKeys,
    );
    if (method !== 'log') {
      const isPolled = method === 'polling';
      return {
        description: { system: 'mysql', ...(isPolled ? { method, everyMs: pollEveryMs } : { method }) },
        probe: openTriggerProbe({ ...watch, ...(isPolled ? { gather: pollsOf(url) } : {}) }),
        newDecoder: (keys) => new RecordDecoder(decoderOptions(keys)),
        actingKeys,
      };
    }
    return {
      description: { system: 'mysql', method: 'log', tables, ...(database === undefined ? {} : { database }) },
      probe: openSourceProbe({ ...watch, received }),
      newDecoder: (keys) => new BinlogDecoder(decoderOptions(keys)),
      actingKeys,
    };
  },
  target: ({ url, stream }) => ({
    takeLease: async (signal) => takeStreamLease(url, stream, signal),
    readStarts: async (signal) => readTableStarts(url, signal),
    openSink: async (signal) => openMysqlSink({ url, stream, signal }),
  }),
  forms: ({ url, side, stream, method, selected }) => {
    const session = new KeptSession({ url, applicationName: `teal look ${stream}` });
    const { database } = parseAddress(url);
    const unrecorded = async (connection: MysqlConnection): Promise<readonly string[]> => {
      const recorded = new Set((await recordedTables(connection)).map(tableKey));
      const forms = await readForms(connection, database);
      return forms
        .filter(({ kind, schema, of }) => kind === 'table' && selected({ schema, name: of }))
        .map(({ schema, of }) => tableKey({ schema, name: of }))
        .filter((key) => !recorded.has(key))
        .map((key) => `rows of ${key} do not move: ${side} got this table after the copy was prepared`);
    };
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
      unmoved: async () => (method === 'log' ? [] : session.use(async (connection) => unrecorded(connection))),
      [Symbol.asyncDispose]: async () => session[Symbol.asyncDispose](),
    };
  },
  databaseOf: (url) => parseAddress(url).database,
};
