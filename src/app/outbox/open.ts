import type { OutboxDesk, OutboxStore, OutboxTarget } from '../../ports/outbox.ts';
import type { TableName } from '../../model/catalog.ts';
import { webhookTarget } from '../../outbox/webhook.ts';
import { outboxSystemOf, wrong } from './address.ts';

export interface OutboxPlace {
  readonly url: string;
  readonly table: TableName;
}

export interface TargetOptions {
  /** `http(s)://…`, `kafka://…`, `postgres://…`, `mysql://…`. */
  readonly to: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly lanes?: number;
  /** Kafka: what a topic's name begins with; the type of the aggregate follows. */
  readonly topicPrefix?: string;
  /** PostgreSQL and MySQL: the table that takes the events. */
  readonly toTable?: string;
}

const defaultTimeoutMs = 10_000;
const defaultLanes = 8;

export async function openStore(place: OutboxPlace): Promise<OutboxStore> {
  if (outboxSystemOf(place.url) === 'postgres') {
    const { postgresOutboxStore } = await import('../../systems/postgres/outbox/store.ts');
    return postgresOutboxStore(place);
  }
  throw wrong('not yet');
}

export async function openDesk(place: OutboxPlace): Promise<OutboxDesk> {
  if (outboxSystemOf(place.url) === 'postgres') {
    const { postgresOutboxDesk } = await import('../../systems/postgres/outbox/desk.ts');
    return postgresOutboxDesk(place);
  }
  throw wrong('not yet');
}

export async function openTarget(options: TargetOptions): Promise<OutboxTarget> {
  const { to, headers = {}, timeoutMs = defaultTimeoutMs, lanes = defaultLanes } = options;
  if (/^https?:/.test(to)) {
    const url = URL.parse(to);
    if (url === null || url.username !== '')
      throw wrong('a webhook is an http(s) address without a user; a secret goes into --header');
    return webhookTarget({ url: to, headers, timeoutMs, lanes });
  }
  throw wrong('where events go is an address of http(s), kafka, postgres or mysql');
}
