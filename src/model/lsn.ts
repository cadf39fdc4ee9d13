import { TealError } from '../kernel/errors.ts';

/** A place in PostgreSQL's write-ahead log, as an unsigned 64-bit number. Text form `16/B374D848` (manual: pg_lsn). */
export type LSN = bigint;

export function parseLsn(text: string): LSN {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text);
  if (match === null) throw new TealError('TEAL-MODEL-001', 'not a log position', { length: text.length });
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`);
}

export function formatLsn(lsn: LSN): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffffffffn).toString(16).toUpperCase()}`;
}
