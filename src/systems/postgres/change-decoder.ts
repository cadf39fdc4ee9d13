import { unreachable } from '../../kernel/assert.ts';
import { TealError } from '../../kernel/errors.ts';
import type { OldRow, Relation, RowValues, StreamEvent } from '../../model/change.ts';
import type { ChangeDecoder } from '../../ports/change-source.ts';
import { PgoutputReader, type PgoutputMessage } from '../../wire/postgres/pgoutput.ts';
import { textsOf } from './control-texts.ts';
import { positionOfLsn } from './position.ts';

/**
 * pgoutput messages as events. Remembers relations: each change refers to the newest description that came before it. `relation` is the same object
 * for all changes until a new description replaces it.
 */
export class PgoutputDecoder implements ChangeDecoder {
  readonly #relations = new Map<number, Relation>();
  readonly #reader = new PgoutputReader();

  decode(payload: Buffer): StreamEvent | undefined {
    return this.decodeIn(payload, 0, payload.length);
  }

  decodeIn(bytes: Buffer, from: number, to: number): StreamEvent | undefined {
    return this.#eventOf(this.#reader.read(bytes, from, to));
  }

  #eventOf(message: PgoutputMessage): StreamEvent | undefined {
    switch (message.kind) {
      case 'insert':
      case 'put': {
        const relation = this.#relation(message.relationId);
        return { kind: message.kind, relation, row: readable(relation, fitting(relation, message.row)) };
      }
      case 'update': {
        const relation = this.#relation(message.relationId);
        const row = readable(relation, fitting(relation, message.row));
        return message.old === undefined
          ? { kind: 'update', relation, row }
          : { kind: 'update', relation, old: fittingOld(relation, message.old), row };
      }
      case 'delete': {
        const relation = this.#relation(message.relationId);
        return { kind: 'delete', relation, old: fittingOld(relation, message.old) };
      }
      case 'truncate': {
        const relations = message.relationIds.map((id) => this.#relation(id));
        return { kind: 'truncate', relations, cascade: message.cascade, restartIdentity: message.restartIdentity };
      }
      case 'begin':
        return {
          kind: 'begin',
          xid: message.xid,
          committedAtUs: message.committedAtUs,
          commitsAt: positionOfLsn(message.final),
        };
      case 'commit':
        return { kind: 'commit', end: positionOfLsn(message.end) };
      case 'origin':
        return { kind: 'origin', name: message.name };
      case 'message': {
        const { transactional, prefix, content } = message;
        return { kind: 'message', transactional, prefix, content };
      }
      case 'relation': {
        const { id, schema, name, replicaIdentity, columns } = message;
        const relation: Relation = Object.freeze({ id, schema, name, replicaIdentity, columns });
        this.#relations.set(id, relation);
        return { kind: 'relation', relation };
      }
      case 'type':
        return undefined;
      default:
        return unreachable(message, 'message of pgoutput');
    }
  }

  #relation(id: number): Relation {
    const relation = this.#relations.get(id);
    if (relation === undefined)
      throw new TealError('TEAL-WIRE-001', 'a change of a table that was not described', { id });
    return relation;
  }
}

/** Rows of Teal's own tables are read, all others are only passed on. */
function readable(relation: Relation, row: RowValues): RowValues {
  return row.isBinary && relation.schema === 'teal' ? textsOf(relation, row) : row;
}

function fitting(relation: Relation, row: RowValues): RowValues {
  if (row.length !== relation.columns.length) {
    throw new TealError('TEAL-WIRE-001', 'a row with another number of values than its table has columns', {
      schema: relation.schema,
      table: relation.name,
      values: row.length,
      columns: relation.columns.length,
    });
  }
  return row;
}

function fittingOld(relation: Relation, old: OldRow): OldRow {
  fitting(relation, old.values);
  return old;
}
