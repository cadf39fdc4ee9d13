const keptTexts = 1_000;

/** What was made of texts, as long as each is among the last thousand that were new. */
export class RecentTexts<Made> {
  readonly #known = new Map<string, Made>();

  /** `make` looks at a text once. */
  of(text: string, make: (text: string) => Made): Made {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const made = make(text);
    const [oldest] = this.#known.keys();
    if (this.#known.size >= keptTexts && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(text, made);
    return made;
  }
}
