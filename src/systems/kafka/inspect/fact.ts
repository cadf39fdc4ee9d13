import { isTealError } from '../../../kernel/errors.ts';
import type { Fact } from '../../../model/facts.ts';

export function unknown(why: string): { readonly known: false; readonly why: string } {
  return { known: false, why };
}

/** A refusal of this one question makes this one fact unknown. A connection that was lost or could not be made stays an error. */
export async function factOf<T>(read: () => Promise<T>): Promise<Fact<T>> {
  try {
    return { known: true, value: await read() };
  } catch (error) {
    if (!isTealError(error)) throw error;
    const said = error.message.replace(`${error.code}: `, '');
    if (error.code === 'TEAL-SYSTEMS-010') return unknown(`the user may not read it (${said})`);
    if (error.code === 'TEAL-SYSTEMS-401') return unknown(`the cluster refused to tell it (${said})`);
    if (error.code === 'TEAL-SYSTEMS-402') return unknown(`the cluster is too old to tell it (${said})`);
    throw error;
  }
}
