/** What is needed of a kept session of any family of databases. */
export interface Asked {
  use<T>(work: (session: AskedSession) => Promise<T>, signal?: AbortSignal): Promise<T>;
}

interface AskedSession {
  transaction<T>(work: () => Promise<T>, options: { readonly readOnly: boolean }): Promise<T>;
  query(sql: string): Promise<{ readonly rows: readonly Readonly<Record<string, string | null>>[] }>;
}

/** `AskValue` of one side: the first column of the first row, NULL or no row as null; in a transaction that cannot write. */
export async function askIn(session: Asked, sql: string, signal?: AbortSignal): Promise<string | null> {
  return session.use(
    async (connection) =>
      connection.transaction(async () => Object.values((await connection.query(sql)).rows[0] ?? {})[0] ?? null, {
        readOnly: true,
      }),
    signal,
  );
}
