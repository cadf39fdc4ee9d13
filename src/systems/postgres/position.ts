import { TealError } from '../../kernel/errors.ts';
import { formatLsn, parseLsn, type LSN } from '../../model/lsn.ts';
import { asPosition, type Position } from '../../model/position.ts';

/** PostgreSQL's positions are LSNs, written as 16 hexadecimal digits so that they order as text. */
export function positionOfLsn(lsn: LSN): Position {
  const high = Number(lsn >> 32n);
  if (high !== lastHigh.value) lastHigh = { value: high, text: hexOf(high) };
  return asPosition(lastHigh.text + hexOf(Number(lsn & 0xffff_ffffn)));
}

/** It changes every 4 GB of log, and there are two positions in every transaction. */
let lastHigh = { value: 0, text: '00000000' };

/** Eight digits of a number below 2 to the 32nd. */
function hexOf(number: number): string {
  return (number + 0x1_0000_0000).toString(16).slice(1).toUpperCase();
}

export function positionOfLsnText(text: string): Position {
  return positionOfLsn(parseLsn(text));
}

const form = /^[0-9A-F]{16}$/;

export function lsnOfPosition(position: Position): LSN {
  if (!form.test(position)) {
    throw new TealError('TEAL-MODEL-001', 'not a position of PostgreSQL', { length: position.length });
  }
  return BigInt(`0x${position}`);
}

/** As PostgreSQL and people write it: `16/B374D848`. */
export function lsnTextOfPosition(position: Position): string {
  return formatLsn(lsnOfPosition(position));
}

/** The same; `0/0`, which is no place, for a position of another system. */
export function lsnTextIfAny(position: Position): string {
  return form.test(position) ? lsnTextOfPosition(position) : '0/0';
}
