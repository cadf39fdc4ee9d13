import { TealError } from '../../kernel/errors.ts';
import type { ChangeRecord } from '../../ports/change-source.ts';
import { decodePgoutput } from '../../wire/postgres/pgoutput.ts';
import { positionOfLsn } from './position.ts';

const letter = { begin: 'B', commit: 'C', relation: 'R', type: 'Y', message: 'M' } as const;
const changeLetters = new Set(['O', 'I', 'U', 'D', 'T']);

/**
 * Says of each pgoutput payload what a spool must know, without decoding rows, and refuses an order that protocol version 1 does not have. Types are left out:
 * nobody needs them. Messages outside a transaction too: they have no place in the order of commits.
 */
export class RecordReader {
  #insideTransaction = false;

  get insideTransaction(): boolean {
    return this.#insideTransaction;
  }

  /** Undefined for what is left out. Throws TEAL-WIRE-001. */
  read(payload: Buffer): ChangeRecord | undefined {
    const type = payload.toString('latin1', 0, 1);
    switch (type) {
      case letter.begin:
        this.#expectInside(false, type);
        this.#insideTransaction = true;
        return { kind: 'begin', payload };
      case letter.commit: {
        this.#expectInside(true, type);
        const message = decodePgoutput(payload);
        if (message.kind !== 'commit') throw new TealError('TEAL-WIRE-001', 'a commit that is none');
        this.#insideTransaction = false;
        return { kind: 'commit', end: positionOfLsn(message.end), payload };
      }
      case letter.type:
        return undefined;
      case letter.message:
        return this.#readLogicalMessage(payload);
      case letter.relation: {
        this.#expectInside(true, type);
        if (payload.length < 5) throw new TealError('TEAL-WIRE-001', 'a relation that is cut short');
        return { kind: 'schema', key: String(payload.readUInt32BE(1)), payload };
      }
      default:
        if (!changeLetters.has(type)) throw new TealError('TEAL-WIRE-001', 'a message of an unknown type', { type });
        this.#expectInside(true, type);
        return { kind: 'change', payload };
    }
  }

  #readLogicalMessage(payload: Buffer): ChangeRecord | undefined {
    const message = decodePgoutput(payload);
    if (message.kind !== 'message' || !message.transactional) return undefined;
    this.#expectInside(true, letter.message);
    return { kind: 'change', payload };
  }

  #expectInside(inside: boolean, type: string): void {
    if (this.#insideTransaction !== inside) {
      throw new TealError('TEAL-WIRE-001', 'a message at a place where none of its type may be', { type, inside });
    }
  }
}
