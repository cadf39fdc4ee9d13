/**
 * `teal/outbox`: events of an application, written in the transaction that they tell of, and delivered from there: in order for each aggregate, at least once, each under an id of its own.
 * docs/guide/outbox.md.
 *
 *     import { initOutbox, outboxInsert, relayOutbox } from 'teal/outbox';
 *
 *     await initOutbox({ from: url });
 *     await client.query(...outboxInsert('postgres', { aggregateType: 'order', aggregateId: '17', type: 'placed', payload }));
 *     await relayOutbox({ from: url, to: 'https://shipping.example/events', signal });
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { DeadLetter, OutboxDesk, OutboxLook, OutboxStore } from '../../ports/outbox.ts';
import { defaultLimits, type RelayLimits } from '../../outbox/limits.ts';
import { logQueue, pollingQueue, type OutboxQueue } from '../../outbox/queue.ts';
import { runRelay, type RelayEvent } from '../../outbox/relay.ts';
import { outboxDdl as mysqlDdl } from '../../systems/mysql/outbox/ddl.ts';
import { outboxDdl as postgresDdl } from '../../systems/postgres/outbox/ddl.ts';
import { outboxSystemOf, tableOf } from './address.ts';
import { dropLog, openDesk, openLog, openStore, openTarget, type OutboxPlace, type TargetOptions } from './open.ts';

import { TealError } from '../../kernel/errors.ts';

export { TealError, isTealError, type ErrorCode, type ErrorEntry, type ErrorFacts } from '../../kernel/errors.ts';
export type { DeadLetter, OutboxLook, RelayEvent, RelayLimits, TargetOptions };
export { outboxInsert, outboxMessage, type NewEvent, type Statement } from './insert.ts';

export interface OutboxOptions {
  /** Address of the database that has the outbox: `postgres://…`, `mysql://…`. */
  readonly from: string;
  /** `schema.name`; default `outbox`, in schema `public` or in the database of the address. */
  readonly table?: string;
}

export interface RelayRunOptions extends OutboxOptions, TargetOptions {
  /** Ends the relay: what is being delivered is brought to its end. */
  readonly signal: AbortSignal;
  /** How the relay hears of events: by looking at the table, or by the log of a PostgreSQL. Default: `polling`. */
  readonly by?: 'polling' | 'log';
  readonly limits?: Partial<RelayLimits>;
  readonly onEvent?: (event: RelayEvent) => void;
}

/** The statements that `initOutbox` runs. */
export function outboxDdl({ from, table = 'outbox' }: OutboxOptions): readonly string[] {
  const ddl = outboxSystemOf(from) === 'postgres' ? postgresDdl : mysqlDdl;
  return ddl(tableOf(from, table));
}

/** Makes the outbox and the two tables beside it, where they are missing. TEAL-OUTBOX-001 when one is there and is another. */
export async function initOutbox(options: OutboxOptions): Promise<void> {
  await atDesk(options, async (desk) => desk.install());
}

export async function outboxStatus(options: OutboxOptions): Promise<OutboxLook> {
  return atDesk(options, async (desk) => desk.look());
}

/** The oldest first; default 100 of them. */
export async function deadLetters(
  options: OutboxOptions & { readonly limit?: number },
): Promise<readonly DeadLetter[]> {
  return atDesk(options, async (desk) => desk.letters(options.limit ?? 100));
}

/** Has letters delivered again by the relay: of these ids the whole aggregates, so that their order stays; or all. Answers how many letters. */
export async function retryLetters(options: OutboxOptions, ids: readonly string[] | 'all'): Promise<number> {
  return atDesk(options, async (desk) => desk.retry(ids));
}

/** Throws dead letters away. What waited behind them is delivered. Answers how many. */
export async function discardLetters(options: OutboxOptions, ids: readonly string[]): Promise<number> {
  return atDesk(options, async (desk) => desk.discard(ids));
}

/**
 * Delivers until the signal is aborted. A second relay of the same outbox waits beside the first. Errors: TEAL-OUTBOX-001, -002, -003 the receiver or the database were away for longer than
 * `limits.patienceMs`, -060 and -061 of a log that cannot be read, -063 by polling where the outbox is followed by its log, and those of a session that trying again does not help.
 */
export async function relayOutbox(options: RelayRunOptions): Promise<void> {
  const place = placeOf(options);
  const { by = 'polling' } = options;
  const { log } = await atDesk(options, async (desk) => desk.look());
  if (by === 'polling' && log !== undefined) {
    throw new TealError('TEAL-OUTBOX-063', 'the outbox is followed by its log', { slot: log.slot });
  }
  const limits = { ...defaultLimits, ...options.limits };
  await using target = await openTarget(options);
  await using store = await openStore(place);
  const openQueue = by === 'log' ? await logQueueOf(place, store, limits) : () => pollingQueue(store, limits);
  await runRelay({
    store,
    target,
    limits,
    openQueue,
    holder: { name: randomUUID(), host: hostname(), pid: process.pid },
    stop: options.signal,
    tell: options.onEvent ?? (() => undefined),
  });
}

/**
 * Has the outbox not followed by its log any more: its slot and its publication go, so that the server keeps nothing for it. Rows that were not delivered are in the table, for a relay by polling or a new
 * log; messages, and rows that the application deleted itself, are not. TEAL-OUTBOX-064 while a relay runs.
 */
export async function unfollowOutbox(options: OutboxOptions): Promise<void> {
  const { relay } = await atDesk(options, async (desk) => desk.look());
  if (relay?.runs === true) {
    const { host, pid } = relay;
    throw new TealError('TEAL-OUTBOX-064', `the relay of process ${pid} on ${host} runs`, { host, pid });
  }
  await dropLog(placeOf(options));
}

async function logQueueOf(place: OutboxPlace, store: OutboxStore, limits: RelayLimits): Promise<() => OutboxQueue> {
  const open = await openLog(place);
  return () => logQueue(store, open(), limits);
}

function placeOf({ from, table = 'outbox' }: OutboxOptions): OutboxPlace {
  outboxSystemOf(from);
  return { url: from, table: tableOf(from, table) };
}

async function atDesk<T>(options: OutboxOptions, work: (desk: OutboxDesk) => Promise<T>): Promise<T> {
  await using desk = await openDesk(placeOf(options));
  return await work(desk);
}
