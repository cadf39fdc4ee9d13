import { KeptSession } from '../systems/postgres/kept-session.ts';
import { PgoutputDecoder } from '../systems/postgres/change-decoder.ts';
import { movingRelations } from '../systems/postgres/moving.ts';
import { openSchemaEyes, readUnmoved } from '../systems/postgres/schema-eyes.ts';
import { readForms, readFormsLike } from '../systems/postgres/schema-forms.ts';
import { poll, removePolling } from '../systems/postgres/polling/poll.ts';
import { openPostgresSink } from '../systems/postgres/sink/sink.ts';
import { openSourceProbe } from '../systems/postgres/source-probe.ts';
import { takeStreamLease } from '../systems/postgres/stream-lease.ts';
import { readTableStarts } from '../systems/postgres/table-starts.ts';
import { openTriggerProbe } from '../systems/postgres/trigger-source/probe.ts';
import type { SystemParts } from './system-parts.ts';

/** An end of a flow that is PostgreSQL. */
export const postgresParts: SystemParts = {
  source: ({ url, side, stream, slot, publication, method, pollEveryMs = 1_000, toOwnFamily }) => {
    const applicationName = `teal watch ${stream}`;
    // What triggers or polls record comes in the messages of the log.
    const newDecoder = (): PgoutputDecoder => new PgoutputDecoder();
    if (method === 'polling') {
      return {
        description: { system: 'postgres', method, everyMs: pollEveryMs },
        probe: openTriggerProbe({ url, applicationName, side, gather: poll, remove: removePolling }),
        newDecoder,
      };
    }
    if (method === 'triggers') {
      return {
        description: { system: 'postgres', method },
        probe: openTriggerProbe({ url, applicationName, side }),
        newDecoder,
      };
    }
    return {
      // Another system's sink, and whoever translates for it, read texts.
      description: { system: 'postgres', method, slot, publication, binary: toOwnFamily },
      probe: openSourceProbe({ url, applicationName, slot, publication, side }),
      newDecoder,
    };
  },
  target: ({ url, stream }) => ({
    takeLease: async (signal) => takeStreamLease(url, stream, signal),
    readStarts: async (signal) => readTableStarts(url, signal),
    openSink: async (signal) => openPostgresSink({ url, stream, signal }),
  }),
  forms: ({ url, side, stream, publication, method, selected }) => {
    const session = new KeptSession({ url, applicationName: `teal look ${stream}` });
    return {
      all: async () => session.use(readForms),
      like: async (forms) => session.use(async (connection) => readFormsLike(connection, forms)),
      unmoved: async () =>
        session.use(async (connection) =>
          readUnmoved(connection, movingRelations(method, publication), selected, side),
        ),
      [Symbol.asyncDispose]: async () => session[Symbol.asyncDispose](),
    };
  },
  // An address of PostgreSQL always means one database, and its schemas are many.
  databaseOf: () => undefined,
  eyes: ({ url, side, stream, publication, method, selected }, target) =>
    openSchemaEyes({
      sourceUrl: url,
      targetUrl: target.url,
      applicationName: `teal look ${stream}`,
      side,
      moving: movingRelations(method, publication),
      selected,
    }),
};
