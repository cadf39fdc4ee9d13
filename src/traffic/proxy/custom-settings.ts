/**
 * Names of settings with a dot (`app.tenant`), learnt from what clients send. The server lists all other settings of a session, but not these
 * placeholders (they are GUC_NO_SHOW_ALL in its source), though applications build row security on them. Knowing a name is enough: the server
 * tells the value. Names are shared by all sessions, since the sessions of one application set the same ones.
 */
const limit = 1_000;
const mention = /\bset(?:_config\s*\(|\s)/i;
const setCommand = /\bset\s+(?:session\s+|local\s+)?"?([a-z_][\w$]*)"?\s*\.\s*"?([a-z_][\w$.]*)"?\s*(?:=|to\b)/gi;
const setFunction = /\bset_config\s*\(\s*'([a-z_][\w$]*\.[\w$.]+)'/gi;
const unknownName = /\bset_config\s*\(\s*(?:\w+\s*=>\s*)?[^'\s]/i;
const dottedName = /[a-z_][\w$]{0,62}\.[\w$.]{1,62}/gi;

/** How much of a statement is looked at. */
export const settingScanBytes = 16 << 10;

export class CustomSettings {
  readonly #names = new Set<string>();
  #full = false;

  get names(): readonly string[] {
    return [...this.#names];
  }

  /** More names than can be kept: no session can be shown to be carried whole. */
  get overflowed(): boolean {
    return this.#full;
  }

  /** Reads a statement's text. True when it sets a setting whose name is a parameter, so that `readParameters` must see the Binds that follow. */
  readStatement(text: string): boolean {
    if (!mention.test(text)) return false;
    for (const [, prefix, name] of text.matchAll(setCommand)) this.add(`${prefix}.${name}`);
    for (const [, name] of text.matchAll(setFunction)) this.add(name ?? '');
    return unknownName.test(text);
  }

  /** Takes whatever looks like such a name from the parameters of a call: one too many does no harm, it has no value. */
  readParameters(bytes: string): void {
    for (const [name] of bytes.matchAll(dottedName)) this.add(name);
  }

  add(name: string): void {
    const folded = name.toLowerCase();
    if (this.#names.has(folded)) return;
    if (this.#names.size < limit) this.#names.add(folded);
    else this.#full = true;
  }
}
