import { BodyReader, frame, int16, int32, malformed } from './body.ts';
import { frameHeaderBytes } from './frames.ts';
import { frontend } from './frontend.ts';

/**
 * A client's message as plain values that JSON can carry, byte for byte (PostgreSQL manual, "Message Formats"): every text is one character a byte. The first word is the message's type:
 *
 *     Q text; P name text types; B portal statement formats values result-formats; D of name; E portal rows; C of name; H
 *
 * `of`: `S` a statement, `P` a portal. Sync, COPY, function calls and what belongs to the log-in have no plain form.
 */
export type PlainMessage =
  | readonly ['Q', string]
  | readonly ['P', string, string, readonly number[]]
  | readonly ['B', string, string, readonly number[], readonly (string | null)[], readonly number[]]
  | readonly ['D', 'S' | 'P', string]
  | readonly ['E', string, number]
  | readonly ['C', 'S' | 'P', string]
  | readonly ['H'];

/** Undefined for a message without a plain form. Errors: TEAL-WIRE-001. */
export function plainMessage(bytes: Buffer): PlainMessage | undefined {
  const read = new BodyReader(bytes.subarray(frameHeaderBytes), 'a message of a client');
  const plain = plainBody(bytes[0] ?? 0, read);
  if (plain !== undefined) read.end();
  return plain;
}

function plainBody(type: number, read: BodyReader): PlainMessage | undefined {
  switch (type) {
    case frontend.query:
      return ['Q', read.byteText()];
    case frontend.parse: {
      const [name, text] = [read.byteText(), read.byteText()];
      return ['P', name, text, Array.from({ length: read.uint16() }, () => read.uint32())];
    }
    case frontend.bind: {
      const [portal, statement] = [read.byteText(), read.byteText()];
      const formats = Array.from({ length: read.uint16() }, () => read.int16());
      const values = Array.from({ length: read.uint16() }, () => valueOf(read));
      return ['B', portal, statement, formats, values, Array.from({ length: read.uint16() }, () => read.int16())];
    }
    case frontend.describe:
      return ['D', kindOf(read), read.byteText()];
    case frontend.execute:
      return ['E', read.byteText(), read.int32()];
    case frontend.close:
      return ['C', kindOf(read), read.byteText()];
    case frontend.flush:
      return ['H'];
    default:
      return undefined;
  }
}

function valueOf(read: BodyReader): string | null {
  const length = read.int32();
  return length < 0 ? null : read.bytes(length).toString('latin1');
}

function kindOf(read: BodyReader): 'S' | 'P' {
  return read.byte() === 0x53 ? 'S' : 'P';
}

/** The message again. Errors: TEAL-WIRE-001 when a text that the protocol ends with a zero byte has one inside. */
export function encodePlain(message: PlainMessage): Buffer {
  switch (message[0]) {
    case 'Q':
      return frame('Q', ended(message[1]));
    case 'P': {
      const [, name, text, types] = message;
      return frame('P', ended(name), ended(text), count16(types.length), ...types.map(int32));
    }
    case 'B': {
      const [, portal, statement, formats, values, results] = message;
      return frame(
        'B',
        ended(portal),
        ended(statement),
        count16(formats.length),
        ...formats.map(int16),
        count16(values.length),
        ...values.flatMap(valueBytes),
        count16(results.length),
        ...results.map(int16),
      );
    }
    case 'D':
    case 'C':
      return frame(message[0], Buffer.from(message[1], 'latin1'), ended(message[2]));
    case 'E':
      return frame('E', ended(message[1]), int32(message[2]));
    case 'H':
      return frame('H');
  }
}

function valueBytes(value: string | null): readonly Buffer[] {
  if (value === null) return [int32(-1)];
  const bytes = Buffer.from(value, 'latin1');
  return [int32(bytes.length), bytes];
}

/** Unsigned: a Bind may have 65 535 values. */
function count16(count: number): Buffer {
  return int16(count > 0x7fff ? count - 0x1_0000 : count);
}

function ended(text: string): Buffer {
  if (text.includes('\0')) throw malformed('an outgoing text', 'it contains a zero byte');
  return Buffer.from(`${text}\0`, 'latin1');
}
