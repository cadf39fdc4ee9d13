import type { CaptureFamily, CapturedMessage } from '../capture/format.ts';
import { tokensOf as tokensOfMysql } from '../mysql/shadow/tokens.ts';
import { RecentTexts } from '../shadow/recent-texts.ts';
import { normalised, tokensOf, type Token } from '../shadow/tokens.ts';

/** Knows, of one session, which statement each portal and each prepared name is of. */
export class UnitTexts {
  readonly #statements = new Map<string, string>();
  readonly #portals = new Map<string, string | undefined>();

  /** The texts that a unit runs, in their order; undefined among them where nobody knows. Empty: it only prepares. */
  run(messages: readonly CapturedMessage[]): readonly (string | undefined)[] {
    const texts: (string | undefined)[] = [];
    for (const message of messages) {
      switch (message[0]) {
        case 'Q':
          texts.push(message[1]);
          break;
        case 'P':
          this.#statements.set(message[1], message[2]);
          break;
        case 'B':
          this.#portals.set(message[1], this.#statements.get(message[2]));
          break;
        case 'E':
          texts.push(this.#portals.get(message[1]));
          break;
        case 'X':
          texts.push(this.#statements.get(message[1]));
          break;
        case 'I':
          texts.push(`use \`${message[1].replaceAll('`', '``')}\``);
          break;
        case 'Z':
          texts.push(resetText);
          break;
        case 'C':
          if (message[1] === 'S') this.#statements.delete(message[2]);
          break;
        default:
      }
    }
    return texts;
  }
}

/** COM_RESET_CONNECTION, which has no text. */
const resetText = 'reset connection';
const shownCharacters = 2_000;

/** What a unit is counted under: its statements without their values. Each text is looked at once, as long as it is among the last thousand. */
export class Labels {
  readonly #known = new RecentTexts<string>();
  readonly #tokensOf: (sql: string) => readonly Token[] | undefined;

  constructor(tokens: (sql: string) => readonly Token[] | undefined) {
    this.#tokensOf = tokens;
  }

  /** Undefined for a unit that runs nothing. */
  of(texts: readonly (string | undefined)[]): string | undefined {
    if (texts.length === 0) return undefined;
    const labels = texts.map((text) =>
      text === undefined ? unknown : this.#known.of(text, () => this.#labelOf(text)),
    );
    return labels.join('; ').slice(0, shownCharacters);
  }

  #labelOf(text: string): string {
    const tokens = this.#tokensOf(text);
    return tokens === undefined ? unknown : normalised(tokens);
  }
}

const unknown = '(not understood)';

export function labelsOf(family: CaptureFamily): Labels {
  return new Labels(family === 'postgres' ? tokensOf : tokensOfMysql);
}
