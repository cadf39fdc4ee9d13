import { TealError } from '../../../kernel/errors.ts';
import type { ChangeRecord } from '../../../ports/change-source.ts';
import {
  writeBegin,
  writeCommit,
  writeDelete,
  writeInsert,
  writeMessage,
  writeOrigin,
  writePut,
  writeRelation,
  writeTruncate,
  writeUpdate,
} from '../../../wire/postgres/pgoutput-writer.ts';
import type { PgConnection } from '../connection.ts';
import { positionOfLsn } from '../position.ts';
import { Shapes, type Shape } from './shapes.ts';
import type { NotedTransaction, RecordedChange } from './transactions.ts';

/** Recorded changes as records of a stream. It describes a table before its first change, and anew when its columns or its key are others. */
export class RecordWriter {
  readonly #shapes = new Shapes();
  /** By the table's number: what was described last. */
  readonly #described = new Map<number, Shape>();

  /** Before `changes`. Errors: TEAL-SYSTEMS-040. */
  async learn(connection: PgConnection, changes: readonly RecordedChange[]): Promise<void> {
    const wanted = new Map<string, { relation: number; form: string }>();
    for (const { relation, shape } of changes) {
      if (shape !== null) wanted.set(`${relation} ${shape}`, { relation, form: shape });
    }
    await this.#shapes.read(connection, wanted);
  }

  /** `end`: where the transaction ends. */
  begin(transaction: NotedTransaction, end: bigint): readonly ChangeRecord[] {
    const xid = Number(BigInt(transaction.xid) & 0xffff_ffffn);
    const begin: ChangeRecord = { kind: 'begin', payload: writeBegin(end - 1n, transaction.atUs, xid) };
    if (transaction.origin === undefined) return [begin];
    return [begin, { kind: 'change', payload: writeOrigin(transaction.origin) }];
  }

  commit(transaction: NotedTransaction, end: bigint): ChangeRecord {
    return { kind: 'commit', end: positionOfLsn(end), payload: writeCommit(end - 1n, end, transaction.atUs) };
  }

  *changes(changes: readonly RecordedChange[]): Generator<ChangeRecord> {
    let emptied: number[] = [];
    for (const change of changes) {
      if (change.operation !== 'T' && emptied.length > 0) {
        yield { kind: 'change', payload: writeTruncate(emptied) };
        emptied = [];
      }
      if (change.operation === 'M') {
        yield { kind: 'change', payload: writeMessage(0n, change.oldRow ?? '', change.newRow ?? '') };
        continue;
      }
      const shape = this.#shapes.get(change.relation, change.shape ?? '');
      if (this.#described.get(change.relation) !== shape) {
        this.#described.set(change.relation, shape);
        yield { kind: 'schema', key: String(change.relation), payload: writeRelation(shape.relation) };
      }
      // One TRUNCATE of several tables fires a trigger for each, one after the other; they may hang together by foreign keys.
      if (change.operation === 'T') emptied.push(change.relation);
      else yield { kind: 'change', payload: rowPayload(change, shape) };
    }
    if (emptied.length > 0) yield { kind: 'change', payload: writeTruncate(emptied) };
  }
}

function rowPayload({ operation, relation, oldRow, newRow }: RecordedChange, shape: Shape): Buffer {
  const before = oldRow === null ? undefined : shape.read(oldRow);
  const after = newRow === null ? undefined : shape.read(newRow);
  if (operation === 'I' && after !== undefined) return writeInsert(relation, after);
  if (operation === 'P' && after !== undefined) return writePut(relation, after);
  if (operation === 'D' && before !== undefined) return writeDelete(relation, before);
  if (operation === 'U' && before !== undefined && after !== undefined) {
    return writeUpdate(relation, shape.isSameKey(before, after) ? undefined : before, after);
  }
  throw new TealError('TEAL-WIRE-001', 'a recorded change of an unknown kind', { operation });
}
