import { within } from '../kernel/clock.ts';
import { TealError, type ErrorCode } from '../kernel/errors.ts';
import type { OutboxEvent, OutboxTarget } from '../ports/outbox.ts';

/** One change, as the second system is told of it. */
export interface SecondWrite {
  /** The same each time that it is tried. */
  readonly id: string;
  /** What it is about, and which one: changes of the same come in their order, one at a time. */
  readonly entity: string;
  readonly key: string;
  readonly operation: string;
  /** What was noted, as JSON gives it back. */
  readonly argument: unknown;
}

/** Resolves when the second system has it. It must bear to be called again with what was done before: an upsert, a delete of what may be gone. */
export type WriteSecond = (write: SecondWrite, signal: AbortSignal) => Promise<void>;

export interface HandlerOptions {
  readonly second: WriteSecond;
  readonly timeoutMs: number;
  readonly lanes: number;
  /** Whether an error says that the second system takes nothing now, whatever the change; see `looksAway`. */
  readonly isAway: (error: unknown) => boolean;
}

export function handlerTarget({ second, timeoutMs, lanes, isAway }: HandlerOptions): OutboxTarget {
  return {
    place: 'the second system',
    lanes,
    mostAtOnce: 1,
    async deliver(events) {
      for (const event of events) {
        const late = (): Error => new TealError('TEAL-DUALWRITE-002', `not done within ${timeoutMs} ms`, { timeoutMs });
        try {
          await within(timeoutMs, late, async (signal) => second(writeOf(event), signal));
        } catch (error) {
          const code: ErrorCode = isAway(error) ? 'TEAL-OUTBOX-012' : 'TEAL-OUTBOX-011';
          throw new TealError(code, `the second write failed: ${nameOf(error)}`, { id: event.id });
        }
      }
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function writeOf({ id, aggregateType, aggregateId, type, payload }: OutboxEvent): SecondWrite {
  const argument: unknown = payload === null ? null : JSON.parse(payload.toString('utf8'));
  return { id, entity: aggregateType, key: aggregateId, operation: type, argument };
}

/** Messages of drivers repeat values: name and code alone are told. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const code: unknown = Reflect.get(error, 'code');
  return typeof code === 'string' || typeof code === 'number' ? `${error.name} ${code}` : error.name;
}

const away = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  'PROTOCOL_CONNECTION_LOST',
  'ER_CON_COUNT_ERROR',
  '53300',
]);

/** By the codes of Node, of PostgreSQL (connection exceptions, shut down) and of MySQL's driver. */
export function looksAway(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(looksAway);
  if (!(error instanceof Error)) return false;
  const code: unknown = Reflect.get(error, 'code');
  if (typeof code === 'string' && (away.has(code) || /^(08|57P0)/.test(code))) return true;
  return error.message.startsWith('Connection terminated') || looksAway(error.cause);
}
