import { encodeBinaryValue, readBinaryValue } from './binary-values.ts';
import { BodyReader, malformed, uint16, uint32, uint8 } from './body.ts';
import { command } from './commands.ts';

/**
 * A client's command as plain values that JSON can carry, byte for byte: every text is one character a byte. The first word is the command:
 *
 *     Q text; P statement text; X statement types values; C of statement; I database; Z
 *
 * COM_QUERY, COM_STMT_PREPARE, COM_STMT_EXECUTE, COM_STMT_CLOSE, COM_INIT_DB, COM_RESET_CONNECTION. `types` are of two bytes each, as they were bound; a value is what the binary protocol has for
 * its type, without its length.
 */
export type PlainCommand =
  | readonly ['Q', string]
  | readonly ['P', string, string, readonly number[]]
  | readonly ['X', string, readonly number[], readonly (string | null)[]]
  | readonly ['C', 'S' | 'P', string]
  | readonly ['I', string]
  | readonly ['Z'];

export interface Bound {
  readonly types: readonly number[];
  readonly values: readonly (string | null)[];
}

/**
 * What COM_STMT_EXECUTE says behind the number of its statement (MySQL manual, "COM_STMT_EXECUTE"), with types and whole values. Errors: TEAL-WIRE-001, also for one that opens a cursor.
 *
 *     int<1> flags | int<4> 1 | nulls | int<1> 1 | int<2> a type, each | a value, each that is not NULL
 */
export function readBound(bytes: Buffer, parameters: number): Bound {
  const body = new BodyReader(bytes, 'COM_STMT_EXECUTE');
  if (body.uint8() !== 0 || body.uint32() !== 1) throw malformed('COM_STMT_EXECUTE', 'it opens a cursor');
  if (parameters === 0) return { types: [], values: [] };
  const nulls = body.bytes((parameters + 7) >> 3);
  if (body.uint8() !== 1) throw malformed('COM_STMT_EXECUTE', 'its types were bound before');
  const types = Array.from({ length: parameters }, () => body.uint16());
  const values = types.map((type, at) => {
    const isNull = ((nulls[at >> 3] ?? 0) & (1 << (at & 7))) !== 0;
    return isNull ? null : readBinaryValue(body, type & 0xff).toString('latin1');
  });
  body.end();
  return { types, values };
}

/** COM_STMT_EXECUTE of a statement under the number that the server knows it by. */
export function encodeExecution(statement: number, { types, values }: Bound): Buffer {
  const head = [uint8(command.stmtExecute), uint32(statement), uint8(0), uint32(1)];
  if (types.length === 0) return Buffer.concat(head);
  const nulls = Buffer.alloc((types.length + 7) >> 3);
  values.forEach((value, at) => {
    if (value === null) nulls[at >> 3] = (nulls[at >> 3] ?? 0) | (1 << (at & 7));
  });
  const encoded = values.flatMap((value, at) =>
    value === null ? [] : [encodeBinaryValue(Buffer.from(value, 'latin1'), (types[at] ?? 0) & 0xff)],
  );
  return Buffer.concat([...head, nulls, uint8(1), ...types.map((type) => uint16(type)), ...encoded]);
}
