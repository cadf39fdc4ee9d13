import type { MysqlConnection } from './connection.ts';
import { tokensOf } from './create-table.ts';
import { makeSleepersTable, noteSleeper } from './events.ts';
import { quoteIdent } from './quote.ts';
import { inWords, type SchemaItem } from './schema-capture.ts';

/** A session in which programs are made as their own sessions were: the server keeps with each in which mode, time zone and character set it was made. */
export interface ProgramSession extends AsyncDisposable {
  readonly connection: MysqlConnection;
  /** Undefined when it is there; a sentence for what the server takes and does not keep. */
  make(item: SchemaItem, run: (sql: string) => Promise<void>): Promise<string | undefined>;
}

/** What the session goes back to: Teal's own texts are written in its own character set. */
const kept = ['sql_mode', 'time_zone', 'collation_connection'] as const;

export async function openProgramSession(connection: MysqlConnection): Promise<ProgramSession> {
  await connection.query(`set ${kept.map((name) => `@teal_${name} = @@session.${name}`).join(', ')}`);
  const back = `set @@session.character_set_client = utf8mb4, ${kept.map((name) => `@@session.${name} = @teal_${name}`).join(', ')}`;
  return {
    connection,
    async make(item, run) {
      await connection.query(`use ${quoteIdent(item.schema)}`);
      if (item.kind === 'event' && isEnabled(item.sql)) {
        await makeSleepersTable(connection);
        await noteSleeper(connection, item);
      }
      const settings = Object.entries(item.settings).map(([name, value]) => `@@session.${name} = ${value}`);
      try {
        if (settings.length > 0) await connection.query(`set ${settings.join(', ')}`);
        await run(item.kind === 'event' ? disabled(item.sql) : item.sql);
      } finally {
        if (!connection.ended.aborted) await connection.query(back);
      }
      if (item.kind !== 'event') return undefined;
      const { rows } = await connection.query(
        'select count(*) as n from information_schema.events where event_schema = ? and event_name = ?',
        [item.schema, item.name],
      );
      return rows[0]?.['n'] === '0' ? `${inWords(item)} was left out: its time is over` : undefined;
    },
    async [Symbol.asyncDispose]() {
      await connection.close();
    },
  };
}

/** The event as it is made on the side that is not live: `… ON COMPLETION PRESERVE ENABLE …`, as SHOW CREATE EVENT has it, with another word. */
export function disabled(sql: string): string {
  const tokens = tokensOf(sql);
  const preserve = tokens.findIndex(({ kind, text }) => kind === 'word' && text === 'PRESERVE');
  const word = tokens[preserve + 1];
  if (preserve === -1 || word?.text !== 'ENABLE') return sql;
  return `${sql.slice(0, word.at)}DISABLE${sql.slice(word.at + word.text.length)}`;
}

/** Whether the source runs it by itself. */
function isEnabled(sql: string): boolean {
  return disabled(sql) !== sql;
}
