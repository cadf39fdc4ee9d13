import { within } from '../../../kernel/clock.ts';
import { describeError, isTealError, TealError, type ErrorCode } from '../../../kernel/errors.ts';
import type { TableName } from '../../../model/catalog.ts';
import type { OutboxTarget } from '../../../ports/outbox.ts';
import { KeptSession } from '../kept-session.ts';
import { quoteTable } from '../quote.ts';

export interface TableTargetOptions {
  readonly url: string;
  /** Has the columns id (its key), aggregatetype, aggregateid, type and payload: another outbox, or an inbox. */
  readonly table: TableName;
  readonly timeoutMs: number;
}

/** Events as rows of a table, whose key drops what comes twice: each is there once. Several are one transaction. */
export function postgresOutboxTarget({ url, table, timeoutMs }: TableTargetOptions): OutboxTarget {
  const session = new KeptSession({ url, applicationName: 'teal outbox target' });
  const name = quoteTable(table);
  let isBytes: boolean | undefined;
  return {
    place: `${table.schema}.${table.name} of a PostgreSQL`,
    lanes: 1,
    mostAtOnce: 1_000,
    async deliver(events) {
      const late = (): Error => new TealError('TEAL-SYSTEMS-006', 'the target does not answer', { timeoutMs });
      try {
        await within(timeoutMs, late, async (signal) =>
          session.use(async (connection) => {
            isBytes ??=
              (
                await connection.query(
                  `select pg_typeof((select payload from ${name} limit 0)) = 'bytea'::regtype as is`,
                )
              ).rows[0]?.['is'] === 't';
            await connection.transaction(async () => {
              for (const { id, aggregateType, aggregateId, type, payload } of events) {
                await connection.query(
                  `insert into ${name} (id, aggregatetype, aggregateid, type, payload) values ($1, $2, $3, $4, $5) on conflict (id) do nothing`,
                  [
                    id,
                    aggregateType,
                    aggregateId,
                    type,
                    isBytes === true ? payload : (payload?.toString('utf8') ?? null),
                  ],
                );
              }
            });
          }, signal),
        );
      } catch (error) {
        throw new TealError(codeOf(error), describeError(error));
      }
    },
    [Symbol.asyncDispose]: async () => session[Symbol.asyncDispose](),
  };
}

/** A value that the table does not take is the event's fault; what else a server refuses may be; the rest is not. */
function codeOf(error: unknown): ErrorCode {
  if (!isTealError(error)) return 'TEAL-OUTBOX-012';
  const { sqlState } = error.facts;
  if (typeof sqlState === 'string' && (sqlState.startsWith('22') || sqlState.startsWith('23')))
    return 'TEAL-OUTBOX-010';
  return error.code === 'TEAL-SYSTEMS-007' || error.code === 'TEAL-SYSTEMS-008' ? 'TEAL-OUTBOX-011' : 'TEAL-OUTBOX-012';
}
