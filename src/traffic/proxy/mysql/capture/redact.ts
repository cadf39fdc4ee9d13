import { BodyReader, uint16, uint32, uint8 } from '../../../../wire/mysql/body.ts';
import { fieldType } from '../../../../wire/mysql/binary-values.ts';
import type { Bound } from '../../../../wire/mysql/plain-command.ts';
import { Redactor } from '../../capture/redact.ts';
import type { Token } from '../../shadow/tokens.ts';
import { tokensAsWritten } from '../shadow/tokens.ts';

/** Replaces the values in what clients of MySQL and MariaDB ask, as `Redactor` does. All texts: one character a byte. */
export class MysqlRedactor {
  readonly #values: Redactor;

  constructor(key: string) {
    this.#values = new Redactor(key);
  }

  /**
   * Undefined when the text is not understood, so that nobody can tell what of it is a value. Comments go. SET keeps the values of settings; one that names a user's variable or a password is replaced
   * as others are.
   */
  statement(text: string): string | undefined {
    const tokens = tokensAsWritten(text);
    if (tokens === undefined) return undefined;
    const keeps = setsSettingsAlone(tokens);
    return tokens
      .map((token, at) => {
        const shown = keeps || token.kind !== 'literal' ? token.text : this.#literal(token, tokens[at - 1]);
        return token.spaced && at > 0 ? ` ${shown}` : shown;
      })
      .join('');
  }

  /** Parameters in binary form: numbers, texts, dates and times as such. */
  bound({ types, values }: Bound): Bound {
    return {
      types,
      values: values.map((value, at) => (value === null ? null : this.#binary(value, types[at] ?? 0))),
    };
  }

  #literal({ text, spaced }: Token, before: Token | undefined): string {
    const quote = text.charAt(0);
    if (quote !== "'" && quote !== '"')
      return /^0x/i.test(text) ? `0x${this.#hexadecimal(text.slice(2))}` : this.#values.number(text);
    const prefix = spaced || before?.kind !== 'word' ? '' : before.text.toLowerCase();
    // @'name'
    if (!spaced && before?.text === '@') return text;
    const body = text.slice(1, -1);
    if (prefix === 'x') return `${quote}${this.#hexadecimal(body)}${quote}`;
    if (prefix === 'b') return `${quote}${body.replace(/\d/g, '1')}${quote}`;
    // Escapes stand for characters: one letter each.
    const plain = body.replace(/\\[\s\S]/g, 'x').replaceAll(quote + quote, quote);
    return `${quote}${this.#values.value(plain).replaceAll(quote, quote + quote)}${quote}`;
  }

  /** Of a text the digits of another text; equal ones stay equal. */
  #hexadecimal(digits: string): string {
    if (digits.length % 2 !== 0) return '1'.repeat(digits.length);
    return Buffer.from(this.#values.value(Buffer.from(digits, 'hex').toString('latin1')), 'latin1').toString('hex');
  }

  #binary(value: string, flagged: number): string {
    const [type, isUnsigned] = [flagged & 0xff, (flagged & 0x8000) !== 0];
    switch (type) {
      case fieldType.null:
        return value;
      case fieldType.tiny:
      case fieldType.short:
      case fieldType.year:
      case fieldType.long:
      case fieldType.int24:
      case fieldType.longlong:
        return this.#integer(Buffer.from(value, 'latin1'), isUnsigned).toString('latin1');
      case fieldType.float:
      case fieldType.double:
        return this.#floating(Buffer.from(value, 'latin1')).toString('latin1');
      case fieldType.date:
      case fieldType.datetime:
      case fieldType.timestamp:
        return this.#moment(value);
      case fieldType.time:
        return this.#duration(value);
      default:
        return this.#values.value(value);
    }
  }

  /** The digits that it would have as text, so that equal numbers stay equal in either form. */
  #integer(bytes: Buffer, isUnsigned: boolean): Buffer {
    const bits = bytes.length * 8;
    const raw = BigInt(`0x${Buffer.from(bytes.toReversed()).toString('hex')}`);
    const number = isUnsigned ? raw : BigInt.asIntN(bits, raw);
    const size = BigInt(this.#values.value(String(number < 0n ? -number : number)));
    const digits = BigInt.asUintN(bits, number < 0n ? -size : size)
      .toString(16)
      .padStart(bits / 4, '0');
    return Buffer.from(Buffer.from(digits, 'hex').toReversed());
  }

  #floating(bytes: Buffer): Buffer {
    const isDouble = bytes.length === 8;
    const number = isDouble ? bytes.readDoubleLE() : bytes.readFloatLE();
    const redacted = Math.sign(number) * Number(this.#values.number(String(Math.abs(number))));
    const out = Buffer.alloc(bytes.length);
    if (isDouble) out.writeDoubleLE(Number.isNaN(redacted) ? 0 : redacted);
    else out.writeFloatLE(Number.isNaN(redacted) ? 0 : redacted);
    return out;
  }

  /** int<2> year | int<1> month | int<1> day, and hour, minute, second, and int<4> microseconds; as many of them as are not zero. */
  #moment(value: string): string {
    const body = new BodyReader(Buffer.from(value, 'latin1'), 'a date');
    if (body.left === 0) return value;
    const date = [body.uint16(), body.uint8(), body.uint8()].map((part, at) =>
      String(part).padStart(at === 0 ? 4 : 2, '0'),
    );
    const [year = 0, month = 1, day = 1] = this.#values.value(date.join('-')).split('-').map(Number);
    const parts = [uint16(year), uint8(month), uint8(day), ...this.#clock(body)];
    return Buffer.concat(parts).toString('latin1');
  }

  /** int<1> sign | int<4> days, and the same. */
  #duration(value: string): string {
    const body = new BodyReader(Buffer.from(value, 'latin1'), 'a time');
    if (body.left === 0) return value;
    const parts = [uint8(body.uint8()), uint32(this.#smaller(body.uint32())), ...this.#clock(body)];
    return Buffer.concat(parts).toString('latin1');
  }

  #clock(body: BodyReader): readonly Buffer[] {
    const parts: Buffer[] = [];
    for (let at = 0; at < 3 && body.left > 0; at += 1) parts.push(uint8(this.#smaller(body.uint8())));
    if (body.left > 0) parts.push(uint32(this.#smaller(body.uint32())));
    return parts;
  }

  #smaller(number: number): number {
    return Number(this.#values.value(String(number)));
  }
}

/** SET of settings: what stands there are words of the server. */
function setsSettingsAlone(tokens: readonly Token[]): boolean {
  if (tokens[0]?.text.toLowerCase() !== 'set') return false;
  return tokens.every(({ kind, text }, at) => {
    if (text === ';' && at < tokens.length - 1) return false;
    if (kind === 'word' && text.toLowerCase() === 'password') return false;
    const isAt = kind === 'symbol' && text === '@';
    return !isAt || tokens[at + 1]?.text === '@' || tokens[at - 1]?.text === '@';
  });
}
