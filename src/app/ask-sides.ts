import type { Side } from '../model/catalog.ts';
import type { AskValue } from '../ports/query.ts';
import { familyOf } from '../spec/families.ts';
import type { Spec } from '../spec/spec.ts';
import { KeptSession } from '../systems/postgres/kept-session.ts';

/** What is needed of a session of either family. */
interface Asked {
  use<T>(work: (session: AskedSession) => Promise<T>, signal?: AbortSignal): Promise<T>;
  [Symbol.asyncDispose](): PromiseLike<void>;
}

interface AskedSession {
  transaction<T>(work: () => Promise<T>, options: { readonly readOnly: boolean }): Promise<T>;
  query(sql: string): Promise<{ readonly rows: readonly Readonly<Record<string, string | null>>[] }>;
}

/** Asks both sides questions, and is nothing else of a migration: a session each, made when it is first asked, and closed with this. */
export function askSides(spec: Pick<Spec, Side | 'name'>): AsyncDisposable & { readonly ask: AskValue } {
  const sessions = new Map<Side, Promise<Asked>>();
  const sessionOf = async (side: Side): Promise<Asked> => {
    const known = sessions.get(side) ?? openSide(spec, side);
    sessions.set(side, known);
    return known;
  };
  return {
    ask: async (side, sql, signal) => {
      const session = await sessionOf(side);
      return session.use(
        async (connection) =>
          connection.transaction(async () => Object.values((await connection.query(sql)).rows[0] ?? {})[0] ?? null, {
            readOnly: true,
          }),
        signal,
      );
    },
    [Symbol.asyncDispose]: async () => {
      for (const session of sessions.values()) await (await session)[Symbol.asyncDispose]();
    },
  };
}

/** The driver of MySQL is loaded where one is asked. */
async function openSide(spec: Pick<Spec, Side | 'name'>, side: Side): Promise<Asked> {
  const options = { url: spec[side].url, applicationName: `teal ${spec.name}` };
  if (familyOf(spec[side].system) === 'postgres') return new KeptSession(options);
  const mysql = await import('../systems/mysql/kept-session.ts');
  return new mysql.KeptSession(options);
}
