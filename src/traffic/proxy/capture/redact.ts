import { createHmac } from 'node:crypto';
import type { PlainMessage } from '../../../wire/postgres/plain-message.ts';
import { tokensOf, type Token } from '../shadow/tokens.ts';

/**
 * Replaces the values in what clients ask, keeping kind and length: letters become other letters, digits other digits of a number that is not larger, so that it fits its column; dates stay
 * dates; punctuation stays. Under one key equal values become equal ones, and without it they cannot be had back. All texts: one character a byte.
 */
export class Redactor {
  readonly #key: Buffer;

  constructor(key: string) {
    this.#key = Buffer.from(key, 'hex');
  }

  /** Undefined when the text is not understood, so that nobody can tell what of it is a value. Comments go. */
  statement(text: string): string | undefined {
    return tokensOf(text)
      ?.map((token, at) => `${token.spaced && at > 0 ? ' ' : ''}${this.#token(token)}`)
      .join('');
  }

  /** Undefined when it is not understood. `typesOf`: those that the Parse of a statement named. */
  message(message: PlainMessage, typesOf: (statement: string) => readonly number[]): PlainMessage | undefined {
    switch (message[0]) {
      case 'Q': {
        const text = this.statement(message[1]);
        return text === undefined ? undefined : ['Q', text];
      }
      case 'P': {
        const text = this.statement(message[2]);
        return text === undefined ? undefined : ['P', message[1], text, message[3]];
      }
      case 'B': {
        const [, portal, statement, formats, values, results] = message;
        const types = typesOf(statement);
        const formatAt = (at: number): number => formats[formats.length === 1 ? 0 : at] ?? 0;
        const redacted = values.map((value, at) => {
          if (value === null) return null;
          return formatAt(at) === 0 ? this.value(value) : this.binary(value, types[at] ?? 0);
        });
        return ['B', portal, statement, formats, redacted, results];
      }
      default:
        return message;
    }
  }

