import type { OutboxDesk, OutboxLog, OutboxStore, OutboxTarget } from '../../ports/outbox.ts';
import type { TableName } from '../../model/catalog.ts';
import { webhookTarget } from '../../outbox/webhook.ts';
import { outboxSystemOf, tableOf, wrong } from './address.ts';

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
/** As Debezium's router has it. */
const defaultTopicPrefix = 'outbox.event.';

export async function openStore(place: OutboxPlace): Promise<OutboxStore> {
  if (outboxSystemOf(place.url) === 'postgres') {
    const { postgresOutboxStore } = await import('../../systems/postgres/outbox/store.ts');
    return postgresOutboxStore(place);
  }
  const { mysqlOutboxStore } = await import('../../systems/mysql/outbox/store.ts');
  return mysqlOutboxStore(place);
}

/** Opens readers of the log, one after the other. TEAL-OUTBOX-002 for a system whose log is not read. */
export async function openLog(place: OutboxPlace): Promise<() => OutboxLog> {
  refuseLogOf(place);
  const { postgresOutboxLog } = await import('../../systems/postgres/outbox/log.ts');
  return () => postgresOutboxLog(place);
}

/** The outbox is not followed by its log any more. */
export async function dropLog(place: OutboxPlace): Promise<void> {
  refuseLogOf(place);
  const { dropLog: drop } = await import('../../systems/postgres/outbox/log-setup.ts');
  await drop(place);
}

function refuseLogOf({ url }: OutboxPlace): void {
  if (outboxSystemOf(url) !== 'postgres') throw wrong('by its log only an outbox of PostgreSQL is followed');
}

export async function openDesk(place: OutboxPlace): Promise<OutboxDesk> {
  if (outboxSystemOf(place.url) === 'postgres') {
    const { postgresOutboxDesk } = await import('../../systems/postgres/outbox/desk.ts');
    return postgresOutboxDesk(place);
  }
  const { mysqlOutboxDesk } = await import('../../systems/mysql/outbox/desk.ts');
  return mysqlOutboxDesk(place);
}

export async function openTarget(options: TargetOptions): Promise<OutboxTarget> {
  const { to, headers = {}, timeoutMs = defaultTimeoutMs, lanes = defaultLanes } = options;
  if (/^https?:/.test(to)) {
    const url = URL.parse(to);
    if (url === null || url.username !== '')
      throw wrong('a webhook is an http(s) address without a user; a secret goes into --header');
    return webhookTarget({ url: to, headers, timeoutMs, lanes });
  }
  if (to.startsWith('kafka:')) {
    const { kafkaOutboxTarget } = await import('../../systems/kafka/outbox/target.ts');
    return kafkaOutboxTarget({ url: to, topicPrefix: options.topicPrefix ?? defaultTopicPrefix, timeoutMs });
  }
  if (/^(postgres(ql)?|mysql|mariadb):/.test(to)) return openTableTarget(options, timeoutMs);
  throw wrong('where events go is an address of http(s), kafka, postgres or mysql');
}

async function openTableTarget({ to, toTable }: TargetOptions, timeoutMs: number): Promise<OutboxTarget> {
  if (toTable === undefined) throw wrong('a database takes events in a table: name it (--to-table)');
  const options = { url: to, table: tableOf(to, toTable), timeoutMs };
  if (outboxSystemOf(to) === 'postgres') {
    const { postgresOutboxTarget } = await import('../../systems/postgres/outbox/target.ts');
    return postgresOutboxTarget(options);
  }
  const { mysqlOutboxTarget } = await import('../../systems/mysql/outbox/target.ts');
  return mysqlOutboxTarget(options);
}
