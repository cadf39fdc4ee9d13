import { createConnection } from 'mysql2/promise';

/** Rows as texts. */
export type Ask = (sql: string, values?: readonly (string | number)[]) => Promise<readonly (readonly string[])[]>;

type Value = string | number | Buffer | null;

/** A NULL is an empty text. */
function asText(value: Value): string {
  return value === null ? '' : String(value);
}

/** A session of MySQL's protocol. What breaks it is told by its next statement. */
export async function openMysqlSession(url: string): Promise<{ readonly ask: Ask; end(): Promise<void> }> {
  const client = await createConnection({
    uri: url,
    rowsAsArray: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    dateStrings: true,
    connectAttributes: { program_name: 'check' },
  });
  client.on('error', () => undefined);
  return {
    async ask(sql, values = []) {
      const [result] = await client.query(sql, [...values]);
      return Array.isArray(result) ? (result as unknown as readonly Value[][]).map((row) => row.map(asText)) : [];
    },
    end: async () => client.end(),
  };
}

/** One session for one piece of work; it is ended whatever comes of it. */
export async function withMysql<T>(url: string, work: (ask: Ask) => Promise<T>): Promise<T> {
  const session = await openMysqlSession(url);
  try {
    return await work(session.ask);
  } finally {
    await session.end();
  }
}

/** The server's number of an error; undefined for one that is not the server's. */
export function numberOf(error: unknown): number | undefined {
  const number: unknown = error instanceof Error ? Reflect.get(error, 'errno') : undefined;
  return typeof number === 'number' && number > 0 ? number : undefined;
}
