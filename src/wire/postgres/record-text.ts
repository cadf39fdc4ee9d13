import { TealError } from '../../kernel/errors.ts';

/**
 * The fields of a row in the text form of a composite type, as `record_out` writes it (manual: "Composite Type Input and Output Syntax"): `(1,,"a ""b""","")`. A field of nothing is
 * NULL; inside of quotation marks a doubled quotation mark, and a doubled backslash, stand for one. Dropped columns have no field. Errors: TEAL-WIRE-001.
 */
export function parseRecordText(text: string): (string | null)[] {
  if (!text.startsWith('(') || !text.endsWith(')')) throw malformed(text);
  const fields: (string | null)[] = [];
  const last = text.length - 1;
  let at = 1;
  for (;;) {
    const quoted = text[at] === '"';
    const end = quoted ? endOfQuoted(text, at) : endOfPlain(text, at, last);
    if (quoted) fields.push(unescaped(text.slice(at + 1, end - 1)));
    else fields.push(end === at ? null : text.slice(at, end));
    if (end === last) return fields;
    if (text[end] !== ',') throw malformed(text);
    at = end + 1;
  }
}

/** A field without quotation marks holds no comma. */
function endOfPlain(text: string, from: number, last: number): number {
  const comma = text.indexOf(',', from);
  return comma === -1 ? last : comma;
}

/** The place after the closing mark. */
function endOfQuoted(text: string, from: number): number {
  for (let at = from + 1; ; at += 2) {
    at = text.indexOf('"', at);
    if (at === -1) throw malformed(text);
    if (text[at + 1] !== '"') return at + 1;
  }
}

function unescaped(inner: string): string {
  const plain = inner.includes('"') ? inner.replaceAll('""', '"') : inner;
  return plain.includes('\\') ? plain.replaceAll('\\\\', '\\') : plain;
}

function malformed(text: string): TealError {
  return new TealError('TEAL-WIRE-001', 'a row that is no text of a composite type', { length: text.length });
}
