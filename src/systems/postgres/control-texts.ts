import { TealError } from '../../kernel/errors.ts';
import { PackedValues } from '../../kernel/packed-values.ts';
import { formatLsn } from '../../model/lsn.ts';
import type { CellValue, Relation, RowValues } from '../../model/change.ts';
import { postgresEpochUs } from '../../wire/postgres/pgoutput.ts';

/** By the type's number: how a binary value is written as a text. The types of Teal's own published tables (see teal-schema.ts). */
const writers: ReadonlyMap<number, (value: Buffer) => string> = new Map([
  [23, (value) => String(value.readInt32BE(0))],
  [25, (value) => value.toString('utf8')],
  [1184, (value) => timeText(value.readBigInt64BE(0) + postgresEpochUs)],
  [3220, (value) => formatLsn(value.readBigUInt64BE(0))],
]);

/** A row of a table of Teal's own with its values as texts. Errors: TEAL-WIRE-001 for a type that none of them has. */
export function textsOf(relation: Relation, row: RowValues): RowValues {
  return PackedValues.of(relation.columns.map(({ typeOid }, column) => textOf(typeOid, row.at(column))));
}

function textOf(typeOid: number, value: CellValue): CellValue {
  if (value === null || value === undefined) return value;
  const write = writers.get(typeOid);
  if (write === undefined)
    throw new TealError('TEAL-WIRE-001', 'a value of a type that no table of Teal has', { typeOid });
  try {
    return Buffer.from(write(value));
  } catch (error) {
    throw new TealError('TEAL-WIRE-001', 'a value that is too short for its type', { typeOid }, error);
  }
}

/** Of microseconds since 1970, in UTC. */
function timeText(us: bigint): string {
  const seconds = us / 1_000_000n;
  const rest = us % 1_000_000n;
  const [whole, fraction] = rest < 0n ? [seconds - 1n, rest + 1_000_000n] : [seconds, rest];
  return new Date(Number(whole) * 1000).toISOString().replace('.000Z', `.${String(fraction).padStart(6, '0')}+00`);
}
