import { TealError } from '../../kernel/errors.ts';
import type { ChangeRecord } from '../../ports/change-source.ts';
import { PgoutputReader, decodePgoutput, letter, type RelationMessage } from '../../wire/postgres/pgoutput.ts';
import { positionOfLsn } from './position.ts';

/** What is written there says who owns the data, whoever wrote it. */
const tealSchema = 'teal';

export interface RecordReaderOptions {
  /** Whether transactions of this origin were applied by Teal; default: none was. */
  readonly isOwn?: (origin: string) => boolean;
  /** Told of each description of a table, before any row of it. */
  readonly onRelation?: (relation: RelationMessage) => void;
}

/**
 * Says of each pgoutput payload what a spool must know, without decoding rows, and refuses an order that protocol version 1 does not have. Types are left out:
 * nobody needs them. Messages outside a transaction too: they have no place in the order of commits. And the rows of transactions that Teal applied itself, but
 * for those of its own tables: they came from the other side, which has them, and one side's whole traffic would be stored and decoded for nothing.
 */
export class RecordReader {
  readonly #isOwn: (origin: string) => boolean;
  readonly #onRelation: (relation: RelationMessage) => void;
  /** Relations of Teal's own schema, by number. */
  readonly #tealTables = new Set<number>();
  readonly #commits = new PgoutputReader();
  #ownerTable: number | undefined;
  #decides = false;
  #insideTransaction = false;
  #isOwnTransaction = false;

  constructor({ isOwn = () => false, onRelation = () => undefined }: RecordReaderOptions = {}) {
    this.#isOwn = isOwn;
    this.#onRelation = onRelation;
  }

  get insideTransaction(): boolean {
    return this.#insideTransaction;
  }

  /** Undefined for what is left out. Throws TEAL-WIRE-001. */
  read(payload: Buffer): ChangeRecord | undefined {
    const type = payload[0] ?? 0;
    switch (type) {
      case letter.begin:
        this.#expectInside(false, type);
        this.#insideTransaction = true;
        this.#isOwnTransaction = false;
        this.#decides = false;
        return { kind: 'begin', payload };
      case letter.commit: {
        this.#expectInside(true, type);
        const message = this.#commits.read(payload, 0, payload.length);
        if (message.kind !== 'commit') throw new TealError('TEAL-WIRE-001', 'a commit that is none');
        this.#insideTransaction = false;
        const end = positionOfLsn(message.end);
        return this.#decides ? { kind: 'commit', end, payload, decides: true } : { kind: 'commit', end, payload };
      }
      case letter.type:
        return undefined;
      case letter.message:
        return this.#readLogicalMessage(payload);
      case letter.relation:
        return this.#readRelation(payload);
      case letter.origin:
        return this.#readOrigin(payload);
      case letter.truncate:
        this.#expectInside(true, type);
        return { kind: 'change', payload };
      case letter.insert:
      case letter.update:
      case letter.delete: {
        this.#expectInside(true, type);
        const id = relationId(payload);
        if (id === this.#ownerTable) this.#decides = true;
        return this.#isOwnTransaction && !this.#tealTables.has(id) ? undefined : { kind: 'change', payload };
      }
      default:
        throw new TealError('TEAL-WIRE-001', 'a message of an unknown type', { type });
    }
  }

  #readRelation(payload: Buffer): ChangeRecord {
    this.#expectInside(true, letter.relation);
    const message = decodePgoutput(payload);
    if (message.kind !== 'relation') throw new TealError('TEAL-WIRE-001', 'a relation that is none');
    this.#onRelation(message);
    if (message.schema === tealSchema) this.#tealTables.add(message.id);
    else this.#tealTables.delete(message.id);
    if (message.schema === tealSchema && message.name === 'owner') this.#ownerTable = message.id;
    return { kind: 'schema', key: String(message.id), payload };
  }

  #readOrigin(payload: Buffer): ChangeRecord {
    this.#expectInside(true, letter.origin);
    const message = decodePgoutput(payload);
    if (message.kind !== 'origin') throw new TealError('TEAL-WIRE-001', 'an origin that is none');
    this.#isOwnTransaction = this.#isOwn(message.name);
    return { kind: 'change', payload };
  }

  #readLogicalMessage(payload: Buffer): ChangeRecord | undefined {
    const message = decodePgoutput(payload);
    if (message.kind !== 'message' || !message.transactional) return undefined;
    this.#expectInside(true, letter.message);
    return { kind: 'change', payload };
  }

  #expectInside(inside: boolean, type: number): void {
    if (this.#insideTransaction !== inside) {
      throw new TealError('TEAL-WIRE-001', 'a message at a place where none of its type may be', { type, inside });
    }
  }
}

function relationId(payload: Buffer): number {
  if (payload.length < 5) throw new TealError('TEAL-WIRE-001', 'a row that is cut short');
  return payload.readUInt32BE(1);
}
