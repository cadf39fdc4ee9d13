import type { Side } from '../model/catalog.ts';
import type { AskValue } from '../ports/query.ts';
import { familyOf } from '../spec/families.ts';
import type { Spec } from '../spec/spec.ts';
import { askIn, type Asked } from './ask-value.ts';
import { KeptSession } from '../systems/postgres/kept-session.ts';

/** Asks both sides questions, and is nothing else of a migration: a session each, made when it is first asked, and closed with this. */
export function askSides(spec: Pick<Spec, Side | 'name'>): AsyncDisposable & { readonly ask: AskValue } {
  const sessions = new Map<Side, Promise<Asked & AsyncDisposable>>();
  const sessionOf = async (side: Side): Promise<Asked & AsyncDisposable> => {
    const known = sessions.get(side) ?? openSide(spec, side);
    sessions.set(side, known);
    return known;
  };
  return {
    ask: async (side, sql, signal) => askIn(await sessionOf(side), sql, signal),
    [Symbol.asyncDispose]: async () => {
      for (const session of sessions.values()) await (await session)[Symbol.asyncDispose]();
    },
  };
}

/** The driver of MySQL is loaded where one is asked. */
async function openSide(spec: Pick<Spec, Side | 'name'>, side: Side): Promise<Asked & AsyncDisposable> {
  const options = { url: spec[side].url, applicationName: `teal ${spec.name}` };
  if (familyOf(spec[side].system) === 'postgres') return new KeptSession(options);
  const mysql = await import('../systems/mysql/kept-session.ts');
  return new mysql.KeptSession(options);
}
