import { TealError } from '../../../kernel/errors.ts';
import type { Position } from '../../../model/position.ts';

/** How far the log of an outbox is delivered, as `outbox_relay.place` keeps it: in one transaction with what it says was delivered. */
export interface LogPlace {
  /** `systemid` of the server: a place of another one means nothing here. */
  readonly system: string;
  readonly slot: string;
  /** `pg_current_snapshot()` of the moment from which the slot has the log, while rows that it shows may be undelivered: no log tells of them. */
  readonly backlog?: string;
  /** Every transaction that ends here or before is delivered. */
  readonly after: Position;
  /** Of the transaction whose commit record is here, so many events are delivered too. */
  readonly inside?: { readonly commitsAt: Position; readonly done: number };
}

export function writePlace(place: LogPlace): string {
  return JSON.stringify(place);
}

/** Undefined for NULL: the outbox is not followed by its log. TEAL-OUTBOX-001 for what is no place. */
export function readPlace(text: string | null): LogPlace | undefined {
  if (text === null) return undefined;
  const place = parsed(text);
  if (place === undefined)
    throw new TealError('TEAL-OUTBOX-001', 'the place in the row of the relay is none of PostgreSQL’s log');
  return place;
}

function parsed(text: string): LogPlace | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { system, slot, backlog, after, inside } = value as Record<string, unknown>;
  if (typeof system !== 'string' || typeof slot !== 'string' || !isLogPosition(after)) return undefined;
  const base = { system, slot, after, ...(typeof backlog === 'string' ? { backlog } : {}) };
  if (typeof inside !== 'object' || inside === null) return base;
  const { commitsAt, done } = inside as Record<string, unknown>;
  if (!isLogPosition(commitsAt) || typeof done !== 'number') return undefined;
  return { ...base, inside: { commitsAt, done } };
}

function isLogPosition(value: unknown): value is Position {
  return typeof value === 'string' && /^[0-9A-F]{16}$/.test(value);
}
