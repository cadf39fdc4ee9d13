import { hash } from 'node:crypto';
import type { CarriedRecord } from '../../wire/kafka/record.ts';

/** 16 bytes as latin1: of a record's time and all that it carries, not of its place. */
export function digestOf({ timestamp, content }: CarriedRecord): string {
  const time = Buffer.alloc(8);
  time.writeBigInt64BE(timestamp);
  return hash('sha256', Buffer.concat([time, content]), 'buffer')
    .subarray(0, 16)
    .toString('latin1');
}
