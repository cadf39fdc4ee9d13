import type { Token } from '../../shadow/tokens.ts';

/** A name in quotes of any kind or in none, lower case. */
export function nameOf({ kind, text }: Pick<Token, 'kind' | 'text'>): string {
  if (kind === 'word' || kind === 'symbol' || !/^[`"]/.test(text)) return text;
  return text.slice(1, -1).toLowerCase();
}

/** Of names as a server tells them: as `nameOf` tells those of a statement, which is one character a byte. */
export function namesAsSaid(names: readonly string[]): ReadonlySet<string> {
  return new Set(
    names.flatMap((name) => {
      const said = Buffer.from(name, 'utf8').toString('latin1');
      return [said.toLowerCase(), said.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())];
    }),
  );
}

/**
 * Whether a dot follows the name of a database, whatever it is the name of there: a table or an alias that is called as one is taken for it. `databases`: see `namesAsSaid`. Pure.
 */
export function namesAnother(tokens: readonly Token[], databases: ReadonlySet<string>): boolean {
  return tokens.some((token, at) => tokens[at + 1]?.text === '.' && databases.has(nameOf(token)));
}
