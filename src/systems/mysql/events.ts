import type { TableName } from '../../model/catalog.ts';
import type { Fence } from '../../ports/fence.ts';
import type { MysqlConnection } from './connection.ts';
import { askRows } from './inspect/querier.ts';
import type { KeptSession } from './kept-session.ts';
import { isAsciiText, quoteLiteral, quoteTable } from './quote.ts';
import { isTealTableThere } from './teal-schema.ts';

/**
 * Events are jobs that a server starts by itself: they must run where the data are owned, and there alone. What sleeps on a side stands in `teal.sleeping_event`, written before it is put
 * to sleep, so that nothing is woken that somebody else had disabled.
 */
export async function makeSleepersTable(connection: MysqlConnection): Promise<void> {
  await connection.query(
    `create table if not exists teal.sleeping_event (
       \`schema\` varchar(64) not null, name varchar(64) not null, primary key (\`schema\`, name)) engine=InnoDB`,
  );
}

/** Before the event is disabled, or made so. */
export async function noteSleeper(connection: MysqlConnection, { schema, name }: TableName): Promise<void> {
  await connection.query(`insert ignore into teal.sleeping_event (\`schema\`, name) values (?, ?)`, [schema, name]);
}

/** The fence of a side with its events: they sleep while it is closed, and wake before it opens. Errors: those of the fence. */
export function withEvents(fence: Fence, session: KeptSession, database: string | undefined): Fence {
  return {
    ...(fence.told === undefined ? {} : { told: fence.told.bind(fence) }),
    install: async (closed) => fence.install(closed),
    async raise(options) {
      const position = await fence.raise(options);
      await session.use(async (connection) => putToSleep(connection, database), options.signal);
      return position;
    },
    async lower(owner, signal) {
      // First: where it is open, they run. Closed, they can write nothing.
      await session.use(wake, signal);
      await fence.lower(owner, signal);
    },
    probe: async (signal) => fence.probe(signal),
    written: async (signal) => fence.written(signal),
    remove: async () => fence.remove(),
  };
}

interface EventRow extends Readonly<Record<string, string>> {
  readonly db: string;
  readonly name: string;
  readonly definer: string;
  readonly charset: string;
  readonly collation: string;
}

const what = `event_schema as db, event_name as name, definer as definer, character_set_client as charset, collation_connection as collation`;

async function putToSleep(connection: MysqlConnection, database: string | undefined): Promise<void> {
  const own = database === undefined ? '' : ` and event_schema = ${quoteLiteral(database)}`;
  const rows = await askRows<EventRow>(
    connection,
    `select ${what} from information_schema.events where status = 'ENABLED' and event_schema not in ('mysql', 'sys')${own} order by 1, 2`,
  );
  if (rows.length === 0) return;
  await makeSleepersTable(connection);
  for (const row of rows) {
    await noteSleeper(connection, { schema: row.db, name: row.name });
    await alter(connection, row, 'DISABLE');
  }
}

async function wake(connection: MysqlConnection): Promise<void> {
  if (!(await isTealTableThere(connection, 'sleeping_event'))) return;
  const rows = await askRows<EventRow>(
    connection,
    `select ${what} from information_schema.events where (event_schema, event_name) in (select \`schema\`, name from teal.sleeping_event) order by 1, 2`,
  );
  for (const row of rows) {
    await alter(connection, row, 'ENABLE');
    await connection.query('delete from teal.sleeping_event where `schema` = ? and name = ?', [row.db, row.name]);
  }
}

/** Without its definer the event would be of whoever alters it; and it keeps the character set of the session (manual: "ALTER EVENT Statement"). */
async function alter(connection: MysqlConnection, row: EventRow, word: 'ENABLE' | 'DISABLE'): Promise<void> {
  const at = row.definer.lastIndexOf('@');
  const definer = `${quoteLiteral(row.definer.slice(0, at))}@${quoteLiteral(row.definer.slice(at + 1))}`;
  const event = quoteTable({ schema: row.db, name: row.name });
  const isAscii = isAsciiText(`${event}${definer}`);
  if (isAscii) {
    await connection.query(
      `set @teal_collation = @@session.collation_connection, @@session.character_set_client = ${row.charset}, @@session.collation_connection = ${row.collation}`,
    );
  }
  try {
    await connection.query(`alter definer = ${definer} event ${event} ${word}`);
  } finally {
    if (isAscii && !connection.ended.aborted) {
      await connection.query(
        'set @@session.character_set_client = utf8mb4, @@session.collation_connection = @teal_collation',
      );
    }
  }
}
