import { letter, postgresEpochUs, type RelationMessage } from './pgoutput.ts';

/**
 * Writes messages of pgoutput, for sources that read changes from elsewhere than the log: whoever reads the log's messages reads these too. Protocol version 1, values as text.
 */

/** NULL is null. */
export type TextCell = string | null;

const identityLetters: Readonly<Record<RelationMessage['replicaIdentity'], string>> = {
  default: 'd',
  nothing: 'n',
  full: 'f',
  index: 'i',
};

/** `final`: where the commit begins. */
export function writeBegin(final: bigint, committedAtUs: bigint, xid: number): Buffer {
  const payload = Buffer.alloc(21);
  payload.writeUInt8(letter.begin);
  payload.writeBigUInt64BE(final, 1);
  payload.writeBigInt64BE(committedAtUs - postgresEpochUs, 9);
  payload.writeUInt32BE(xid >>> 0, 17);
  return payload;
}

export function writeCommit(start: bigint, end: bigint, committedAtUs: bigint): Buffer {
  const payload = Buffer.alloc(26);
  payload.writeUInt8(letter.commit);
  payload.writeBigUInt64BE(start, 2);
  payload.writeBigUInt64BE(end, 10);
  payload.writeBigInt64BE(committedAtUs - postgresEpochUs, 18);
  return payload;
}

export function writeOrigin(name: string): Buffer {
  return Buffer.concat([Buffer.from([letter.origin]), Buffer.alloc(8), text(name)]);
}

export function writeRelation(relation: Omit<RelationMessage, 'kind'>): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(letter.relation);
  head.writeUInt32BE(relation.id, 1);
  const count = Buffer.alloc(3);
  count.write(identityLetters[relation.replicaIdentity], 'latin1');
  count.writeUInt16BE(relation.columns.length, 1);
  const columns = relation.columns.flatMap((column) => {
    const type = Buffer.alloc(8);
    type.writeUInt32BE(column.typeOid);
    type.writeInt32BE(column.typeModifier, 4);
    return [Buffer.from([column.key ? 1 : 0]), text(column.name), type];
  });
  return Buffer.concat([head, text(relation.schema), text(relation.name), count, ...columns]);
}

export function writeInsert(relationId: number, row: readonly TextCell[]): Buffer {
  return Buffer.concat([rowHead(letter.insert, relationId), Buffer.from([letter.new]), tuple(row)]);
}

/** The whole row is now so, whatever was there. */
export function writePut(relationId: number, row: readonly TextCell[]): Buffer {
  return Buffer.concat([rowHead(letter.put, relationId), Buffer.from([letter.new]), tuple(row)]);
}

/** `old`: the whole old row. */
export function writeUpdate(
  relationId: number,
  old: readonly TextCell[] | undefined,
  row: readonly TextCell[],
): Buffer {
  const before = old === undefined ? [] : [Buffer.from([letter.old]), tuple(old)];
  return Buffer.concat([rowHead(letter.update, relationId), ...before, Buffer.from([letter.new]), tuple(row)]);
}

/** `old`: the whole old row. */
export function writeDelete(relationId: number, old: readonly TextCell[]): Buffer {
  return Buffer.concat([rowHead(letter.delete, relationId), Buffer.from([letter.old]), tuple(old)]);
}

export function writeTruncate(relationIds: readonly number[]): Buffer {
  const payload = Buffer.alloc(6 + 4 * relationIds.length);
  payload.writeUInt8(letter.truncate);
  payload.writeUInt32BE(relationIds.length, 1);
  relationIds.forEach((id, index) => payload.writeUInt32BE(id, 6 + 4 * index));
  return payload;
}

/** A transactional one. */
export function writeMessage(position: bigint, prefix: string, content: string): Buffer {
  const head = Buffer.alloc(10);
  head.writeUInt8(letter.message);
  head.writeUInt8(1, 1);
  head.writeBigUInt64BE(position, 2);
  return Buffer.concat([head, text(prefix), sized(content)]);
}

function rowHead(type: number, relationId: number): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(type);
  head.writeUInt32BE(relationId, 1);
  return head;
}

function tuple(row: readonly TextCell[]): Buffer {
  const count = Buffer.alloc(2);
  count.writeUInt16BE(row.length);
  const cells = row.flatMap((value) =>
    value === null ? [Buffer.from([letter.null])] : [Buffer.from([letter.text]), sized(value)],
  );
  return Buffer.concat([count, ...cells]);
}

function text(value: string): Buffer {
  return Buffer.from(`${value}\0`, 'utf8');
}

function sized(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  const length = Buffer.alloc(4);
  length.writeInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
