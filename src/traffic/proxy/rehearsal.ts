import {
  encodeBind,
  encodeExecute,
  encodeParse,
  encodeQuery,
  encodeSync,
  frontend,
  unnamedParse,
} from '../../wire/postgres/frontend.ts';
import type { BackendLink } from './backend-link.ts';

/** So many statements of a session are rehearsed, those that it prepared last. */
export const rehearsedAtMost = 16;

/** Whoever changes the schema on that side is not waited for. */
const brieflySql = `select pg_catalog.set_config('lock_timeout', '100ms', true)`;

/**
 * Has a backend that a session will be given plan the session's statements, and run none of them: what it would look up in the catalog when the first one comes, with a client
 * waiting for the answer, it has looked up then. Leaves nothing behind. A statement that cannot be planned without its parameters' values is left alone.
 * `parses`: Parse messages, with the numbers that types have there. Errors: TEAL-TRAFFIC-008.
 */
export async function rehearse(link: Pick<BackendLink, 'ask'>, parses: readonly Buffer[]): Promise<void> {
  // The transaction of each ends at its Sync, and the setting with it.
  const briefly = Buffer.concat([encodeParse('', brieflySql), encodeBind('', []), encodeExecute()]);
  for (const parse of parses) {
    const bind = encodeBind(
      '',
      Array.from({ length: parametersOf(parse) }, () => null),
    );
    await link.ask(Buffer.concat([briefly, unnamedParse(parse), bind, encodeSync()]));
  }
  // A simple query ends the unnamed statement.
  await link.ask(encodeQuery(''));
}

/** How many parameters the text of a Parse names. */
export function parametersOf(parse: Buffer): number {
  if (parse[0] !== frontend.parse) return 0;
  let most = 0;
  for (const [, digits] of parse.toString('latin1').matchAll(/\$(\d{1,5})/g)) most = Math.max(most, Number(digits));
  return Math.min(most, 0xffff);
}
