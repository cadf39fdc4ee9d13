import { isTealError, type TealError } from '../../../kernel/errors.ts';
import type { Fact } from '../../../model/facts.ts';

export function unknown(why: string): { readonly known: false; readonly why: string } {
  return { known: false, why };
}

/** A refusal of this one question makes this one fact unknown. Everything else (a lost session, a lock that was not had) stays an error. */
export async function factOf<T>(read: () => Promise<T>): Promise<Fact<T>> {
  try {
    return { known: true, value: await read() };
  } catch (error) {
    if (isTealError(error, 'TEAL-SYSTEMS-010')) return unknown(`the account may not read it (${serverText(error)})`);
    if (isTealError(error, 'TEAL-SYSTEMS-007')) return unknown(`the server refused to tell it (${serverText(error)})`);
    throw error;
  }
}

/** What a right decides: without it the server would answer, and leave out what belongs to others. */
export async function factIf<T>(mayAsk: boolean, why: string, read: () => Promise<T>): Promise<Fact<T>> {
  return mayAsk ? factOf(read) : unknown(why);
}

function serverText(error: TealError): string {
  const { number } = error.facts;
  const text = error.message.replace(`${error.code}: `, '');
  return typeof number === 'number' ? `${text}, error ${number}` : text;
}
