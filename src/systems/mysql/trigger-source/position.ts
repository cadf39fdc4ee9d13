import { TealError } from '../../../kernel/errors.ts';
import { asPosition, type Position } from '../../../model/position.ts';

/** A place in the record of changes: within a tick, or at its end. */
export interface RecordPlace {
  readonly tick: bigint;
  /** That were recorded from the beginning of the record to here. */
  readonly bytes: bigint;
}

const tickDigits = 12;
const byteDigits = 18;
const pattern = /^(\d{12})\.(\d{18})$/;

/** `000000000042.000000000000123456`: they order as text, and none is ever compared with a place of a binlog. */
export function positionOfPlace({ tick, bytes }: RecordPlace): Position {
  return asPosition(`${String(tick).padStart(tickDigits, '0')}.${String(bytes).padStart(byteDigits, '0')}`);
}

/** TEAL-MODEL-001 for what is none. */
export function placeOfPosition(position: Position): RecordPlace {
  const match = pattern.exec(position);
  if (match === null)
    throw new TealError('TEAL-MODEL-001', 'not a position of a record of changes', { length: position.length });
  return { tick: BigInt(match[1] ?? 0), bytes: BigInt(match[2] ?? 0) };
}

/** Behind this place and before every later one. Nothing can be read on from it. */
export function justBehind(place: RecordPlace): Position {
  return asPosition(`${positionOfPlace(place)}+`);
}

/** No question to the source: positions count bytes. */
export function bytesBetween(from: Position, to: Position): number {
  return to <= from ? 0 : Number(placeOfPosition(to).bytes - placeOfPosition(from).bytes);
}
