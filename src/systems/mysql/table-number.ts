import { createHash } from 'node:crypto';
import { tableKey, type TableName } from '../../model/catalog.ts';

/**
 * What a table is called by in a stream, in 32 bits: made of its name, so that the copy, the stream and a later process mean the same table by it. A
 * server's own numbers change with every ALTER TABLE. Two tables of one number in one stream are refused (see `RecordReader`): among a thousand tables
 * that is one chance in ten thousand.
 */
export function tableNumber(table: TableName): number {
  return createHash('sha256').update(tableKey(table), 'utf8').digest().readUInt32BE(0);
}