  /** A value in text form. */
  value(text: string): string {
    const digest = this.#stream(text);
    if (['true', 'false'].includes(text)) return digest.next() % 2 === 0 ? 'true' : 'false';
    if (['t', 'f'].includes(text)) return digest.next() % 2 === 0 ? 't' : 'f';
    const plain = decode(text);
    const parts = plain.split(whole);
    const words = /^\s*[{[]/.test(plain) ? inJson : others;
    // Each second part is one that the pattern has found.
    return parts.map((part, at) => (at % 2 === 1 ? otherWhole(part, digest) : other(part, words, digest))).join('');
  }

  /** A value in binary form: whole numbers, texts and UUIDs as such; of other types all bytes are 0. */
  binary(bytes: string, type: number): string {
    if (textTypes.has(type) || (type === 0 && /^[\x20-\x7e]+$/.test(bytes))) return this.value(bytes);
    if (type === jsonbType) return `${bytes.slice(0, 1)}${this.value(bytes.slice(1))}`;
    const digest = this.#stream(bytes);
    if (bytes.length === 16 && (type === 0 || type === uuidType)) return digest.bytes(16);
    if (![1, 2, 4, 8].includes(bytes.length) || !(type === 0 || numberTypes.has(type)))
      return '\0'.repeat(bytes.length);
    // Of numbers the highest byte stays: the sign, and of floating ones the size.
    const highest = bytes.charCodeAt(0);
    if (bytes.length === 1) return String.fromCharCode(highest > 1 ? 0 : digest.next() % (highest + 1));
    const rest = Buffer.from(bytes.slice(1), 'latin1');
    const first = rest.findIndex((byte) => byte !== 0);
    const lower = rest.map((byte, at) => (at < first || first === -1 ? 0 : digest.next() % (byte + 1)));
    return `${bytes[0]}${Buffer.from(lower).toString('latin1')}`;
  }

  #token({ kind, text }: Token): string {
    if (kind !== 'literal') return text;
    const [, head, body, tail] = /^([a-zA-Z&]*'|\$\w*\$)([\s\S]*)('|\$\w*\$)$/.exec(text) ?? [];
    if (head === undefined || body === undefined || tail === undefined) return this.number(text);
    if (/^[bBxX]'/.test(head)) return `${head}${this.value(body).replace(/[g-zG-Z]/g, 'a')}${tail}`;
    // Escapes stand for characters: one letter each.
    const plain = /^(?:[eE]|[uU]&)'/.test(head) ? body.replace(/\\./g, 'x') : body;
    const value = head.startsWith('$')
      ? this.value(plain)
      : this.value(plain.replaceAll("''", "'")).replaceAll("'", "''");
    return `${head}${value}${tail}`;
  }

  /** A number as it is written in a statement. Its exponent stays one; hexadecimal and other digits become ones. */
  number(text: string): string {
    if (/^0[xob]/i.test(text)) return text.slice(0, 2) + '1'.repeat(text.length - 2);
    const digest = this.#stream(text);
    return text.replace(/\d+/g, (digits) => smaller(digits, digest));
  }

  #stream(text: string): Digest {
    return new Digest(this.#key, text);
  }
}

const textTypes: ReadonlySet<number> = new Set([25, 1043, 1042, 19, 114, 18, 705]);
const numberTypes: ReadonlySet<number> = new Set([16, 20, 21, 23, 26, 700, 701, 1082, 1083, 1114, 1184]);
const uuidType = 2950;
const jsonbType = 3802;

/** As many bytes as are wanted, which nobody can tell without the key. */
class Digest {
  readonly #key: Buffer;
  readonly #text: string;
  #block = Buffer.alloc(0);
  #at = 0;
  #blocks = 0;

  constructor(key: Buffer, text: string) {
    this.#key = key;
    this.#text = text;
  }

  next(): number {
    if (this.#at === this.#block.length) {
      this.#block = createHmac('sha256', this.#key).update(`${this.#blocks}:${this.#text}`, 'latin1').digest();
      this.#blocks += 1;
      this.#at = 0;
    }
    const byte = this.#block[this.#at] ?? 0;
    this.#at += 1;
    return byte;
  }

  bytes(count: number): string {
    return Buffer.from(Array.from({ length: count }, () => this.next())).toString('latin1');
  }
}

/** Characters outside of ASCII count one each; of bytes that are no UTF-8, each byte. */
function decode(bytes: string): string {
  if (/^[\0-\x7f]*$/.test(bytes)) return bytes;
  const text = Buffer.from(bytes, 'latin1').toString('utf8');
  return text.includes('�') ? bytes : text;
}

/** A date, a UUID, or bytes in hexadecimal digits: their digits mean something together. */
const whole = /((?<!\d)\d{4}-\d\d-\d\d(?!\d)|(?<![\da-f])[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}|^\\x[\da-f]+$)/i;
const others = /\d+|[a-z]|[A-Z]|[^\0-\x7f]/gu;
/** Its escapes stay escapes, and its three words stay words. */
const inJson = /\\u[\da-fA-F]{4}|\\.|\b(?:true|false|null)\b|\d+|[a-z]|[A-Z]|[^\0-\x7f]/gu;

function otherWhole(text: string, digest: Digest): string {
  if (text.startsWith('\\x')) return `\\x${hexadecimal(text.slice(2), digest)}`;
  const [year = '', month, day, ...more] = text.split('-');
  if (month === undefined || day === undefined || more.length > 0) return hexadecimal(text, digest);
  return [smaller(year, digest), two(1 + (digest.next() % 12)), two(1 + (digest.next() % 28))].join('-');
}

function hexadecimal(text: string, digest: Digest): string {
  return text.replace(/[\da-f]/gi, () => (digest.next() % 16).toString(16));
}

function other(text: string, words: RegExp, digest: Digest): string {
  return text.replace(words, (found) => {
    if (/^\d/.test(found)) return smaller(found, digest);
    if (found.startsWith('\\u')) return '\\u0078';
    if (found.startsWith('\\') || found.length > 2) return found;
    const base = /^[A-Z]$/.test(found) ? 65 : 97;
    return String.fromCharCode(base + (digest.next() % 26));
  });
}

/** Digits of a number that is not larger, as many, and with a zero in front only where there was one. */
function smaller(digits: string, digest: Digest): string {
  let isBelow = false;
  return Array.from(digits)
    .map((digit, at) => {
      const lowest = at === 0 && digit !== '0' && digits.length > 1 ? 1 : 0;
      const highest = isBelow ? 9 : Number(digit);
      const chosen = lowest + (digest.next() % (highest - lowest + 1));
      if (chosen < highest) isBelow = true;
      return String(chosen);
    })
    .join('');
}

function two(number: number): string {
  return String(number).padStart(2, '0');
}
