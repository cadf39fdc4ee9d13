import { pino } from 'pino';
import { describeError } from '../../kernel/errors.ts';
import { redact } from '../../kernel/redact.ts';
import { serveMetrics } from './serve-metrics.ts';
import { outboxStatus, relayOutbox, type RelayEvent, type RelayRunOptions } from './index.ts';

export interface OutboxProcessOptions extends Omit<RelayRunOptions, 'signal' | 'onEvent'> {
  /** `host:port`; default: nowhere. */
  readonly metrics?: string;
}

/**
 * `teal outbox relay`: the relay in the foreground until a signal ends it; a second one ends the process at once. Logs JSON lines to standard output: ids, counts and codes, never a payload.
 */
export async function runOutbox(options: OutboxProcessOptions): Promise<void> {
  const logger = pino({ base: { process: 'outbox' } });
  const stop = new AbortController();
  const end = (signal: string): void => {
    logger.info({ signal }, 'ending');
    if (stop.signal.aborted) process.exit(1);
    stop.abort(new Error('stopped'));
  };
  process.on('SIGTERM', end).on('SIGINT', end);
  try {
    await using served = new AsyncDisposableStack();
    if (options.metrics !== undefined) {
      const { port } = served.use(await serveMetrics(options.metrics, async () => outboxStatus(options)));
      logger.info({ port }, 'metrics');
    }
    await relayOutbox({ ...options, signal: stop.signal, onEvent: (event) => log(logger, event) });
  } finally {
    process.off('SIGTERM', end).off('SIGINT', end);
  }
  logger.info('ended');
}

function log(logger: pino.Logger, { kind, ...facts }: RelayEvent): void {
  if (!('error' in facts)) {
    logger.info(facts, kind);
    return;
  }
  const { error, ...others } = facts;
  logger.warn({ ...others, error: redact(describeError(error)) }, kind);
}
