import { BodyReader } from './body.ts';
import { mariadbCapability, type Capabilities } from './flags.ts';

/** One column of a result (MySQL manual, "Column Definition Protocol"). */
export interface ColumnDefinition {
  readonly schema: string;
  readonly table: string;
  readonly originalTable: string;
  readonly name: string;
  readonly originalName: string;
  /** 63 is binary: bytes, not text. */
  readonly collation: number;
  readonly length: number;
  /** See `fieldType`. */
  readonly type: number;
  readonly flags: number;
  readonly decimals: number;
}

export function readColumn(payload: Buffer, capabilities: Capabilities): ColumnDefinition {
  const body = new BodyReader(payload, 'a column');
  body.lengthEncodedBytes();
  const schema = body.lengthEncodedText();
  const table = body.lengthEncodedText();
  const originalTable = body.lengthEncodedText();
  const name = body.lengthEncodedText();
  const originalName = body.lengthEncodedText();
  if ((capabilities.mariadb & mariadbCapability.extendedMetadata) !== 0) body.lengthEncodedBytes();
  body.lengthEncoded();
  const collation = body.uint16();
  const length = body.uint32();
  const type = body.uint8();
  const flags = body.uint16();
  return { schema, table, originalTable, name, originalName, collation, length, type, flags, decimals: body.uint8() };
}

/** The values of one row in text format, as views; `null` is NULL. */
export function readTextRow(payload: Buffer, columns: number): readonly (Buffer | null)[] {
  const body = new BodyReader(payload, 'a row');
  const values = Array.from({ length: columns }, () => {
    if (body.peek() !== 0xfb) return body.lengthEncodedBytes();
    body.skip(1);
    return null;
  });
  body.end();
  return values;
}
